import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupFolds, quicksortOrder } from './group-folds.ts';

describe('quicksortOrder', () => {
  // numpy 1.26.4 and 2.4.6: np.argsort(np.full(n, 2)) with NPY_DISABLE_CPU_FEATURES for AVX-512 and AVX2.
  test('numpy’s order of 50 equal values', () => {
    expect([...quicksortOrder(50)]).toEqual([
      0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 26, 25, 24, 23,
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 48, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 12, 49,
    ]);
  });

  test('numpy’s order of 2,415 equal values, in three places', () => {
    const order = [...quicksortOrder(2415)];
    expect(order.slice(0, 20)).toEqual([
      0, 1606, 1607, 1608, 1609, 1610, 1611, 1605, 1612, 1614, 1615, 1616, 1617, 1618, 1619, 1613, 1604, 1603,
      1602, 1587,
    ]);
    expect(order.slice(1200, 1210)).toEqual([2012, 2013, 2014, 2015, 2016, 2018, 2413, 1207, 1205, 398]);
    expect(order.slice(-10)).toEqual([801, 802, 803, 804, 805, 806, 807, 808, 810, 2414]);
  });

  test('is a permutation, and up to 16 values stay in place', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 700 }), (n) => {
        const order = [...quicksortOrder(n)];
        const sorted = Array.from({ length: n }, (_, i) => i);
        expect([...order].sort((a, b) => a - b)).toEqual(sorted);
        if (n <= 16) expect(order).toEqual(sorted);
      }),
    );
  });
});

describe('groupFolds', () => {
  test('small n: groups from the last to the first, in turn', () => {
    expect([...groupFolds(7, 3)]).toEqual([0, 2, 1, 0, 2, 1, 0]);
    expect([...groupFolds(0, 5)]).toEqual([]);
    expect([...groupFolds(1, 5)]).toEqual([0]);
  });

  test('folds differ by at most one group', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 2, max: 9 }), (n, k) => {
        const sizes = new Array<number>(k).fill(0);
        for (const fold of groupFolds(n, k)) sizes[fold]!++;
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('one fold is none', () => {
    expect(() => groupFolds(10, 1)).toThrow(RangeError);
  });
});
