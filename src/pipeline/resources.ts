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

const PAPER_RATE = 5e-5;
const LARGE_MODEL = 1e9;
/** Steps of half a decade around what small models need; widened at its ends until the best lies inside. */
const FIRST_GRID = { lora: [3e-4, 1e-3, 3e-3], full: [1e-4, 3e-4, 1e-3] };
const GRID_STEP = 10 / 3;
const MOST_TRIES = 7;

/** The learning rates to try; one: nothing to try. */
export function learningRates(config: Config, parameters: number): readonly number[] {
  const { learningRate, method } = config.training;
  if (typeof learningRate === 'number') return [learningRate];
  if (learningRate !== 'auto') return learningRate;
  if (parameters >= LARGE_MODEL) return [PAPER_RATE];
  return FIRST_GRID[method];
}

/** The next rate beyond the end of the grid at which the best loss lies; null when it lies inside, or enough were tried. */
export function widenGrid(
  config: Config,
  tried: readonly { readonly learningRate: number; readonly loss: number }[],
): number | null {
  if (config.training.learningRate !== 'auto' || tried.length < 2 || tried.length >= MOST_TRIES) return null;
  const sorted = [...tried].sort((a, b) => a.learningRate - b.learningRate);
  const best = bestRate(sorted);
  const rounded = (rate: number) => Number(rate.toPrecision(1));
  if (best === sorted[0]?.learningRate) return rounded(best / GRID_STEP);
  if (best === sorted.at(-1)?.learningRate) return rounded(best * GRID_STEP);
  return null;
}

/** The rate with the lowest held-out loss; the smaller of equals. */
export function bestRate(tried: readonly { readonly learningRate: number; readonly loss: number }[]): number {
  return tried.reduce((best, item) =>
    item.loss < best.loss || (item.loss === best.loss && item.learningRate < best.learningRate) ? item : best,
  ).learningRate;
}
