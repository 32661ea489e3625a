import { requireFinite } from './finite.ts';

/** Where the p-quantile of n sorted values lies: between the values at `below` and `below + 1`, at `part` of the way. */
export function quantilePlace(n: number, p: number): { readonly below: number; readonly part: number } {
  if (!(n >= 1) || !(p >= 0 && p <= 1)) throw new RangeError(`quantilePlace: n = ${n}, p = ${p}`);
  const place = (n - 1) * p;
  const below = Math.min(Math.floor(place), Math.max(0, n - 2));
  return { below, part: place - below };
}

/**
 * q(p) = x₍ᵢ₎ + g (x₍ᵢ₊₁₎ − x₍ᵢ₎),  (n − 1) p = i + g, counted from 0
 *
 * The definition that NumPy and pandas take unless asked otherwise, so that published intervals come out.
 * *Reference:* Hyndman and Fan 1996, "Sample quantiles in statistical packages", type 7.
 * n = 0 throws; n = 1 gives the one value for every p.
 */
export function linearQuantile(values: ArrayLike<number>, p: number): number {
  requireFinite(values, 'linearQuantile');
  const sorted = Float64Array.from(values).sort();
  const { below, part } = quantilePlace(sorted.length, p);
  const low = sorted[below]!;
  return part === 0 ? low : low + part * (sorted[below + 1]! - low);
}
