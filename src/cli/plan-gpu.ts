import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { assumedSequences, assumedSize, SHAPES, shareOf } from '../pipeline/gpu-cost.ts';
import { assumedSpeed, type GpuPlan, type GpuPlanStage, gpuPlan } from '../pipeline/gpu-plan.ts';
import { firstRates } from '../pipeline/learning-rate.ts';
import { count, fixed } from '../report/numbers.ts';
import { type TextColumn, textTable } from './columns.ts';
import { type CommonFlags, configOf, wholeNumber } from './options.ts';

const PAIRS = 61_135;
const TOKENS_PER_SEQUENCE = 480;
const SHAPE_FLAGS = ['shape', 'parameters', 'pairs', 'tokensPerSequence'];

/** Adds the flags of `winnow plan --shape`. */
export function withShapeFlags(command: Command): Command {
  return command
    .option(
      '--shape <name>',
      `instead: GPU hours of a model that is not at hand: ${Object.keys(SHAPES).join(', ')}`,
    )
    .option('--parameters <n>', 'the same for a model of so many parameters, such as 8.03e9')
    .option(
      '--pairs <n>',
      `with --shape or --parameters: how many pairs (default: ${PAIRS}, as UltraFeedback has)`,
    )
    .option(
      '--tokens-per-sequence <n>',
      `with --shape or --parameters: mean length of prompt and one completion (default: ${TOKENS_PER_SEQUENCE})`,
    );
}

/** Whether the plan is of a model that is not at hand. */
export function isShape(flags: CommonFlags): boolean {
  return SHAPE_FLAGS.some((name) => flags[name] !== undefined);
}

/** `winnow plan --shape`: needs neither a model nor data. */
export function planShape(flags: CommonFlags): { readonly data: unknown; readonly text: string } {
  const { shape, parameters } = flags;
  for (const flag of ['model', 'data'] as const)
    if (flags[flag] !== undefined)
      throw inputError('idle-flag', `--${flag} means nothing with --shape`, {
        remedy: 'Leave it out, or leave out --shape and --parameters to plan a run from its own data',
      });
  if ((shape === undefined) === (parameters === undefined))
    throw inputError('bad-shape', 'a plan without a model needs one of --shape and --parameters', {
      got: shape === undefined ? 'neither' : 'both',
      remedy: `Give --shape ${Object.keys(SHAPES).join(', ')}, or --parameters 8.03e9`,
    });
  const known = SHAPES[shape as keyof typeof SHAPES] as number | undefined;
  if (shape !== undefined && known === undefined)
    throw inputError('bad-shape', 'no such shape', {
      got: shape,
      need: Object.keys(SHAPES),
      remedy: 'Give one of them, or --parameters',
    });
  const n = known ?? Number(parameters);
  if (!(Number.isFinite(n) && n >= 1))
    throw inputError('bad-number', '--parameters must be a number of at least 1', { got: parameters });
  const pairs = flags.pairs === undefined ? PAIRS : wholeNumber('pairs', String(flags.pairs), 4);
  const tokens =
    flags.tokensPerSequence === undefined
      ? TOKENS_PER_SEQUENCE
      : wholeNumber('tokens-per-sequence', String(flags.tokensPerSequence), 1);
  const found = configOf(flags);
  const config = { ...found, engine: 'trl' as const };
  const all = assumedSequences(pairs, tokens);
  const { heldOut, maxPrompts } = config.evaluation;
  const { keepFraction } = config.selection;
  const asked = Math.min(maxPrompts, Math.floor(heldOut * pairs));
  const load = {
    size: assumedSize(n),
    pool: shareOf(all, 1 - heldOut),
    heldOut: shareOf(all, heldOut),
    prompts: { count: asked, tokens: Math.round((asked * tokens) / 2) },
    tuningPrompts: { count: 0, tokens: 0 },
    rates: firstRates(config, n).length,
    judgedByAnswers: false,
    keep: keepFraction === 'auto' ? 0.5 : keepFraction,
    needsRuns: true,
  };
  const plan = gpuPlan(config, load, assumedSpeed(config.trl), new Map());
  const assumed = `Assumed: ${count(pairs)} pairs, ${count(tokens)} tokens a sequence, ${fixed(n / 1e9, 2)}e9 parameters; attention is left out. Nothing was read.`;
  return {
    data: { ...plan, assumed: { pairs, tokensPerSequence: tokens } },
    text: gpuPlanText(plan, assumed),
  };
}

