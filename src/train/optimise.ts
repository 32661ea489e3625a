import { machineError, type WinnowError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Policy } from '../policy/policy.ts';
import {
  type AdamWOptions,
  type AdamWState,
  adamWStep,
  clipFactor,
  gradientNorm,
  newAdamW,
} from './adamw.ts';
import { learningRateAt, type ScheduleName } from './schedule.ts';

/** Hyper-parameters of any training; what the loss adds is its own. */
export interface Optimisation extends AdamWOptions {
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  readonly warmupRatio: number;
  /** Gradients are scaled down to this norm; 0: never. */
  readonly maxGradNorm: number;
  /** Pairs (or texts) a step. */
  readonly batchSize: number;
  readonly epochs: number;
}

/** One optimiser step as it happened. */
export interface StepRecord {
  /** 1-based. */
  readonly step: number;
  /** Mean loss of the step's batch before the step, nats. */
  readonly loss: number;
  readonly learningRate: number;
  readonly gradNorm: number;
  /** The rows that the step was really taken on, as places in the list that was given. */
  readonly rows: readonly number[];
}

export interface TrainingState {
  readonly adam: AdamWState;
  readonly records: StepRecord[];
}

export interface TrainingHooks {
  /** Continue from here; the policy's parameters are set by whoever read the state. */
  readonly resume?: TrainingState;
  /** How a row is called in messages. Default: its place. */
  readonly nameOf?: (row: number) => string;
  /** After every step: evaluate, save, report, stop by throwing. */
  afterStep?(state: TrainingState, totalSteps: number): Promise<void>;
}

/**
 * The training loop: for each step gathers the gradient of the step's batch, clips it, and takes an AdamW step.
 * A loss or gradient that is not a number ends it with an error that names the step and its rows: it never becomes a
 * weight.
 */
export async function optimise(
  policy: Policy,
  totalSteps: number,
  /** Adds the mean gradient of the step's batch (step from 0) to the policy; gives the mean loss and the batch. */
  gradientOf: (step: number) => Promise<StepGradient>,
  options: Optimisation,
  hooks: TrainingHooks = {},
): Promise<TrainingState> {
  const state = hooks.resume ?? { adam: newAdamW(policy.parameters), records: [] };
  const schedule = { ...options, name: options.schedule, totalSteps };
  for (let step = state.adam.step; step < totalSteps; step++) {
    const { loss, rows, notFinite = [] } = await gradientOf(step);
    const gradNorm = gradientNorm(policy.parameters);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw diverged({ step: step + 1, loss, gradNorm, rows, notFinite }, hooks.nameOf ?? String);
    const learningRate = learningRateAt(schedule, step);
    adamWStep(
      policy.parameters,
      state.adam,
      learningRate,
      clipFactor(gradNorm, options.maxGradNorm),
      options,
    );
    state.records.push({ step: step + 1, loss, learningRate, gradNorm, rows });
    await hooks.afterStep?.(state, totalSteps);
  }
  return state;
}

/** What a step's batch gave, beside the gradients. */
export interface StepGradient {
  /** Mean loss of the batch, nats. */
  readonly loss: number;
  readonly rows: readonly number[];
  /** Those whose own loss is no finite number. */
  readonly notFinite?: readonly number[];
}

/** Rows named in a message; an error's fields name all. */
const NAMED = 4;

/** What is said of a step whose loss or gradient is no number: which, and of which rows. */
export function diverged(
  found: StepGradient & { readonly step: number; readonly gradNorm: number },
  nameOf: (row: number) => string,
): WinnowError {
  const { step, loss, gradNorm, rows, notFinite = [] } = found;
  const named = notFinite.length > 0 ? notFinite : rows;
  const more = named.length > NAMED ? ` and ${named.length - NAMED} more` : '';
  const whose = notFinite.length > 0 ? 'the loss of these is no number' : 'its batch';
  return machineError(
    'diverged',
    `training diverged at step ${step}: loss ${loss}, gradient norm ${gradNorm}; ${whose}: ${named.slice(0, NAMED).map(nameOf).join(', ')}${more}`,
    {
      step,
      pairs: rows.map(nameOf),
      notFinite: notFinite.map(nameOf),
      remedy: 'Lower training.learningRate, or set training.maxGradNorm',
    },
  );
}

/**
 * The rows of each step (from 0): `batchSize` consecutive places of the epoch's order; an epoch's last step may be
 * smaller. With a seed the order is drawn anew for every epoch, once.
 */
export function rowsOfSteps(
  rows: number,
  shuffleSeed: number | null,
  batchSize: number,
): (step: number) => readonly number[] {
  const perEpoch = Math.ceil(rows / batchSize);
  const given = Array.from({ length: rows }, (_, i) => i);
  let drawn = { epoch: -1, order: given };
  return (step) => {
    const epoch = Math.floor(step / perEpoch);
    if (shuffleSeed !== null && drawn.epoch !== epoch)
      drawn = { epoch, order: new Random(shuffleSeed, 'epoch', epoch).shuffle(given) };
    const from = (step % perEpoch) * batchSize;
    return drawn.order.slice(from, from + batchSize);
  };
}

export function totalSteps(rows: number, options: Pick<Optimisation, 'batchSize' | 'epochs'>): number {
  return Math.ceil(rows / options.batchSize) * options.epochs;
}
