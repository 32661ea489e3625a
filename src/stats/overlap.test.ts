import { expect, test } from 'vitest';
import { jaccard, overlap } from './overlap.ts';

const set = (...items: number[]) => new Set(items);

test('overlap is the shared part of the smaller set', () => {
  expect(overlap(set(1, 2, 3, 4), set(3, 4, 5, 6))).toBe(0.5);
  expect(overlap(set(1, 2, 3, 4), set(3, 4))).toBe(1);
  expect(overlap(set(1), set(2))).toBe(0);
  expect(overlap(set(), set(2))).toBeNull();
});

test('jaccard is the shared part of the union', () => {
  expect(jaccard(set(1, 2, 3), set(2, 3, 4))).toBe(0.5);
  expect(jaccard(set(1), set(1))).toBe(1);
  expect(jaccard(set(), set(1))).toBe(0);
  expect(jaccard(set(), set())).toBeNull();
});
