import { linearQuantile } from '../../stats/quantile.ts';
import type { ResampleOptions } from './bradley-terry-rates.ts';
import type { ArenaGroup } from './groups.ts';
import { bounds, drawCounts, type RateEstimate } from './rates.ts';

export interface MeanRate extends RateEstimate {
  /** What the official table shows: the mean over resamples. It differs from the win rate by their noise alone. */
  readonly bootstrapMean: number;
}

/**
 * win rate = 100 · (1 / n) Σ share of the model,  over its battles with the baseline, as in v2.0
 *
 * A resample draws from each model's own battles.
 * *Reference:* lmarena/arena-hard-auto at 196f6b8, show_result.py.
 * The baseline has 50, without an interval. n = 1: low = high = the one result, which is no certainty.
 */
export function meanRates(
  { baseline, battles }: ArenaGroup,
  { seed, resamples, level }: ResampleOptions,
): ReadonlyMap<string, MeanRate> {
  const shares = new Map<string, number[]>();
  for (const { a, b, shareOfA } of battles) {
    const [model, share] = a === baseline ? [b, 1 - shareOfA] : [a, shareOfA];
    const own = shares.get(model);
    if (own === undefined) shares.set(model, [share]);
    else own.push(share);
  }
  const [low, high] = bounds(level);
  const rates = new Map<string, MeanRate>([
    [baseline, { winRate: 50, low: 50, high: 50, bootstrapMean: 50 }],
  ]);
  for (const [model, own] of shares) {
    const means: number[] = [];
    for (const counts of drawCounts(own.length, resamples, seed, 'arena-hard', model)) {
      means.push((100 * own.reduce((sum, share, i) => sum + share * counts[i]!, 0)) / own.length);
    }
    rates.set(model, {
      winRate: (100 * own.reduce((sum, share) => sum + share, 0)) / own.length,
      low: linearQuantile(means, low),
      high: linearQuantile(means, high),
      bootstrapMean: means.reduce((sum, mean) => sum + mean, 0) / means.length,
    });
  }
  return rates;
}
