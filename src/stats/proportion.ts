import { betaQuantile } from './beta.ts';
import { requireFinite, requireSameLength } from './finite.ts';
import type { Interval } from './interval.ts';
import { normalQuantile } from './normal.ts';

/** A share of n with its interval. */
export interface Proportion extends Interval {
  readonly n: number;
}

/**
 * (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n),  p = k / n,  z = Φ⁻¹((1 + level) / 2)
 *
 * The score interval: all shares that a two-sided z test at this level would not refuse. It stays inside [0, 1] and
 * has a width at k = 0 and k = n. *Reference:* Wilson 1927, J. Am. Stat. Assoc. 22(158); Newcombe 1998, Stat. Med. 17(8).
 * null for n = 0; n = 1 gives (0, 0.79) or (0.21, 1) at 95 %. k and n need not be whole: an effective number of
 * independent cases is not.
 */
export function wilson(successes: number, n: number, level = 0.95): Proportion | null {
  requireCounts(successes, n, level, 'wilson');
  if (n === 0) return null;
  const p = successes / n;
  const z = normalQuantile((1 + level) / 2);
  const middle = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const whole = 1 + (z * z) / n;
  // At k = 0 and k = n one bound is the value itself, which rounding would miss.
  const low = successes === 0 ? 0 : Math.min(p, (middle - half) / whole);
  const high = successes === n ? 1 : Math.max(p, (middle + half) / whole);
  return { value: p, low, high, n };
}

/**
 * low: P(X ≥ k) = α/2,  high: P(X ≤ k) = α/2,  X ~ Binomial(n, ·),  α = 1 − level
 *
 * The exact interval: covers at least as often as it says, and mostly more. low = I⁻¹_{α/2}(k, n − k + 1),
 * high = I⁻¹_{1−α/2}(k + 1, n − k). *Reference:* Clopper and Pearson 1934, Biometrika 26(4).
 * null for n = 0; n = 1 gives (0, 0.975) or (0.025, 1) at 95 %.
 */
export function clopperPearson(successes: number, n: number, level = 0.95): Proportion | null {
  requireCounts(successes, n, level, 'clopperPearson');
  if (n === 0) return null;
  const tail = (1 - level) / 2;
  return {
    value: successes / n,
    low: successes === 0 ? 0 : betaQuantile(tail, successes, n - successes + 1),
    high: successes === n ? 1 : betaQuantile(1 - tail, successes + 1, n - successes),
    n,
  };
}

/**
 * Wilson's interval at the effective number of cases n* = p (1 − p) / v,  v = C / (C − 1) · Σ_c (Σ_{i ∈ c} (xᵢ − p))² / n²
 *
 * For cases (0 or 1) that come in C clusters, say several verdicts on one prompt: v is the variance of a ratio of
 * cluster totals. n* is held to at most n, as chance alone can make clusters look more alike than single cases.
 * Where v is 0 or C = 1 it says nothing, and n* = C: every cluster counts as one case.
 * *Reference:* Cochran 1977, Sampling Techniques, ch. 3 (v); Korn and Graubard 1998, Surv. Methodol. 24(2) (n*);
 * Parker et al. 2017, Vital Health Stat. 2(175) (n* at most n).
 * null for n = 0; n = 1 is Wilson's. One case a cluster is Wilson's interval, but for the factor C / (C − 1).
 */
export function clusteredProportion(
  hits: ArrayLike<number>,
  clusters: ArrayLike<string | number>,
  level = 0.95,
): Proportion | null {
  requireSameLength(hits, clusters, 'clusteredProportion');
  requireFinite(hits, 'clusteredProportion');
  const n = hits.length;
  if (n === 0) return null;
  let successes = 0;
  for (let i = 0; i < n; i++) {
    if (hits[i] !== 0 && hits[i] !== 1)
      throw new RangeError(`clusteredProportion: need 0 or 1, got ${hits[i]}`);
    successes += hits[i]!;
  }
  const p = successes / n;
  const sums = new Map<string | number, number>();
  for (let i = 0; i < n; i++) sums.set(clusters[i]!, (sums.get(clusters[i]!) ?? 0) + hits[i]! - p);
  let squares = 0;
  for (const sum of sums.values()) squares += sum * sum;
  const variance = ((sums.size / (sums.size - 1)) * squares) / (n * n);
  // Sums that cancel leave rounding behind, which is no variance.
  const known = sums.size > 1 && squares > 1e-18 * n;
  const effective = known ? Math.min(n, (p * (1 - p)) / variance) : sums.size;
  const interval = wilson(p * effective, effective, level);
  return interval === null ? null : { ...interval, value: p, n };
}

function requireCounts(successes: number, n: number, level: number, what: string): void {
  requireFinite([successes, n], what);
  if (!(successes >= 0 && successes <= n))
    throw new RangeError(`${what}: need 0 ≤ successes ≤ n, got ${successes} of ${n}`);
  if (!(level > 0 && level < 1)) throw new RangeError(`${what}: need 0 < level < 1, got ${level}`);
}
