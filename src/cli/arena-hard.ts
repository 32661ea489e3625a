import { type Command, Option } from 'commander';
import { inputError } from '../base/errors.ts';
import type { ArenaHard, ArenaRow } from '../evaluate/arena-hard/arena-hard.ts';
import { readArenaHard } from '../evaluate/arena-hard/read.ts';
import { STYLE_CONTROLS, type StyleControl } from '../evaluate/arena-hard/style.ts';
import type { StyleCoefficient } from '../evaluate/arena-hard/style-rates.ts';
import type { ArenaVersion } from '../evaluate/arena-hard/verdict.ts';
import { percent, signed } from '../report/numbers.ts';
import { csvTable, nameColumn, numberColumn, type TextColumn, textTable } from './columns.ts';
import { wholeNumber } from './options.ts';
import type { Outside } from './outside.ts';
import { checkResultFlags, printResult, type ResultFlags, withResultFlags } from './result-flags.ts';

interface ArenaHardFlags extends ResultFlags {
  readonly judgments?: readonly string[];
  readonly battles?: readonly string[];
  readonly version?: ArenaVersion;
  readonly styleControl?: StyleControl | true;
  readonly answers?: readonly string[];
  readonly tokenizer?: string;
  readonly questions?: string;
  readonly baseline?: string;
  readonly seed: string;
}

/** `winnow arena-hard`: the benchmark from judgments that are there already. */
export function addArenaHard(program: Command, outside: Outside): void {
  const command = program
    .command('arena-hard')
    .description(
      'Arena-Hard from published or own judgments: win rate against the baseline, with its interval',
    )
    .option(
      '--judgments <files...>',
      'JSONL of {question_id or uid, model, judge, games: [{score}, {score}]}',
    )
    .option('--battles <files...>', 'JSONL of {question_id, model_a, model_b, winner}, expanded already')
    .addOption(
      new Option(
        '--version <name>',
        'of the benchmark (default: v2.0 where rows are of its categories, else v0.1)',
      ).choices(['v0.1', 'v2.0']),
    )
    .addOption(
      new Option(
        '--style-control [what]',
        'hold style constant: all of it (style, the default), the length or the markdown alone',
      ).choices(Object.keys(STYLE_CONTROLS)),
    )
    .option('--answers <paths...>', 'files or folders of answers: styles and mean lengths')
    .option('--tokenizer <dir>', 'count lengths with its tokenizer.json, instead of what the answers say')
    .option('--questions <file>', 'question file: categories for rows that carry none')
    .option('--baseline <name>', 'the model that all are measured against (default: the benchmark’s)')
    .option('--seed <n>', 'seed of the resamples', '42');
  withResultFlags(command).action(async (flags: ArenaHardFlags) => {
    checkResultFlags(flags);
    const result = await compute(flags);
    printResult(outside, flags, {
      data: result,
      text: () => textOf(result),
      csv: () => csvTable(columnsOf(result), result.models),
    });
  });
}

async function compute(flags: ArenaHardFlags): Promise<ArenaHard> {
  const { judgments, battles, version, answers, tokenizer, questions, baseline } = flags;
  const verdicts = judgments ?? battles;
  if (verdicts === undefined || (judgments !== undefined && battles !== undefined)) {
    throw inputError('verdicts-missing', 'the verdicts come from judgments or from battles', {
      need: 'either --judgments or --battles',
    });
  }
  if (tokenizer !== undefined && answers === undefined) {
    throw inputError('answers-missing', '--tokenizer counts the tokens of answers', { need: '--answers' });
  }
  return readArenaHard(
    {
      kind: judgments === undefined ? 'battles' : 'judgments',
      verdicts,
      ...(answers === undefined ? {} : { answers }),
      ...(tokenizer === undefined ? {} : { tokenizer }),
      ...(questions === undefined ? {} : { questions }),
    },
    {
      seed: wholeNumber('seed', flags.seed, 0),
      styleControl: flags.styleControl === true ? 'style' : (flags.styleControl ?? null),
      ...(version === undefined ? {} : { version }),
      ...(baseline === undefined ? {} : { baseline }),
    },
  );
}

