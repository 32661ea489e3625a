import { describe, expect, test } from 'vitest';
import { linearQuantile } from './quantile.ts';

describe('linearQuantile', () => {
  // numpy.percentile([1, 2, 4, 8, 16], …) of NumPy 2.4.6
  test.each([
    [0, 1],
    [0.025, 1.1],
    [0.5, 4],
    [0.95, 14.4],
    [0.975, 15.2],
    [1, 16],
  ])('quantile %f of 1, 2, 4, 8, 16 is %f, as in NumPy', (p, value) => {
    expect(linearQuantile([8, 1, 16, 2, 4], p)).toBeCloseTo(value, 12);
  });

  test('one value is every quantile; none has none; a NaN is no value', () => {
    expect([0, 0.3, 1].map((p) => linearQuantile([7], p))).toEqual([7, 7, 7]);
    expect(() => linearQuantile([], 0.5)).toThrow(RangeError);
    expect(() => linearQuantile([1, Number.NaN], 0.5)).toThrow(RangeError);
    expect(() => linearQuantile([1], 1.5)).toThrow(RangeError);
  });
});
