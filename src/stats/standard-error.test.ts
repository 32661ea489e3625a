import { expect, test } from 'vitest';
import { meanWithError } from './standard-error.ts';

test('mean and standard error', () => {
  // 1, 2, 3, 4: s² = 5/3, and s / √4.
  expect(meanWithError([1, 2, 3, 4])).toEqual({ mean: 2.5, standardError: Math.sqrt(5 / 3 / 4) });
  // A share: s² = n p (1 − p) / (n − 1).
  expect(meanWithError([1, 0, 0, 1, 1]).standardError).toBeCloseTo(Math.sqrt((0.6 * 0.4) / 4), 15);
});

test('equal values have no error at all', () => {
  expect(meanWithError(new Array(7).fill(0.1))).toEqual({ mean: 0.1, standardError: 0 });
});

test('one value has no error, none has no mean, NaN is refused', () => {
  expect(meanWithError([3])).toEqual({ mean: 3, standardError: null });
  expect(() => meanWithError([])).toThrow(RangeError);
  expect(() => meanWithError([1, Number.NaN])).toThrow(RangeError);
});
