import { sampleCorrelation } from 'simple-statistics';
import { requireFinite, requireSameLength } from './finite.ts';
import type { Interval } from './interval.ts';
import { normalQuantile } from './normal.ts';
import { rankAverage } from './rank.ts';

/**
 * r = Σ (xᵢ − x̄)(yᵢ − ȳ) / √( Σ (xᵢ − x̄)² · Σ (yᵢ − ȳ)² )
 *
 * *Reference:* Pearson 1896, "Regression, heredity, and panmixia", Phil. Trans. R. Soc. A 187.
 * null for n < 2 and when either side is constant: no correlation is defined there, and 0 would be a claim.
 */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  requireSameLength(x, y, 'pearson');
  requireFinite(x, 'pearson');
  requireFinite(y, 'pearson');
  if (x.length < 2 || isConstant(x) || isConstant(y)) return null;
  const r = sampleCorrelation(Array.from(x), Array.from(y));
  // Deviations can underflow to 0 although the values differ: the quotient is then not a number.
  if (!Number.isFinite(r)) return null;
  return Math.min(1, Math.max(-1, r));
}

/**
 * ρ = pearson(rank(x), rank(y)), with average ranks for ties
 *
 * *Reference:* Spearman 1904, "The proof and measurement of association between two things", Am. J. Psychol. 15(1).
 * null for n < 2 and when either side is constant.
 */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  requireSameLength(x, y, 'spearman');
  return pearson(rankAverage(x), rankAverage(y));
}

/**
 * low, high = tanh( atanh(ρ) ∓ z √((1 + ρ²/2) / (n − 3)) ),  z = Φ⁻¹((1 + level) / 2)
 *
 * Of a Spearman correlation over n cases. *Reference:* Bonett and Wright 2000, Psychometrika 65(1), who found it to
 * cover as often as it says up to |ρ| = 0.95.
 * n < 4 says nothing: −1 to 1. |ρ| = 1 gives low = high = ρ, as does no sampling error at all.
 */
export function spearmanInterval(rho: number, n: number, level = 0.95): Interval {
  if (!(Math.abs(rho) <= 1) || !(n >= 0)) throw new RangeError(`spearmanInterval: rho = ${rho}, n = ${n}`);
  if (n < 4) return { value: rho, low: -1, high: 1 };
  if (Math.abs(rho) === 1) return { value: rho, low: rho, high: rho };
  const half = normalQuantile((1 + level) / 2) * Math.sqrt((1 + rho ** 2 / 2) / (n - 3));
  const centre = Math.atanh(rho);
  return { value: rho, low: Math.tanh(centre - half), high: Math.tanh(centre + half) };
}

/**
 * r_xy·z = (r_xy − r_xz r_yz) / √((1 − r_xz²)(1 − r_yz²))
 *
 * The correlation of x and y that is left when what is linear in z is taken out of both.
 * *Reference:* Yule 1907, "On the theory of correlation for any number of variables", Proc. R. Soc. A 79(529).
 * null where a simple correlation is (n < 2, a constant side), and where z explains one side wholly.
 */
export function partialCorrelation(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  z: ArrayLike<number>,
): number | null {
  return partialOf(pearson(x, y), pearson(x, z), pearson(y, z));
}

/** {@link partialCorrelation} from the three simple correlations. */
export function partialOf(xy: number | null, xz: number | null, yz: number | null): number | null {
  if (xy === null || xz === null || yz === null) return null;
  const left = (1 - xz * xz) * (1 - yz * yz);
  if (left < 1e-12) return null;
  return Math.min(1, Math.max(-1, (xy - xz * yz) / Math.sqrt(left)));
}

/**
 * r_k = k·r / (1 + (k − 1)·r)
 *
 * The reliability to expect of the mean of k parallel measurements of which two correlate with r;
 * k = 2 steps a split-half correlation up to the whole.
 * *Reference:* Spearman 1910 and Brown 1910, Br. J. Psychol. 3(3).
 * k = 1 gives r, k = 0 gives 0. Throws outside r ∈ (−1, 1] and where 1 + (k − 1)·r ≤ 0 (a negative r
 * between many measurements, which no parallel measurements can have).
 */
export function spearmanBrown(r: number, k = 2): number {
  requireFinite([r, k], 'spearmanBrown');
  const denominator = 1 + (k - 1) * r;
  if (r < -1 || r > 1 || k < 0 || denominator <= 0) {
    throw new RangeError(
      `spearmanBrown: need -1 < r <= 1, k >= 0 and 1 + (k - 1) r > 0, got r = ${r}, k = ${k}`,
    );
  }
  return (k * r) / denominator;
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}