/** The plan in one line, before a run. */
export function gpuPlanLine(plan: GpuPlan): string {
  const hours = plan.hoursLeft === null ? '' : `, about ${small(plan.hoursLeft)} GPU hours ${speedOf(plan)}`;
  return `Plan: ${count(plan.pairs)} pairs (${count(plan.tokens)} tokens with each prompt twice), ${plan.units} units of work, ${plan.done} done already${hours}${moneyOf(plan)}`;
}

/** The plan for people. */
export function gpuPlanText(plan: GpuPlan, assumed?: string): string {
  const { stages, savings, gpuHours } = plan;
  const total: GpuPlanStage = { ...plan, stage: 'Total', rounds: 0 };
  const unknown = stages.some(({ done }) => done === null);
  const most = [...stages].sort((a, b) => (b.gpuHours ?? 0) - (a.gpuHours ?? 0))[0];
  return [
    gpuPlanLine(plan),
    ...(assumed === undefined ? [] : [assumed]),
    '',
    textTable(columnsOf(plan), [...stages, total]),
    '',
    ...(unknown && assumed === undefined
      ? ['–: which units these will be, and so whether they are done, is known after scoring']
      : []),
    ...(most === undefined || gpuHours === null || gpuHours === 0 || most.gpuHours === null
      ? []
      : [`${most.stage}: ${fixed((100 * most.gpuHours) / gpuHours, 0)} % of it`]),
    ...(gpuHours === null
      ? ['GPU hours: the embedded engine computes on processors; nothing has measured its speed there yet']
      : []),
    ...savings.map(
      ({ set, why, gpuHours: less }) =>
        `--set ${set}: ${small(less)} GPU hours instead of ${small(gpuHours as number)}; ${why}`,
    ),
    ...(plan.money === null && gpuHours !== null ? ['In money with --set prices.gpuHour=…'] : []),
  ].join('\n');
}

function columnsOf(plan: GpuPlan): TextColumn<GpuPlanStage>[] {
  const column = (
    heading: string,
    show: (stage: GpuPlanStage) => string | null,
  ): TextColumn<GpuPlanStage> => ({
    heading,
    name: heading,
    show,
    value: show,
  });
  const hours = (value: number | null) => (value === null ? null : small(value));
  const price =
    plan.money === null || plan.hoursLeft === null || plan.hoursLeft === 0
      ? null
      : plan.money / plan.hoursLeft;
  return [
    column('Stage', ({ stage }) => stage),
    column('Units', ({ units }) => count(units)),
    column('Done', ({ done }) => (done === null ? null : count(done))),
    column('PFLOP', ({ flop }) => small(flop / 1e15)),
    column('GPU hours', ({ gpuHours }) => hours(gpuHours)),
    column('Left', ({ hoursLeft }) => hours(hoursLeft)),
    ...(price === null
      ? []
      : [
          column(plan.currency, ({ hoursLeft }) => (hoursLeft === null ? null : fixed(price * hoursLeft, 2))),
        ]),
  ];
}

function speedOf({ speed, gpu }: GpuPlan): string {
  if (speed === null) return '';
  if (gpu === null) return '(of workers, as finished units took)';
  const card = typeof gpu === 'number' ? `${gpu} TFLOP/s` : gpu.toUpperCase();
  const share = `${fixed(100 * speed.utilisation, speed.utilisation < 0.01 ? 4 : 1)} % of ${card}`;
  return speed.measured ? `at ${share}, as finished units took` : `at ${share} (assumed)`;
}

function moneyOf({ money, currency }: GpuPlan): string {
  return money === null ? '' : `, ${currency} ${fixed(money, 2)}`;
}

/** Three digits of small numbers, none behind the point of large ones. */
function small(value: number): string {
  if (value === 0) return '0';
  return value >= 100 ? count(value) : String(Number(value.toPrecision(value < 1 ? 2 : 3)));
}
