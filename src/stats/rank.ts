import { requireFinite } from './finite.ts';

/**
 * rank(xᵢ) = 1 + #{j : xⱼ < xᵢ} + ½ · #{j ≠ i : xⱼ = xᵢ}
 *
 * Ranks from 1, ties share the average of the ranks they occupy (midranks).
 * *Reference:* Kendall 1945, "The treatment of ties in ranking problems", Biometrika 33(3).
 * n = 0 gives no ranks, n = 1 gives [1]. NaN and infinities throw.
 */
export function rankAverage(values: ArrayLike<number>): Float64Array {
  requireFinite(values, 'rankAverage');
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort(
    (i, j) => values[i]! - values[j]!,
  );
  const ranks = new Float64Array(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1; // exclusive
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let i = first; i < end; i++) ranks[order[i]!] = (first + 1 + end) / 2;
    first = end;
  }
  return ranks;
}
