import { Random } from '../../base/random.ts';
import { logistic } from '../../stats/logistic.ts';
import { quantilePlace } from '../../stats/quantile.ts';

/** A win rate against the baseline in points, 0 to 100, and its percentile interval over resamples. */
export interface RateEstimate {
  readonly winRate: number;
  /** null where no resample had the model in it. */
  readonly low: number | null;
  readonly high: number | null;
}

/** 100 σ(θ) points; log-odds of ±Infinity are 100 and 0. */
export function rateOf(logOdds: number): number {
  return 100 * logistic(logOdds);
}

/**
 * The p-quantile of log-odds, as a win rate. It is taken on the scale of log-odds (or, which is the same, of ratings),
 * as the official program does, and on that of win rates where a neighbour is infinite. null for none.
 */
export function rateQuantile(logOdds: readonly number[], p: number): number | null {
  if (logOdds.length === 0) return null;
  const sorted = Float64Array.from(logOdds).sort();
  const { below, part } = quantilePlace(sorted.length, p);
  const low = sorted[below] as number;
  const high = sorted[below + 1] ?? low;
  if (part === 0 || low === high) return rateOf(low);
  if (Number.isFinite(low) && Number.isFinite(high)) return rateOf(low + part * (high - low));
  return (1 - part) * rateOf(low) + part * rateOf(high);
}

/** Lower and upper quantile of an interval of this coverage. */
export function bounds(level: number): readonly [number, number] {
  return [(1 - level) / 2, (1 + level) / 2];
}

/** How often each of n rows is drawn in each of `resamples` samples of n with replacement; one array, used anew. */
export function* drawCounts(
  n: number,
  resamples: number,
  ...seed: readonly (number | string)[]
): Generator<Uint32Array> {
  const random = new Random(...seed);
  const counts = new Uint32Array(n);
  for (let resample = 0; resample < resamples; resample++) {
    counts.fill(0);
    for (let draw = 0; draw < n; draw++) counts[random.integer(n)]!++;
    yield counts;
  }
}

/** Rows that are alike: how often each kind occurs, and what of it is won. */
export interface Tally {
  readonly weights: Float64Array;
  readonly wins: Float64Array;
}

/** Sums rows by their kind; `counts` says how often each row is there, once without it. */
export function tally(kinds: number, kindOf: Int32Array, shareOf: Float64Array, counts?: Uint32Array): Tally {
  const weights = new Float64Array(kinds);
  const wins = new Float64Array(kinds);
  for (let row = 0; row < kindOf.length; row++) {
    const times = counts === undefined ? 1 : counts[row]!;
    weights[kindOf[row]!]! += times;
    wins[kindOf[row]!]! += times * shareOf[row]!;
  }
  return { weights, wins };
}
