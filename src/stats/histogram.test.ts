import fc from 'fast-check';
import { expect, test } from 'vitest';
import { histogram } from './histogram.ts';

test('half-open bins, the last one closed', () => {
  expect(histogram([0, 0.5, 1, 1.5, 2], 2)).toEqual([
    { low: 0, high: 1, count: 2 },
    { low: 1, high: 2, count: 3 },
  ]);
});

test('nothing, one value, equal values', () => {
  expect(histogram([], 4)).toEqual([]);
  expect(histogram([], 2, [0, 1]).map((bin) => bin.count)).toEqual([0, 0]);
  expect(histogram([3], 4)).toEqual([{ low: 3, high: 3, count: 1 }]);
  expect(histogram([3, 3], 4)).toEqual([{ low: 3, high: 3, count: 2 }]);
});

test('refuses what it cannot count', () => {
  expect(() => histogram([1, Number.NaN], 2)).toThrow('got NaN');
  expect(() => histogram([1, 5], 2, [0, 4])).toThrow('lies outside');
  expect(() => histogram([1], 0)).toThrow('at least 1 bin');
});

test('every value is counted once, in the bin whose edges hold it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1, max: 30 }),
      (values, bins) => {
        const counted = histogram(values, bins);
        for (const [k, { low, high, count }] of counted.entries()) {
          const last = k === counted.length - 1;
          const inside = values.filter((x) => x >= low && (x < high || (last && x <= high))).length;
          expect(count).toBe(inside);
        }
        expect(counted.reduce((sum, bin) => sum + bin.count, 0)).toBe(values.length);
      },
    ),
  );
});
