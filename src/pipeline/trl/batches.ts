import type { TokenizedPair } from '../../text/tokenized.ts';
import { rowsOfSteps, totalSteps } from '../../train/optimise.ts';
import type { LogProbRow } from '../inputs.ts';
import type { Hyper } from '../units.ts';

/** How the pairs of a step are cut among processes and passes. */
export interface Cut {
  /** Pairs of one process in one pass. */
  readonly microBatch: number;
  /** Passes of a step. */
  readonly accumulation: number;
  /** Pairs of a step, those that fill it up included. */
  readonly perStep: number;
}

const MICRO_BATCH = 4;

/** Cuts a step of `batchSize` pairs; each halving (a try that ran out of memory) halves the pass. */
export function cutStep(
  batchSize: number,
  { processes, microBatch, halvings }: { processes: number; microBatch: number | 'auto'; halvings: number },
): Cut {
  const most = Math.ceil(batchSize / processes);
  const asked = Math.min(most, microBatch === 'auto' ? MICRO_BATCH : microBatch);
  const micro = Math.max(1, Math.floor(asked / 2 ** halvings));
  const accumulation = Math.ceil(batchSize / (processes * micro));
  return { microBatch: micro, accumulation, perStep: accumulation * processes * micro };
}

/** A row of the file that the worker trains on, in the order in which it takes them. */
export interface TrainingRow {
  /** Its place among the pairs of all steps, however these are cut; -1: it fills a step up. */
  readonly row: number;
  readonly weight: number;
  /** Whether the pairs of its step count differently: every rank must then take them one by one. */
  readonly mixed: boolean;
  readonly prompt_ids: readonly number[];
  readonly chosen_ids: readonly number[];
  readonly rejected_ids: readonly number[];
  readonly ref_chosen_logps: number;
  readonly ref_rejected_logps: number;
}

export interface TrainingPairs {
  readonly pairs: readonly TokenizedPair[];
  readonly reference: ReadonlyMap<string, LogProbRow>;
  readonly weights?: readonly number[];
  readonly shuffleSeed: number | null;
  readonly hyper: Pick<Hyper, 'batchSize' | 'epochs'>;
}

/**
 * All epochs one after another, in the order of the embedded engine (`rowsOfSteps`), every step of equal size: one that
 * is smaller, as an epoch's last may be, is filled up with pairs that weigh nothing, and the others weigh as much more
 * as makes the step's mean that of its own pairs. So each step is exactly the one asked for, whatever the processes.
 */
export function* trainingRows(job: TrainingPairs, { perStep }: Pick<Cut, 'perStep'>): Generator<TrainingRow> {
  const { pairs, reference, weights, shuffleSeed, hyper } = job;
  const rowsOf = rowsOfSteps(pairs.length, shuffleSeed, hyper.batchSize);
  const steps = totalSteps(pairs.length, hyper);
  let row = 0;
  for (let step = 0; step < steps; step++) {
    const own = rowsOf(step);
    const weightOf = (i: number) => weights?.[i] ?? 1;
    const mixed = own.length < perStep || own.some((i) => weightOf(i) !== weightOf(own[0] as number));
    for (let k = 0; k < perStep; k++) {
      const i = own[k] ?? (own[0] as number);
      const { id, prompt, chosen, rejected } = pairs[i] as TokenizedPair;
      const before = reference.get(id) as LogProbRow;
      yield {
        row: k < own.length ? row++ : -1,
        weight: k < own.length ? (weightOf(i) * perStep) / own.length : 0,
        mixed,
        prompt_ids: [...prompt],
        chosen_ids: [...chosen],
        rejected_ids: [...rejected],
        ref_chosen_logps: before.chosen,
        ref_rejected_logps: before.rejected,
      };
    }
  }
}

/** A line of `order.<rank>.jsonl`: what a rank took in a step, pass by pass. */
export interface OrderLine {
  readonly step: number;
  readonly rows: readonly (readonly number[])[];
  /** Mean over all ranks, nats. */
  readonly loss: number;
  readonly learningRate: number;
  /** Of the whole step's gradient, before it was clipped; null where DeepSpeed does not tell. */
  readonly gradNorm: number | null;
}

/**
 * The rows of each step in the order in which they were taken, from the files of all ranks: of every pass first rank 0's,
 * then rank 1's (accelerate's BatchSamplerShard hands out whole passes in turn).
 */
export function takenBySteps(ranks: readonly (readonly OrderLine[])[]): Map<number, readonly number[]> {
  const taken = new Map<number, readonly number[]>();
  for (const { step } of ranks[0] ?? []) {
    const own = ranks.map((lines) => lines.find((line) => line.step === step)?.rows ?? []);
    const passes = Math.max(...own.map((rows) => rows.length));
    taken.set(
      step,
      Array.from({ length: passes }, (_, pass) => own.flatMap((rows) => rows[pass] ?? [])).flat(),
    );
  }
  return taken;
}
