import { inputError } from '../../base/errors.ts';
import type { AnswerStyles, LengthUnit } from './answer-styles.ts';
import type { Battle } from './battles.ts';
import { bradleyTerryRates, type ResampleOptions } from './bradley-terry-rates.ts';
import type { ArenaGroup, Grouped } from './groups.ts';
import { meanRates } from './mean-rates.ts';
import { STYLE_CONTROLS, type Style, type StyleControl } from './style.ts';
import { type StyleCoefficient, type StyleFit, type StyleRate, styleRates } from './style-rates.ts';
import type { ArenaVersion } from './verdict.ts';

export interface ArenaHardOptions {
  /** Of the resamples. Default 42. */
  readonly seed?: number;
  /** Default 100, as in the official programs. */
  readonly resamples?: number;
  /** Default null: none. */
  readonly styleControl?: StyleControl | null;
  /** Gives mean lengths, and styles to battles that carry none. */
  readonly answers?: AnswerStyles;
}

/** A model's result in points, 0 to 100, against the baseline. */
export interface ArenaRow {
  readonly model: string;
  /** null where there is one group only. */
  readonly category: string | null;
  readonly isBaseline: boolean;
  /** Comparisons as they count: a strong verdict is several. */
  readonly n: number;
  /** Games with a verdict; null where the file holds expanded battles. */
  readonly games: number | null;
  /** Games without a usable verdict, left out; null where the file holds expanded battles. */
  readonly dropped: number | null;
  /** null where no game has a verdict. */
  readonly winRate: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Coverage of the interval. */
  readonly level: number;
  /** v2.0: the mean of the resamples, which the official table shows. */
  readonly bootstrapMean: number | null;
  /** v0.1: on Elo's scale, the baseline at 1000; null where it is infinite. */
  readonly rating: number | null;
  readonly tiesShare: number | null;
  /** Mean length of the model's answers; null without answers. */
  readonly meanTokens: number | null;
  readonly styleControlled: StyleRate | null;
}

export interface ArenaHard {
  readonly version: ArenaVersion;
  readonly seed: number;
  readonly resamples: number;
  readonly styleControl: StyleControl | null;
  /** What lengths are counted in; null without answers. */
  readonly lengthUnit: LengthUnit | null;
  /** By category, the best first. */
  readonly models: readonly ArenaRow[];
  readonly styleCoefficients: readonly (StyleCoefficient & { readonly category: string | null })[];
  /** What a reader must know of these numbers. */
  readonly notes: readonly string[];
}

/** Coverage of the official intervals. */
const LEVELS: Readonly<Record<ArenaVersion, number>> = { 'v0.1': 0.95, 'v2.0': 0.9 };
/** How often a strong verdict counts. */
export const STRONG_WEIGHT = 3;
/** Up to so many models, the mean style of the battles is mostly these models' own. */
const FEW_MODELS = 5;

/** Arena-Hard from battles or judgments (`groupBattles`, `groupJudgments`), group by group. */
export function arenaHard({ version, groups }: Grouped, options: ArenaHardOptions = {}): ArenaHard {
  const { seed = 42, resamples = 100, styleControl = null, answers } = options;
  const level = LEVELS[version];
  const results = groups.map((group) => groupResult(group, version, { seed, resamples, level }, options));
  return {
    version,
    seed,
    resamples,
    styleControl,
    lengthUnit: answers?.unit ?? null,
    models: results.flatMap(({ rows }) => rows),
    styleCoefficients: results.flatMap(({ style }, i) =>
      (style?.coefficients ?? []).map((one) => ({
        category: (groups[i] as ArenaGroup).category,
        ...one,
      })),
    ),
    notes: results.flatMap(({ notes }) => notes),
  };
}

interface GroupResult {
  readonly rows: readonly ArenaRow[];
  readonly style: StyleFit | null;
  readonly notes: readonly string[];
}

