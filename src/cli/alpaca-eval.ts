import type { Command } from 'commander';
import { inputError, machineError } from '../base/errors.ts';
import {
  type AlpacaEvalModel,
  type AlpacaEvalResult,
  alpacaEval,
} from '../evaluate/alpaca-eval/alpaca-eval.ts';
import { readAnchors, readDifficulties } from '../evaluate/alpaca-eval/difficulty.ts';
import type { LengthControlModel } from '../evaluate/alpaca-eval/length-control.ts';
import { count, fixed } from '../report/numbers.ts';
import { csvTable, type TextColumn, textTable } from './columns.ts';
import { withTalkFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { createProgress } from './progress.ts';

interface AlpacaEvalFlags {
  readonly annotations: readonly string[];
  readonly difficulty?: string;
  readonly gamed?: string;
  readonly model?: readonly string[];
  readonly strength?: string;
  readonly byIndex?: boolean;
  readonly lengthControl: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly quiet?: boolean;
}

/** `winnow alpaca-eval`: AlpacaEval 2 from judgments that are there. */
export function addAlpacaEval(program: Command, outside: Outside): void {
  const command = program
    .command('alpaca-eval')
    .description(
      'recompute AlpacaEval 2 from judgments: win rate, discrete and length-controlled win rate with their errors',
    )
    .requiredOption(
      '--annotations <files...>',
      'annotations.json of alpaca_eval, or JSONL {index, model, preference, len_1, len_2}; gzip or not',
    )
    .option(
      '--difficulty <file>',
      'CSV index,instruction_difficulty as published; without it, as for prompts of your own, length is controlled for without a difficulty term',
    )
    .option(
      '--gamed <file>',
      'df_gamed.csv of the data set tatsu-lab/alpaca_eval, instead of what stands in for it; brings the difficulties too',
    )
    .option('--model <names...>', 'these models only')
    .option('--strength <C>', 'strength C of the fit (default: cross-validated, as published)')
    .option(
      '--by-index',
      'difficulty by the row’s index also for models that lack a few instructions, where the published code shifts them',
    )
    .option('--no-length-control', 'win rates only')
    .option('--csv', 'the table as CSV on stdout');
  withTalkFlags(command).action((flags: AlpacaEvalFlags) => run(flags, outside));
}

async function run(flags: AlpacaEvalFlags, outside: Outside): Promise<void> {
  if (flags.json === true && flags.csv === true) {
    throw inputError('bad-usage', '--json and --csv exclude each other', { remedy: 'Give one of the two' });
  }
  const progress = createProgress({ quiet: flags.quiet === true });
  const strength = flags.strength === undefined ? undefined : strengthOf(flags.strength);
  const difficulties =
    flags.difficulty !== undefined || flags.gamed !== undefined
      ? await readDifficulties((flags.difficulty ?? flags.gamed) as string)
      : undefined;
  const result = await alpacaEval({
    annotations: flags.annotations,
    lengthControl: flags.lengthControl,
    ...(flags.model === undefined ? {} : { models: flags.model }),
    ...(difficulties === undefined ? {} : { difficulties }),
    ...(flags.gamed === undefined ? {} : { anchors: await readAnchors(flags.gamed) }),
    ...(flags.byIndex === true ? { byIndex: true } : {}),
    ...(strength === undefined ? {} : { strength }),
  });
  for (const line of sourceLines(result)) progress.note(line);
  if (usesBenchmark(result, difficulties !== undefined)) progress.note(LICENCE);
  progress.close();
  outside.print(shown(result, flags));
  const failed = result.models.filter((model) => model.lengthControlledError !== null);
  if (failed.length > 0) throw lengthControlFailed(failed);
}

const LICENCE =
  'AlpacaEval’s instructions, outputs and judgments are licensed CC BY-NC 4.0: not for commercial use.';

/** Baselines of AlpacaEval 2 and 1. */
const BASELINES: readonly (string | null)[] = ['gpt4_1106_preview', 'text_davinci_003', null];

/** The slim form names no baseline: it is the benchmark's then. */
function usesBenchmark({ models }: AlpacaEvalResult, hasDifficulties: boolean): boolean {
  return hasDifficulties || models.some(({ baseline }) => BASELINES.includes(baseline));
}

function strengthOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value < Number.POSITIVE_INFINITY) return value;
  throw inputError('bad-strength', '--strength must be a number above 0', {
    got: text,
    remedy: 'Leave it out to have it cross-validated',
  });
}

function sourceLines({ sources, others }: AlpacaEvalResult): string[] {
  const forms = {
    official: 'annotations of alpaca_eval',
    slim: 'slim judgments',
  };
  const containers = { array: 'a JSON array', lines: 'JSON Lines' };
  return [
    ...sources.map(
      ({ file, form, container, rows, models }) =>
        `${file}: ${forms[form]}, ${containers[container]}: ${count(rows)} rows of ${count(models)} ${models === 1 ? 'model' : 'models'}`,
    ),
    ...(others > 0
      ? [`${count(others)} other ${others === 1 ? 'model was' : 'models were'} not asked for`]
      : []),
  ];
}

