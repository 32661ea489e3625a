import { inputError } from '../../base/errors.ts';
import type { Battle } from './battles.ts';
import { type ArenaJudgment, battlesOf, type GameCount } from './judgments.ts';
import type { ArenaVersion } from './verdict.ts';

/** Battles that are counted together, all against one baseline. */
export interface ArenaGroup {
  /** null where there is one group only. */
  readonly category: string | null;
  readonly baseline: string;
  readonly battles: readonly Battle[];
  /** null where the rows were expanded by somebody else. */
  readonly games: ReadonlyMap<string, GameCount> | null;
}

/** Of v2.0; the questions of v0.1 are one group. */
const BASELINES: Readonly<Record<string, string>> = {
  hard_prompt: 'o3-mini-2025-01-31',
  coding: 'o3-mini-2025-01-31',
  math: 'o3-mini-2025-01-31',
  creative_writing: 'gemini-2.0-flash-001',
};
const BASELINE_V01 = 'gpt-4-0314';

export interface GroupOptions {
  /** Default: v2.0 where rows are of its categories, else v0.1. */
  readonly version?: ArenaVersion;
  /** Default: what the rows say, or the benchmark's own. */
  readonly baseline?: string;
  /** Question id → category, for rows that carry none. */
  readonly categories?: ReadonlyMap<string, string>;
}

export interface Grouped {
  readonly version: ArenaVersion;
  readonly groups: readonly ArenaGroup[];
}

/** Groups of judgments, each with its battles; weight is how often a strong verdict counts. */
export function groupJudgments(
  judgments: readonly ArenaJudgment[],
  weight: number,
  options: GroupOptions,
): Grouped {
  const { version, parts } = partsOf(judgments, options);
  const groups = parts.map(({ category, rows }) => {
    const named = [...new Set(rows.flatMap(({ baseline }) => (baseline === null ? [] : [baseline])))];
    const baseline = baselineOf(named, category, version, options.baseline);
    return { category, baseline, ...battlesOf(rows, baseline, version, weight) };
  });
  return { version, groups };
}

/** Groups of battles that were expanded already. */
export function groupBattles(battles: readonly Battle[], options: GroupOptions): Grouped {
  const { version, parts } = partsOf(battles, options);
  const groups = parts.map(({ category, rows }) => {
    const baseline = baselineOf([], category, version, options.baseline);
    const models = new Set(rows.flatMap(({ a, b }) => [a, b]));
    if (!models.has(baseline)) {
      throw inputError('no-baseline', `no battle is against ${baseline}${within(category)}`, {
        got: [...models],
        remedy: 'Name the model that the others are measured against by --baseline',
      });
    }
    const between = rows.find(({ a, b }) => a !== baseline && b !== baseline);
    if (version === 'v2.0' && between !== undefined) {
      throw inputError('no-baseline', `a battle of v2.0 is not against ${baseline}${within(category)}`, {
        got: [between.a, between.b],
        remedy: 'Battles between other models are fitted by --version v0.1',
      });
    }
    return { category, baseline, battles: rows, games: null };
  });
  return { version, groups };
}

interface Categorised {
  readonly question: string;
  readonly category: string | null;
}

function partsOf<T extends Categorised>(rows: readonly T[], { categories, version: asked }: GroupOptions) {
  const categoryOf = ({ question, category }: T) => category ?? categories?.get(question) ?? null;
  const isNew = (category: string | null) => category !== null && Object.hasOwn(BASELINES, category);
  const version: ArenaVersion =
    asked ?? (rows.some((row) => isNew(categoryOf(row))) ? ('v2.0' as const) : ('v0.1' as const));
  const parts = new Map<string | null, T[]>();
  for (const row of rows) {
    const category = version === 'v0.1' ? null : categoryOf(row);
    const part = parts.get(category);
    if (part === undefined) parts.set(category, [row]);
    else part.push(row);
  }
  return { version, parts: [...parts].map(([category, part]) => ({ category, rows: part })) };
}

/** Of what the rows name, the user names, and the benchmark has: one, without contradiction. */
function baselineOf(
  named: readonly string[],
  category: string | null,
  version: ArenaVersion,
  asked: string | undefined,
): string {
  const all = [...new Set([...named, ...(asked === undefined ? [] : [asked])])];
  if (all.length > 1) {
    throw inputError('two-baselines', `one group has several baselines${within(category)}`, {
      need: 'one',
      got: all,
      remedy: 'Compute them apart, each with its own file',
    });
  }
  if (all[0] !== undefined) return all[0];
  if (version === 'v0.1') return BASELINE_V01;
  return BASELINES[category ?? 'hard_prompt'] ?? unknownBaseline(category);
}

function unknownBaseline(category: string | null): never {
  throw inputError('no-baseline', `Arena-Hard has no baseline for the category ${category}`, {
    need: Object.keys(BASELINES),
    remedy: 'Name the model that the others are measured against by --baseline',
  });
}

function within(category: string | null): string {
  return category === null ? '' : ` in the category ${category}`;
}
