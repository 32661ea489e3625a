import { incompleteBeta } from './beta.ts';
import { requireFinite } from './finite.ts';

/** Which side is larger how often, and how likely so lopsided a count is where neither is. */
export interface SignTest {
  readonly greater: number;
  readonly less: number;
  /** Left out of the test: they say nothing of a side. */
  readonly ties: number;
  /** Two-sided, exact. */
  readonly p: number;
}

/**
 * p = min(1, 2 · P(X ≤ min(g, l))),  X ~ Binomial(g + l, ½),  g = #{dᵢ > 0}, l = #{dᵢ < 0}
 *
 * P(X ≤ k) = I_½(n − k, k + 1). Of paired differences; zeros are left out and counted. For outcomes that are 0 or 1 on
 * both sides this is McNemar's exact test. *Reference:* Arbuthnott 1710; Dixon and Mood 1946, J. Am. Stat. Assoc. 41(236);
 * McNemar 1947, Psychometrika 12(2). n = 0 or only ties: p = 1. n = 1: p = 1.
 */
export function signTest(differences: ArrayLike<number>): SignTest {
  requireFinite(differences, 'signTest');
  let [greater, less, ties] = [0, 0, 0];
  for (let i = 0; i < differences.length; i++) {
    if (differences[i]! > 0) greater++;
    else if (differences[i]! < 0) less++;
    else ties++;
  }
  return { greater, less, ties, p: evenSplit(greater, less) };
}

/**
 * McNemar's exact test of two yes-or-no outcomes on the same cases, from the two kinds of cases on which they differ:
 * the sign test of b against c. *Reference:* McNemar 1947, Psychometrika 12(2). b + c = 0 gives 1.
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  for (const count of [onlyFirst, onlySecond])
    if (!Number.isInteger(count) || count < 0)
      throw new RangeError(`mcnemarExact: need whole counts of at least 0, got ${count}`);
  return evenSplit(onlyFirst, onlySecond);
}

function evenSplit(a: number, b: number): number {
  if (Math.abs(a - b) <= 1) return 1; // no split is more even
  const few = Math.min(a, b);
  return Math.min(1, 2 * incompleteBeta(0.5, Math.max(a, b), few + 1));
}
