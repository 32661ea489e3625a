import { machineError } from '../base/errors.ts';
import { visibleGpus } from '../base/gpus.ts';
import { freeMemory, usableCores } from '../base/machine.ts';
import type { Trained } from '../policy/policy.ts';
import type { Config } from '../run/config.ts';
import type { Precision } from '../tensor/integer-products.ts';
import type { SharedPromptRow } from '../text/rows.ts';
import {
  answeringBytes,
  type CheckpointShape,
  ownBytes,
  roundedBytes,
  workerMemory,
} from '../train/memory.ts';
import { trlProcesses } from './trl/settings.ts';

/** Worker processes, the threads of each, and what each may keep. */
export interface Lanes {
  readonly workers: number;
  readonly threads: number;
  /**
   * Memory of each worker for what it keeps beside what it cannot do without: activations (where a pass has more, they
   * are computed again) and float32 copies of weights (`memoryUse`). Bytes.
   */
  readonly workBytes: number;
  /** Of the engine trl: the GPUs of each worker, as CUDA_VISIBLE_DEVICES has them. Empty: none were found. */
  readonly gpus?: readonly string[];
}

/** Memory that the workers of a run need, bytes. */
export interface Needs {
  /** Pages of the model's files, once for all workers. */
  readonly mapped: number;
  /** Each worker, with all activations of its largest pass kept. */
  readonly saving: number;
  /** Each worker, with none of them kept. */
  readonly again: number;
}

/** What the fullest worker of a run holds: in training, scoring or answering. */
export function memoryNeeds(
  checkpoint: CheckpointShape,
  trained: Trained,
  rows: readonly SharedPromptRow[],
  answers: { readonly promptTokens: number; readonly newTokens: number },
  precision: Precision = 'f32',
): Needs {
  const training = workerMemory(checkpoint, trained, rows);
  const scoring = workerMemory(checkpoint, { method: 'none' }, rows);
  const answering = scoring.process + answeringBytes(checkpoint, { rows: ANSWERED_TOGETHER, ...answers });
  const least = Math.max(ownBytes(scoring, false), answering);
  // A scoring run scores between steps of its training.
  const rounded = roundedBytes(checkpoint, precision);
  return {
    mapped: Math.max(training.mapped, scoring.mapped),
    saving: Math.max(ownBytes(training, true), least) + rounded,
    again: Math.max(ownBytes(training, false), least) + rounded,
  };
}

const ANSWERED_TOGETHER = 32;
/** Share of the free memory that workers are given. */
const USABLE = 0.8;

/** Bytes for all workers together. */
export function memoryBudget({ memoryGB }: Pick<Config, 'memoryGB'>): number {
  return memoryGB === 'auto' ? USABLE * freeMemory() : 1e9 * memoryGB;
}

/**
 * Workers side by side as far as units, cores and memory go, because they never wait for each other, in whatever lies
 * between products too; then threads for each (measured, 15.7 M parameters, two cores: two workers 3.7 pairs a second,
 * one of two threads 3.6). As many as can keep their activations; where not even one can, as many as can compute them
 * again; always one. Neither changes results: passes are cut alike, and kept activations and those computed again are
 * equal bit by bit.
 */
export function lanes(
  config: Pick<Config, 'workers' | 'threads' | 'memoryGB'> &
    Partial<Pick<Config, 'engine' | 'trl' | 'executor'>>,
  { mapped, saving, again }: Needs,
  units: number,
): Lanes {
  const cores = usableCores();
  if (config.engine === 'trl') {
    const { trl, executor } = config;
    const gpus = sharedOut(visibleGpus(), trl && executor ? trlProcesses({ trl, executor }) : 1);
    const workers = config.workers === 'auto' ? Math.max(1, Math.min(units, gpus.length)) : config.workers;
    const own = Math.max(1, Math.floor(cores / workers));
    return { workers, threads: config.threads === 'auto' ? own : config.threads, workBytes: 0, gpus };
  }
  const left = memoryBudget(config) - mapped;
  const keeping = Math.floor(left / saving);
  const fit = keeping >= 1 ? keeping : Math.floor(left / again);
  const most = Math.max(1, Math.min(cores, fit, units));
  const workers = config.workers === 'auto' ? most : config.workers;
  const threads = config.threads === 'auto' ? Math.max(1, Math.floor(cores / workers)) : config.threads;
  const each = left / Math.max(1, Math.min(workers, units));
  return { workers, threads, workBytes: Math.max(0, Math.floor(each - again)) };
}

/** As many GPUs together as a unit has processes; what is left over stands idle. */
function sharedOut(gpus: readonly string[], each: number): string[] {
  const groups = Array.from({ length: Math.floor(gpus.length / each) }, (_, i) =>
    gpus.slice(i * each, (i + 1) * each).join(),
  );
  return groups.length > 0 || gpus.length === 0 ? groups : [gpus.join()];
}

/**
 * @param instead what else would help.
 * @throws machineError `too-little-memory` where the workers do not fit even with nothing kept.
 */
export function needMemory(
  config: Pick<Config, 'workers' | 'threads' | 'memoryGB'> & Partial<Pick<Config, 'executor' | 'engine'>>,
  needs: Needs,
  instead = 'Set text.maxLength shorter, train with method lora, take a smaller model',
): void {
  // Elsewhere the queue says what there is, and of TRL's memory this knows nothing.
  if (config.executor !== undefined && config.executor.kind !== 'local') return;
  if (config.engine === 'trl') return;
  const { workers } = lanes(config, needs, Number.POSITIVE_INFINITY);
  const [need, got] = [needs.mapped + workers * needs.again, memoryBudget(config)];
  if (need <= got) return;
  const fewer = workers > 1 ? 'Set workers lower. ' : '';
  const free = config.memoryGB === 'auto' ? 'free memory' : 'raise memoryGB';
  throw machineError(
    'too-little-memory',
    `${workers === 1 ? 'one worker needs' : `${workers} workers need`} more memory than there is`,
    {
      need: gigabytes(need),
      got: `${gigabytes(got)} of ${gigabytes(freeMemory())} free`,
      remedy: `${fewer}${instead}, or ${free}`,
    },
  );
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`;
}

const PAPER_BATCH = 64;
const LEAST_STEPS = 32;
const LEAST_BATCH = 4;

/** The paper's batch where a scoring run then has at least 32 steps, else the largest power of two that leaves them. */
export function batchSize(config: Config, pool: number): number {
  const { batchSize: asked, epochs } = config.training;
  if (asked !== 'auto') return asked;
  const { folds } = config.difficulty;
  const perRun = (pool * (folds - 1) * epochs) / folds;
  const largest = 2 ** Math.floor(Math.log2(Math.max(1, perRun / LEAST_STEPS)));
  return Math.max(LEAST_BATCH, Math.min(PAPER_BATCH, largest));
}
