/**
 * |A ∩ B| / min(|A|, |B|)
 *
 * The overlap coefficient: for kept sets of equal size, the share that two runs have in common. Two random
 * subsets that keep a fraction τ share τ of their members on average.
 * *Reference:* Szymkiewicz 1934; Simpson 1943, Am. J. Sci. 241(1).
 * null when either set is empty (0 / 0); one member against one gives 0 or 1.
 */
export function overlap<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number | null {
  const smaller = Math.min(a.size, b.size);
  return smaller === 0 ? null : shared(a, b) / smaller;
}

/**
 * |A ∩ B| / |A ∪ B|
 *
 * Two random halves share 1/3 by this measure.
 * *Reference:* Jaccard 1912, "The distribution of the flora in the alpine zone", New Phytol. 11(2).
 * null when both sets are empty (0 / 0); 0 when one is; one member against one gives 0 or 1.
 */
export function jaccard<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number | null {
  const both = shared(a, b);
  const union = a.size + b.size - both;
  return union === 0 ? null : both / union;
}

function shared<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  let count = 0;
  for (const item of small) if (large.has(item)) count++;
  return count;
}