function groupResult(
  group: ArenaGroup,
  version: ArenaVersion,
  resampling: ResampleOptions,
  { styleControl = null, answers }: ArenaHardOptions,
): GroupResult {
  const { category, baseline, battles, games } = group;
  const elo = version === 'v0.1' && battles.length > 0 ? bradleyTerryRates(group, resampling) : null;
  const means = version === 'v2.0' && battles.length > 0 ? meanRates(group, resampling) : null;
  const style =
    styleControl === null || battles.length === 0
      ? null
      : styleRates(group, {
          ...resampling,
          version,
          features: STYLE_CONTROLS[styleControl],
          stylesOf: stylesFrom(battles, answers),
        });
  const counts = countsOf(battles);
  const total = (key: 'counted' | 'dropped') =>
    games === null ? null : [...games.values()].reduce((sum, count) => sum + count[key], 0);
  const models = new Set([baseline, ...(games?.keys() ?? []), ...counts.keys()]);
  const rows = [...models].map((model): ArenaRow => {
    const rate = elo?.get(model) ?? means?.get(model) ?? null;
    const { n, ties } = counts.get(model) ?? { n: 0, ties: 0 };
    const isBaseline = model === baseline;
    return {
      model,
      category,
      isBaseline,
      n,
      games: isBaseline ? total('counted') : (games?.get(model)?.counted ?? null),
      dropped: isBaseline ? total('dropped') : (games?.get(model)?.dropped ?? null),
      winRate: rate?.winRate ?? null,
      low: rate?.low ?? null,
      high: rate?.high ?? null,
      level: resampling.level,
      bootstrapMean: means?.get(model)?.bootstrapMean ?? null,
      rating: elo?.get(model)?.rating ?? null,
      tiesShare: n === 0 ? null : ties / n,
      meanTokens: meanTokens(model, answers),
      styleControlled: style?.rates.get(model) ?? null,
    };
  });
  rows.sort((x, y) => (y.winRate ?? -1) - (x.winRate ?? -1) || (x.model < y.model ? -1 : 1));
  return { rows, style, notes: notesOf(group, rows, style, version) };
}

function countsOf(battles: readonly Battle[]): ReadonlyMap<string, { n: number; ties: number }> {
  const counts = new Map<string, { n: number; ties: number }>();
  for (const { a, b, shareOfA } of battles) {
    for (const model of [a, b]) {
      const own = counts.get(model) ?? { n: 0, ties: 0 };
      counts.set(model, own);
      own.n++;
      if (shareOfA === 0.5) own.ties++;
    }
  }
  return counts;
}

function meanTokens(model: string, answers: AnswerStyles | undefined): number | null {
  const own = [...(answers?.styles.get(model)?.values() ?? [])];
  return own.length === 0 ? null : own.reduce((sum, { tokens }) => sum + tokens, 0) / own.length;
}

/**
 * Styles of both answers of a battle: from the answers, or from the row where there are no answers.
 *
 * @throws inputError `no-answers`: neither has them.
 */
function stylesFrom(battles: readonly Battle[], answers: AnswerStyles | undefined) {
  const of = ({ a, b, question, styles }: Battle): readonly [Style, Style] | null => {
    if (answers === undefined) return styles;
    const [ofA, ofB] = [answers.styles.get(a)?.get(question), answers.styles.get(b)?.get(question)];
    return ofA === undefined || ofB === undefined ? null : [ofA, ofB];
  };
  const lacking = battles.filter((battle) => of(battle) === null);
  const [one] = lacking;
  if (one !== undefined) {
    throw inputError('no-answers', `${lacking.length} of ${battles.length} battles have no style`, {
      got:
        answers === undefined
          ? 'no answers and no conv_metadata'
          : { question: one.question, a: one.a, b: one.b },
      need: 'an answer of both models to each question',
      remedy: 'Name the answers of the models and of the baseline by --answers',
    });
  }
  return (battle: Battle) => of(battle) as readonly [Style, Style];
}

function notesOf(
  { category, baseline, games }: ArenaGroup,
  rows: readonly ArenaRow[],
  style: StyleFit | null,
  version: ArenaVersion,
): readonly string[] {
  const where = category === null ? '' : `${category}: `;
  const notes: string[] = [];
  if (version === 'v2.0' && category === null)
    notes.push(
      `Rows without a category are one group against ${baseline}; the question file gives categories`,
    );
  const dropped = [...(games?.values() ?? [])].reduce((sum, count) => sum + count.dropped, 0);
  if (dropped > 0) {
    const both = version === 'v2.0' ? '; a game without one takes the other of its judgment with it' : '';
    notes.push(`${where}${dropped} games without a usable verdict are left out${both}`);
  }
  const others = rows.filter(({ isBaseline }) => !isBaseline);
  for (const { model, winRate } of others) {
    if (winRate === null) notes.push(`${where}${model} has no game with a verdict`);
    else if (version === 'v0.1' && (winRate === 0 || winRate === 100))
      notes.push(`${where}${model} has no finite rating: ${winRate} is the limit`);
  }
  if (style === null) return notes;
  if (style.resamplesLeftOut > 0)
    notes.push(
      `${where}${style.resamplesLeftOut} resamples have no finite fit of style and are left out of its intervals`,
    );
  const alike = style.coefficients.filter(({ coefficient }) => coefficient === null);
  if (alike.length > 0)
    notes.push(
      `${where}All battles are alike in ${alike.map(({ feature }) => feature).join(', ')}: no coefficient`,
    );
  if (others.length <= FEW_MODELS)
    notes.push(
      `${where}The official style control compares at the mean style of the battles at hand: with ${others.length} ${others.length === 1 ? 'model' : 'models'} against ${baseline} that is mostly their own, and little is controlled. At equal style compares answers of the same style`,
    );
  return notes;
}
