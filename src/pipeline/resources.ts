import { availableParallelism } from 'node:os';
import type { Config } from '../run/config.ts';

/** Worker processes and the threads of each. */
export interface Lanes {
  readonly workers: number;
  readonly threads: number;
}

/** Below this many parameters a pass is too small to share among threads: several units run side by side instead. */
const SMALL_MODEL = 5e7;

export function lanes(config: Pick<Config, 'workers' | 'threads'>, parameters: number): Lanes {
  const cores = availableParallelism();
  const workers = config.workers === 'auto' ? (parameters < SMALL_MODEL ? cores : 1) : config.workers;
  const threads = config.threads === 'auto' ? Math.max(1, Math.floor(cores / workers)) : config.threads;
  return { workers, threads };
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