function shown(result: AlpacaEvalResult, { json, csv }: AlpacaEvalFlags): string {
  if (json === true) return `${JSON.stringify(result, null, 2)}\n`;
  if (csv === true) return `${csvTable(COLUMNS, result.models)}\n`;
  const { models } = result;
  return `${[textTable(TEXT_COLUMNS, models), '', ...legend(models), ...remarks(models)].join('\n')}\n`;
}

const PUBLISHED_ERROR =
  'LC error: of the predictions over instructions, as published. LC sampling error: of other instructions and judgments.';

const LEGENDS: Record<LengthControlModel, readonly string[]> = {
  published: [
    'Length-controlled (LC) with length, instruction difficulty and the benchmark’s regularisation rows, as published.',
    PUBLISHED_ERROR,
  ],
  'own-difficulty': [
    'Length-controlled (LC) with length and difficulty. These are not the published difficulties: the benchmark’s regularisation rows, which belong to them, are left out.',
    PUBLISHED_ERROR,
  ],
  'without-difficulty': [
    'Length-controlled (LC) with length alone: no difficulties are given, and the benchmark’s regularisation rows, which belong to them, are left out. Not comparable with the leaderboard.',
    'LC error: of other instructions and judgments.',
  ],
};

function legend(models: readonly AlpacaEvalModel[]): readonly string[] {
  const used = models[0]?.lengthControlledModel ?? null;
  return used === null ? [] : LEGENDS[used];
}

function remarks(models: readonly AlpacaEvalModel[]): string[] {
  return models.flatMap(({ model, dropped, notes, lengthControlledError }) => [
    ...(dropped > 0 ? [`${model}: ${count(dropped)} dropped, without a preference`] : []),
    ...notes.map((note) => `${model}: ${note}`),
    ...(lengthControlledError === null
      ? []
      : [`${model}: no length-controlled value: ${lengthControlledError}`]),
  ]);
}

type Column = TextColumn<AlpacaEvalModel>;

function numberColumn(
  name: string,
  heading: string,
  digits: number,
  value: (row: AlpacaEvalModel) => number | null,
): Column {
  const show = (row: AlpacaEvalModel) => {
    const number = value(row);
    return number === null ? null : fixed(number, digits);
  };
  return { name, heading, show, value };
}

const TEXT_COLUMNS: readonly Column[] = [
  { name: 'model', heading: 'model', show: ({ model }) => model, value: ({ model }) => model },
  numberColumn('n', 'n', 0, ({ n }) => n),
  numberColumn('winRate', 'win rate', 2, ({ winRate }) => winRate),
  numberColumn('standardError', 'error', 2, ({ standardError }) => standardError),
  numberColumn('discreteWinRate', 'discrete', 2, ({ discreteWinRate }) => discreteWinRate),
  numberColumn('lengthControlledWinRate', 'LC', 2, (row) => row.lengthControlledWinRate),
  numberColumn('lcStandardError', 'LC error', 2, ({ lcStandardError }) => lcStandardError),
  numberColumn('lcSamplingError', 'LC sampling error', 2, ({ lcSamplingError }) => lcSamplingError),
  {
    name: 'avgLengthChars',
    heading: 'characters',
    // Cut, not rounded, as the leaderboard has it.
    show: ({ avgLengthChars }) => (avgLengthChars === null ? null : fixed(Math.trunc(avgLengthChars), 0)),
    value: ({ avgLengthChars }) => avgLengthChars,
  },
];

const plain = (name: string, value: (row: AlpacaEvalModel) => number | string | null): Column => ({
  name,
  heading: name,
  show: (row) => String(value(row)),
  value,
});

const COLUMNS: readonly Column[] = [
  ...TEXT_COLUMNS,
  plain('avgLengthBaselineChars', (row) => row.avgLengthBaselineChars),
  plain('baseline', (row) => row.baseline),
  plain('dropped', (row) => row.dropped),
  plain('wins', (row) => row.wins),
  plain('losses', (row) => row.losses),
  plain('ties', (row) => row.ties),
  plain('lengthControlledModel', (row) => row.lengthControlledModel),
  plain('strength', (row) => row.strength),
  plain('coefficientLength', (row) => row.coefficients?.length ?? null),
  plain('coefficientDifficulty', (row) => row.coefficients?.difficulty ?? null),
  plain('coefficientModel', (row) => row.coefficients?.model ?? null),
  plain('lengthControlledError', (row) => row.lengthControlledError),
];

function lengthControlFailed(failed: readonly AlpacaEvalModel[]) {
  const [first] = failed as readonly [AlpacaEvalModel];
  return machineError(
    'length-control-failed',
    failed.length === 1
      ? `no length-controlled value for ${first.model}: ${first.lengthControlledError}`
      : `no length-controlled value for ${failed.length} models; ${first.model}: ${first.lengthControlledError}`,
    {
      models: failed.map(({ model }) => model),
      remedy: 'All other numbers stand; --no-length-control asks for win rates only',
    },
  );
}
