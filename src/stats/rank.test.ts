import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rankAverage } from './rank.ts';

test('ties share the average of their ranks', () => {
  expect([...rankAverage([10, 20, 20, 5])]).toEqual([2, 3.5, 3.5, 1]);
  expect([...rankAverage([1, 1, 1])]).toEqual([2, 2, 2]);
  expect([...rankAverage([0, -0])]).toEqual([1.5, 1.5]);
});

test('nothing and one value', () => {
  expect([...rankAverage([])]).toEqual([]);
  expect([...rankAverage([7])]).toEqual([1]);
});

test('NaN throws', () => {
  expect(() => rankAverage([1, Number.NaN])).toThrow('got NaN at index 1');
});

test('ranks are those of the definition, and sum to n (n + 1) / 2', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 40 }), (values) => {
      const ranks = rankAverage(values);
      const expected = values.map(
        (x) => 0.5 + values.filter((y) => y < x).length + 0.5 * values.filter((y) => y === x).length,
      );
      expect([...ranks]).toEqual(expected);
      expect(ranks.reduce((sum, rank) => sum + rank, 0)).toBe((values.length * (values.length + 1)) / 2);
    }),
  );
});
