import { expect, test } from 'vitest';
import { familyShares } from './shares.ts';
import { FAMILIES } from './tasks.ts';

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
const ofLevel = (shares: ReadonlyMap<string, number>, level: number) =>
  sum(FAMILIES.filter((family) => family.level === level).map(({ name }) => shares.get(name) ?? 0));

test.each([0, 0.2, 0.5, 0.8, 1])(
  'shares of hardness %d are whole, and exactly as many as asked for',
  (hardness) => {
    for (const count of [1, 17, 18, 1000, 3601]) {
      const shares = familyShares(count, hardness);
      expect(sum(shares.values())).toBe(count);
      for (const share of shares.values()) expect(Number.isInteger(share)).toBe(true);
    }
  },
);

test('at one half all families are alike, the first ones with the remainder', () => {
  const shares = [...familyShares(20).values()];
  expect(shares).toHaveLength(FAMILIES.length);
  expect(shares).toEqual(FAMILIES.map((_, i) => (i < 2 ? 2 : 1)));
});

test('hardness moves shares from easy families to hard ones, and leaves the middle its weight', () => {
  const [easy, even, hard] = [0.2, 0.5, 0.8].map((hardness) => familyShares(10_000, hardness)) as [
    Map<string, number>,
    Map<string, number>,
    Map<string, number>,
  ];
  expect(ofLevel(easy, 2)).toBeLessThan(ofLevel(even, 2));
  expect(ofLevel(even, 2)).toBeLessThan(ofLevel(hard, 2));
  // 8 families of level 0, 6 of level 1, 4 of level 2: weights 0.2, 0.5, 0.8 make 1.6 + 3 + 3.2.
  expect(ofLevel(hard, 2) / 10_000).toBeCloseTo(3.2 / 7.8, 3);
  expect(ofLevel(familyShares(100, 0), 2)).toBe(0);
});

test('a family that takes no part leaves its share to the others', () => {
  const shares = familyShares(34, 0.5, (name) => name !== 'mul2');
  expect(shares.has('mul2')).toBe(false);
  expect(sum(shares.values())).toBe(34);
});
