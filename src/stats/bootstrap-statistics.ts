import { quantile } from 'simple-statistics';
import { Random } from '../base/random.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import type { Interval } from './interval.ts';

/** Above this share of resamples in which a statistic is not defined, it has no interval. */
const MOST_UNDEFINED = 0.05;

/**
 * value = T(1, …, 1);  low, high = the (1 ∓ level) / 2 quantiles of T(w₁, …, w_n) over resamples
 *
 * For statistics that are no mean (kappa, a correlation): `statistics` is told how often each case was drawn and gives
 * any number of them, null where one is not defined. Clusters of cases are drawn together, with replacement.
 * *Reference:* Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13.3; Davison and Hinkley 1997, Bootstrap
 * Methods and their Application, 3.8 (clusters).
 * null for a statistic that is not defined on the data, or not in more than 5 % of the resamples; the others of its
 * resamples are left out. n = 0 gives whatever `statistics` gives for it, or null; one cluster gives low = high = value.
 */
export function bootstrapStatistics(
  n: number,
  statistics: (weights: Float64Array) => readonly (number | null)[],
  options: BootstrapOptions,
): (Interval | null)[] {
  const { seed, resamples = 2000, level = 0.95, clusters } = options;
  if (!Number.isInteger(resamples) || resamples < 1)
    throw new RangeError(`bootstrapStatistics: need at least 1 resample, got ${resamples}`);
  if (!(level > 0 && level < 1))
    throw new RangeError(`bootstrapStatistics: need 0 < level < 1, got ${level}`);
  if (clusters !== undefined && clusters.length !== n)
    throw new RangeError(`bootstrapStatistics: need ${n} cluster names, got ${clusters.length}`);
  const values = statistics(new Float64Array(n).fill(1));
  if (n === 0) return values.map(() => null);

  const numbers = new Map<string | number, number>();
  const clusterOf = Uint32Array.from({ length: n }, (_, i) => {
    const name = clusters?.[i] ?? i;
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
  const random = new Random(seed, 'bootstrap statistics');
  const drawn = new Uint32Array(numbers.size);
  const weights = new Float64Array(n);
  const found: number[][] = values.map(() => []);
  for (let resample = 0; resample < resamples; resample++) {
    drawn.fill(0);
    for (let draw = 0; draw < drawn.length; draw++) drawn[random.integer(drawn.length)]!++;
    for (let i = 0; i < n; i++) weights[i] = drawn[clusterOf[i]!]!;
    for (const [k, value] of statistics(weights).entries()) if (value !== null) found[k]!.push(value);
  }
  return values.map((value, k) => {
    const defined = found[k]!;
    if (value === null || defined.length < (1 - MOST_UNDEFINED) * resamples) return null;
    const [low, high] = quantile(defined, [(1 - level) / 2, (1 + level) / 2]) as [number, number];
    return { value, low, high };
  });
}
