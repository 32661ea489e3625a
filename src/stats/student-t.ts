import { incompleteBeta } from './beta.ts';
import type { Interval } from './interval.ts';

/**
 * P(T ≤ t) of Student's distribution with ν degrees of freedom:  1 − ½ I_x(ν/2, ½),  x = ν / (ν + t²),  t ≥ 0
 *
 * *Reference:* Abramowitz and Stegun 1964, 26.7.1.
 */
export function studentCdf(t: number, df: number): number {
  if (!(df > 0)) throw new RangeError(`studentCdf: need df > 0, got ${df}`);
  const tail = 0.5 * incompleteBeta(df / (df + t * t), df / 2, 0.5);
  return t >= 0 ? 1 - tail : tail;
}

/** The t with P(T ≤ t) = p, 0 < p < 1, by bisection of {@link studentCdf}. */
export function studentQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`studentQuantile: need 0 < p < 1, got ${p}`);
  if (p < 0.5) return -studentQuantile(1 - p, df);
  let [low, high] = [0, 1];
  while (studentCdf(high, df) < p) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, df) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A mean with its interval, and how likely one so far from 0 is where the truth is 0. */
export interface MeanInterval extends Interval {
  /** Two-sided. */
  readonly p: number;
  readonly n: number;
}

/**
 * x̄ ± t_{1−α/2, ν} · s / √n;  p = 2 · P(T > |x̄| √n / s)
 *
 * For independent replicates; with few of them the interval is as wide as few deserve. `pooled` gives a standard
 * deviation that was estimated over more than these values, with its degrees of freedom.
 * *Reference:* Student 1908, Biometrika 6(1).
 * n = 1 without `pooled` says nothing: the interval is (−∞, ∞) and p = 1. n = 0 throws. s = 0 gives the mean alone,
 * with p = 0 unless it is 0.
 */
export function meanInterval(
  values: readonly number[],
  { level = 0.95, pooled }: { level?: number; pooled?: { sd: number; df: number } } = {},
): MeanInterval {
  const n = values.length;
  if (n === 0) throw new RangeError('meanInterval: need at least one value, got none');
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  const df = pooled?.df ?? n - 1;
  if (df < 1) return { value, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, p: 1, n };
  const sd = pooled?.sd ?? Math.sqrt(values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1));
  const error = sd / Math.sqrt(n);
  if (error === 0) return { value, low: value, high: value, p: value === 0 ? 1 : 0, n };
  const half = studentQuantile((1 + level) / 2, df) * error;
  const p = 2 * (1 - studentCdf(Math.abs(value) / error, df));
  return { value, low: value - half, high: value + half, p, n };
}

/**
 * s² = Σ_g Σ_i (x_gi − x̄_g)² / Σ_g (n_g − 1)
 *
 * The standard deviation within groups, and its degrees of freedom; null where no group has two values.
 */
export function pooledDeviation(groups: readonly (readonly number[])[]): { sd: number; df: number } | null {
  let squares = 0;
  let df = 0;
  for (const group of groups) {
    if (group.length < 2) continue;
    const mean = group.reduce((sum, x) => sum + x, 0) / group.length;
    squares += group.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    df += group.length - 1;
  }
  return df === 0 ? null : { sd: Math.sqrt(squares / df), df };
}

/**
 * Adjusted p-values, in the order given:  p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) · p_(j))
 *
 * Below α exactly where Holm's procedure rejects; all of them together err with at most α.
 * *Reference:* Holm 1979, Scand. J. Stat. 6(2).
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number));
  const adjusted = new Array<number>(values.length);
  let most = 0;
  order.forEach((i, rank) => {
    most = Math.max(most, Math.min(1, (values.length - rank) * (values[i] as number)));
    adjusted[i] = most;
  });
  return adjusted;
}
