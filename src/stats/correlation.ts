import { sampleCorrelation } from 'simple-statistics';
import { requireFinite, requireSameLength } from './finite.ts';
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
