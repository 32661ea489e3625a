import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { median } from 'simple-statistics';
import { inputError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import {
  SAMPLE_SIZE_DEFAULTS,
  type SampleSize,
  type SampleSizeOptions,
  sampleSizes,
} from '../evaluate/sample-size.ts';
import { count, fixed } from '../report/numbers.ts';
import { type TextColumn, textTable } from './columns.ts';
import { type CommonFlags, camelCase } from './options.ts';
import type { Said } from './verbs.ts';

const {
  power,
  level,
  ties,
  orders,
  repeats,
  verdictCorrelation,
  armCorrelation,
  promptTokens,
  answerTokens,
  verdictTokens,
} = SAMPLE_SIZE_DEFAULTS;

/** [flag, key of the options, text] */
const NUMBERS = [
  ['--power <share>', 'power', `chance to see the effect (default: ${power})`],
  ['--level <share>', 'level', `chance to see one where there is none (default: ${level})`],
  ['--ties <share>', 'ties', `share of ties among verdicts (default: ${ties})`],
  ['--orders <n>', 'orders', `orders in which each prompt is judged, 1 or 2 (default: ${orders})`],
  ['--repeats <n>', 'repeats', `times that all is judged (default: ${repeats})`],
  [
    '--verdict-correlation <r>',
    'verdictCorrelation',
    `between two verdicts on the same answers (default: ${verdictCorrelation})`,
  ],
  [
    '--arm-correlation <r>',
    'armCorrelation',
    `between two arms’ shares on the same prompts (default: from the run named by --out, else ${armCorrelation})`,
  ],
  ['--prompt-tokens <n>', 'promptTokens', `the judge’s instructions and a prompt (default: ${promptTokens})`],
  ['--answer-tokens <n>', 'answerTokens', `an answer (default: ${answerTokens})`],
  ['--verdict-tokens <n>', 'verdictTokens', `what the judge writes (default: ${verdictTokens})`],
] as const;
const PRICES = [
  ['price-in', 'reads'],
  ['price-out', 'writes'],
] as const;
/** Flags of the way of the data that mean something beside --effect. */
const SHARED = ['effect', 'json', 'quiet', 'out', 'arms'];

/** Adds the flags of `winnow plan --effect`. */
export function withEvaluationFlags(command: Command): Command {
  command.option(
    '--effect <points>',
    'instead: how many prompts show so many points of win rate, and what judging them costs (--arms: how many, or their names)',
  );
  for (const [flag, , text] of NUMBERS) command.option(flag, `with --effect: ${text}`);
  for (const [name, does] of PRICES)
    command.option(`--${name} <usd>`, `with --effect: price of a million tokens that the judge ${does}`);
  return command;
}

/** Refuses flags that say how an evaluation is planned where none is. */
export function refuseEvaluationFlags(flags: CommonFlags): void {
  const names = [...NUMBERS.map(([flag]) => nameOf(flag)), ...PRICES.map(([name]) => name)];
  const stray = names.find((name) => flags[camelCase(name)] !== undefined);
  if (stray !== undefined)
    throw inputError('needs-effect', `--${stray} is for the plan of an evaluation`, {
      remedy: 'Give --effect POINTS with it, for example --effect 9',
    });
}

/** `winnow plan --effect`: needs neither a model nor data. */
export function planEvaluation(flags: CommonFlags): Said {
  const known = new Set([
    ...SHARED,
    ...NUMBERS.map(([, key]) => key as string),
    ...PRICES.map(([name]) => camelCase(name)),
    'set',
  ]);
  const idle =
    Object.keys(flags).find((key) => !known.has(key)) ?? ((flags.set ?? []).length > 0 ? 'set' : undefined);
  if (idle !== undefined)
    throw inputError(
      'idle-flag',
      `--${idle.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} means nothing with --effect`,
      {
        remedy: 'Leave it out, or leave out --effect to plan a run',
      },
    );
  const numbers: Record<string, number> = {};
  for (const [flag, key] of NUMBERS)
    if (flags[key] !== undefined) numbers[key] = numberOf(`--${nameOf(flag)}`, flags[key]);
  const run = flags.out === undefined ? null : resolve(flags.out as string);
  const measured =
    run === null || numbers.armCorrelation !== undefined ? null : runCorrelation(join(run, 'report.json'));
  const options = {
    ...SAMPLE_SIZE_DEFAULTS,
    effect: numberOf('--effect', flags.effect) / 100,
    arms: armsOf(flags.arms),
    price: priceOf(flags),
    ...(measured === null ? {} : { armCorrelation: measured }),
    ...numbers,
  } as SampleSizeOptions;
  const sizes = sampleSizes(options);
  return {
    data: { options, correlationFrom: measured === null ? null : run, sizes },
    text: textOf(options, sizes, measured === null ? null : run),
  };
}

/** `--arm-correlation <r>` → `arm-correlation` */
function nameOf(flag: string): string {
  return flag.slice(2).split(' ', 1)[0] as string;
}

function numberOf(flag: string, text: unknown): number {
  const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return value;
  throw inputError('bad-number', `${flag} must be a number`, { got: text });
}

/** A number of arms, or the list of their names as a run has it. */
function armsOf(flag: unknown): number {
  if (flag === undefined) return SAMPLE_SIZE_DEFAULTS.arms;
  const names = String(flag).split(',');
  return names.length === 1 && /^[\d.]+$/.test(names[0] as string) ? Number(names[0]) : names.length;
}

function priceOf(flags: CommonFlags): SampleSizeOptions['price'] {
  const { priceIn, priceOut } = flags;
  if (priceIn === undefined && priceOut === undefined) return null;
  if (priceIn === undefined || priceOut === undefined)
    throw inputError('half-a-price', 'one of --price-in and --price-out is missing', { remedy: 'Give both' });
  return { input: numberOf('--price-in', priceIn), output: numberOf('--price-out', priceOut) };
}

/**
 * r = (w_a² + w_b² − w_d²) / (2 w_a w_b),  w: widths of the intervals of two arms' win rates and of their difference
 *
 * As Var(a − b) = Var a + Var b − 2 r √(Var a · Var b). The median over the comparisons of a run's report.
 */
function runCorrelation(file: string): number {
  const report = readJson(file) as {
    readonly arms?: readonly { readonly name?: unknown; readonly winRate?: unknown }[];
    readonly comparisons?: readonly Record<string, unknown>[];
  } | null;
  const widthOf = (interval: unknown): number | null => {
    const { low, high } = (interval ?? {}) as { low?: unknown; high?: unknown };
    return typeof low === 'number' && typeof high === 'number' && high > low ? high - low : null;
  };
  const list = <T>(value: readonly T[] | undefined) =>
    (Array.isArray(value) ? value.filter((item) => item !== null) : []) as T[];
  const arms = new Map(list(report?.arms).map(({ name, winRate }) => [name, widthOf(winRate)]));
  const found = list(report?.comparisons)
    .filter(({ metric }) => metric === 'winRate')
    .flatMap(({ a, b, difference }) => {
      const [wa, wb, wd] = [arms.get(a) ?? null, arms.get(b) ?? null, widthOf(difference)];
      if (wa === null || wb === null || wd === null) return [];
      return [Math.min(1, Math.max(-1, (wa * wa + wb * wb - wd * wd) / (2 * wa * wb)))];
    });
  if (found.length === 0)
    throw inputError('no-win-rates', 'the run compared no two arms by win rate', {
      file,
      remedy: 'Name a run with a judge that was evaluated, or give --arm-correlation',
    });
  return median(found);
}

const COLUMNS: readonly TextColumn<SampleSize>[] = [
  {
    heading: 'Question',
    name: 'question',
    show: ({ question, arms }) =>
      question === 'between-arms'
        ? `two of ${arms} arms`
        : arms === 1
          ? 'a model against 50 %'
          : `${arms} models, each against 50 %`,
    value: ({ question }) => question,
  },
  {
    heading: 'Comparisons',
    name: 'comparisons',
    show: ({ comparisons }) => count(comparisons),
    value: ({ comparisons }) => comparisons,
  },
  {
    heading: 'Prompts for one',
    name: 'promptsForOne',
    show: ({ promptsForOne }) => count(promptsForOne),
    value: ({ promptsForOne }) => promptsForOne,
  },
  {
    heading: 'For all',
    name: 'prompts',
    show: ({ prompts }) => count(prompts),
    value: ({ prompts }) => prompts,
  },
  { heading: 'Asks', name: 'asks', show: ({ asks }) => count(asks), value: ({ asks }) => asks },
  {
    heading: 'Tokens in',
    name: 'inputTokens',
    show: ({ inputTokens }) => count(inputTokens),
    value: ({ inputTokens }) => inputTokens,
  },
  {
    heading: 'Tokens out',
    name: 'outputTokens',
    show: ({ outputTokens }) => count(outputTokens),
    value: ({ outputTokens }) => outputTokens,
  },
  {
    heading: 'USD',
    name: 'usd',
    show: ({ usd }) => (usd === null ? null : fixed(usd, 2)),
    value: ({ usd }) => usd,
  },
];

function textOf(options: SampleSizeOptions, sizes: readonly SampleSize[], run: string | null): string {
  const { effect, orders, repeats, price } = options;
  const few = sizes.some(({ prompts }) => prompts < 30);
  return [
    `To see ${fixed(100 * effect, 1)} points of win rate with a chance of ${fixed(100 * options.power, 0)} % at level ${options.level} (two-sided), with ${orders === 1 ? 'one order' : 'both orders'}, ${repeats} repeat${repeats === 1 ? '' : 's'} and ${fixed(100 * options.ties, 0)} % ties:`,
    '',
    textTable(COLUMNS, sizes),
    '',
    `Prompts for all: the level is shared by all comparisons. Arms are judged against one baseline on the same prompts.`,
    `Assumed: two verdicts on the same answers correlate by ${fixed(options.verdictCorrelation, 2)}, two arms’ shares on the same prompts by ${fixed(options.armCorrelation, 2)}${run === null ? '' : ` (as in ${run})`}; an ask reads ${count(options.promptTokens + 2 * options.answerTokens)} tokens and writes ${count(options.verdictTokens)}`,
    ...(price === null
      ? ['With --price-in and --price-out (USD per million tokens) it says what that costs']
      : []),
    ...(few ? ['Below 30 prompts the formula promises too much: take 30'] : []),
  ].join('\n');
}