function columnsOf(result: ArenaHard): readonly TextColumn<ArenaRow>[] {
  const interval = levelOf(result);
  const grouped = result.models.some(({ category }) => category !== null);
  return [
    nameColumn('Model', 'model', ({ model }) => model),
    ...(grouped ? [nameColumn<ArenaRow>('Category', 'category', ({ category }) => category)] : []),
    numberColumn('Win rate %', 'winRate', ({ winRate }) => winRate, 2),
    ...range(interval, '', (row) => row),
    ...(result.styleControl === null
      ? []
      : [
          numberColumn(
            'Style-controlled %',
            'styleWinRate',
            ({ styleControlled: own }: ArenaRow) => own?.winRate ?? null,
            2,
          ),
          ...range(interval, 'style', ({ styleControlled: own }) => own),
          numberColumn(
            'At equal style %',
            'equalStyleWinRate',
            ({ styleControlled: own }: ArenaRow) => own?.atEqualStyle.winRate ?? null,
            2,
          ),
          ...range(interval, 'equalStyle', ({ styleControlled: own }) => own?.atEqualStyle ?? null),
        ]),
    numberColumn('n', 'n', ({ n }) => n, 0),
    numberColumn('Games', 'games', ({ games }) => games, 0),
    numberColumn('Dropped', 'dropped', ({ dropped }) => dropped, 0),
    {
      heading: 'Ties',
      name: 'tiesShare',
      show: ({ tiesShare }) => (tiesShare === null ? null : percent(tiesShare)),
      value: ({ tiesShare }) => tiesShare,
    },
    numberColumn('Mean tokens', 'meanTokens', ({ meanTokens }) => meanTokens, 0),
  ];
}

type Range = { readonly low: number | null; readonly high: number | null } | null;

/** Both bounds of an interval. */
function range(heading: string, prefix: string, of: (row: ArenaRow) => Range): TextColumn<ArenaRow>[] {
  const name = (part: string) => (prefix === '' ? part.toLowerCase() : `${prefix}${part}`);
  return [
    numberColumn(`${heading} low`, name('Low'), (row) => of(row)?.low ?? null, 2),
    numberColumn('high', name('High'), (row) => of(row)?.high ?? null, 2),
  ];
}

/** One a version of the benchmark. */
function levelOf({ models }: ArenaHard): string {
  return `${100 * (models[0]?.level ?? 0)} %`;
}

const FEATURE_WORDS: Readonly<Record<StyleCoefficient['feature'], string>> = {
  tokens: 'length',
  headers: 'headers',
  lists: 'list items',
  bold: 'bold passages',
};

function textOf(result: ArenaHard): string {
  const { version, resamples, seed, lengthUnit, notes, styleCoefficients } = result;
  const baselines = [...new Set(result.models.filter((row) => row.isBaseline).map(({ model }) => model))];
  const how = version === 'v0.1' ? 'Bradley–Terry' : 'mean of the verdicts';
  const unit =
    lengthUnit === null
      ? []
      : [
          lengthUnit === 'characters / 4'
            ? 'Tokens are estimated as characters / 4: the answers carry no token_len and no --tokenizer is given'
            : `Tokens are ${lengthUnit === 'tokenizer' ? 'those of the given tokenizer' : 'token_len of the answers'}`,
        ];
  return [
    `Arena-Hard ${version} (${how}) against ${baselines.join(', ')}; ${levelOf(result)} intervals of ${resamples} resamples, seed ${seed}`,
    '',
    textTable(columnsOf(result), result.models),
    ...(styleCoefficients.length === 0
      ? []
      : ['', 'What the judge favours, log-odds a standard deviation:', ...coefficientLines(result)]),
    ...(unit.length + notes.length === 0 ? [] : ['']),
    ...[...unit, ...notes].map((note) => `${note}.`),
  ].join('\n');
}

function coefficientLines({ styleCoefficients }: ArenaHard): readonly string[] {
  return styleCoefficients.map(({ category, feature, coefficient, low, high }) => {
    const where = category === null ? '' : `${category}, `;
    const values =
      coefficient === null ? 'none' : `${signed(coefficient, 3)} (${signed(low, 3)} to ${signed(high, 3)})`;
    return `  ${where}${FEATURE_WORDS[feature]}: ${values}`;
  });
}
