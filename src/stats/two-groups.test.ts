import { describe, expect, it } from 'vitest';
import { fisherExact, rankSumTest, shareDifference } from './two-groups.ts';

describe('two groups', () => {
  it('Fisher: the lady tasting tea, and a table of R’s manual', () => {
    // 3 of 4 rightly: (16 + 1 + 16 + 1) / 70.
    expect(fisherExact(3, 1, 1, 3)).toBeCloseTo(34 / 70, 12);
    expect(fisherExact(4, 0, 0, 4)).toBeCloseTo(2 / 70, 12);
    // R: fisher.test(matrix(c(2, 10, 15, 3), 2)) (Convictions of like-sex twins), p = 0.0005367.
    expect(fisherExact(2, 15, 10, 3)).toBeCloseTo(0.0005367, 6);
    expect(fisherExact(0, 0, 3, 4)).toBe(1);
    expect(fisherExact(30_000, 0, 0, 30_000)).toBeLessThan(1e-200);
    expect(() => fisherExact(0.5, 1, 1, 1)).toThrow(/whole counts/);
  });
  it('difference of shares: Newcombe 1998, table II, (a) 56/70 − 48/80 by method 10', () => {
    const found = shareDifference([56, 70], [48, 80]);
    expect(found?.value).toBeCloseTo(0.2, 12);
    expect(found?.low).toBeCloseTo(0.0524, 4);
    expect(found?.high).toBeCloseTo(0.3339, 4);
    expect(shareDifference([0, 0], [1, 2])).toBeNull();
  });
  it('rank test: U = 0 of 5 and 5 without ties, and p = 1 where all are equal', () => {
    const five = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    const first = five.map((value) => value <= 5);
    // z = 12.5 / √(25 · 11 / 12) = 2.6112.
    expect(rankSumTest(five, first)).toBeCloseTo(0.009023, 5);
    expect(rankSumTest([1, 1, 1, 1], [true, true, false, false])).toBe(1);
    expect(rankSumTest([], [])).toBe(1);
  });
});
