import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { planArm } from './arms.ts';
import { affordable, type Budget, costOf } from './budget.ts';
import { type Band, type KeepOptions, keep } from './keep.ts';
import { selectedBy } from './ledger.ts';

/** Pairs `p0`, `p1`, … from easy to hard; in the input they stand the other way round. */
function rows(n: number): DifficultyRow[] {
  return Array.from({ length: n }, (_, i) => ({
    id: `p${i}`,
    row: n - 1 - i,
    difficulty: i / n,
    spread: null,
    n: 1,
    rank: i + 1,
  })).reverse();
}

const easiest: KeepOptions = { keepFraction: 0.5, direction: 'easiest', seed: 1 };
const ids = (kept: readonly DifficultyRow[]) => kept.map(({ id }) => id).join(' ');
const tokens = new Map([10, 20, 30, 5, 5].map((own, i) => [`p${i}`, own]));

describe('a band of quantiles', () => {
  test('by hand, in training order', () => {
    expect(ids(keep(rows(10), { ...easiest, band: [0.2, 0.5] }))).toBe('p2 p3 p4');
    expect(ids(keep(rows(3), { ...easiest, band: [0.3, 0.4] }))).toBe('p0');
    expect(() => keep(rows(3), { ...easiest, band: [0.4, 0.5] })).toThrow(/no pair lies in the band/);
  });

  test('the middle: nearest to the median by rank, of each stratum', () => {
    expect(ids(keep(rows(7), { ...easiest, direction: 'middle', keepFraction: 3 / 7 }))).toBe('p2 p3 p4');
    expect(ids(keep(rows(4), { ...easiest, direction: 'middle' }))).toBe('p1 p2');
    const strata = new Map(rows(8).map(({ id }, i) => [id, i < 4 ? 'hard half' : 'easy half']));
    expect(ids(keep(rows(8), { ...easiest, direction: 'middle' }, strata))).toBe('p1 p2 p5 p6');
    expect(ids(keep(rows(8), { ...easiest, band: [0, 0.25] }, strata))).toBe('p0 p4');
  });

  test('property: bands that meet part the pairs', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 140 }), cuts, (n, inner) => {
        const edges = [0, ...inner.sort((a, b) => a - b), 100].map((percent) => percent / 100);
        const bands = edges.slice(1).map((high, i): Band => [edges[i] as number, high]);
        const kept = bands.flatMap((band) => keep(rows(n), { ...easiest, band }).map(({ id }) => id));
        expect(kept).toEqual(Array.from({ length: n }, (_, i) => `p${i}`));
      }),
    );
  });
});

describe('a budget', () => {
  const of = (unit: Budget['unit'], most: number, each = 1): KeepOptions => ({
    ...easiest,
    budget: { unit, most, each },
  });

  test('by hand: pairs, tokens of two epochs, money', () => {
    expect(ids(keep(rows(5), of('pairs', 3)))).toBe('p0 p1 p2');
    expect(ids(keep(rows(5), of('pairs', 9)))).toBe('p0 p1 p2 p3 p4');
    expect(ids(keep(rows(5), of('tokens', 60), null, tokens))).toBe('p0 p1 p2');
    expect(ids(keep(rows(5), of('tokens', 60, 2), null, tokens))).toBe('p0 p1');
    // p2 does not fit: the short ones behind it are not squeezed in.
    expect(ids(keep(rows(5), of('tokens', 45), null, tokens))).toBe('p0 p1');
    expect(ids(keep(rows(5), of('money', 0.3, 0.01), null, tokens))).toBe('p0 p1');
    expect(ids(keep(rows(5), { ...of('tokens', 40), direction: 'hardest' }, null, tokens))).toBe('p2 p3 p4');
    expect(ids(keep(rows(5), { ...of('pairs', 1), band: [0.4, 1] }))).toBe('p2');
  });

  test('faults', () => {
    expect(() => keep(rows(5), of('tokens', 9), null, tokens)).toThrow(/does not pay for one pair/);
    expect(() => keep(rows(5), of('tokens', 9))).toThrow(/tokens of a pair are not known/);
  });

  test('the receipt and the ledger name what decided', () => {
    expect(selectedBy(easiest)).toBe('keep fraction 0.5');
    expect(selectedBy({ ...of('tokens', 45), band: [0.2, 0.8] })).toBe(
      'band 0.2 to 0.8, budget of 45 tokens',
    );
  });

  test('property: never more than the budget, and one pair more would be', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 50, max: 900 }), (own, most) => {
        const of = new Map(own.map((n, i) => [`p${i}`, n]));
        const order = [...of.keys()];
        const budget: Budget = { unit: 'tokens', most, each: 1 };
        const kept = affordable(order, budget, null, of);
        expect([...kept]).toEqual(order.slice(0, kept.size));
        expect(costOf(budget, kept, of)).toBeLessThanOrEqual(most);
        if (kept.size < order.length)
          expect(costOf(budget, order.slice(0, kept.size + 1), of)).toBeGreaterThan(most);
      }),
    );
  });
});

describe('controls', () => {
  const lengths = new Map(rows(10).map(({ id }, i) => [id, { chosen: 1 + i, rejected: 2 }]));
  const long = new Map(rows(10).map(({ id }, i) => [id, 10 + i]));
  const input = { difficulties: rows(10), lengths, strata: null, tokens: long };
  const names = ['random', 'hardest', 'easiest-shuffled', 'length-matched', 'shortest'] as const;

  test.each(names)('%s has as many pairs as the band, from all pairs', (name) => {
    const selection: KeepOptions = { ...easiest, band: [0.2, 0.5] };
    const { ids } = planArm(name, input, selection, 3);
    expect(ids).toHaveLength(3);
    if (name === 'hardest') expect([...ids].sort()).toEqual(['p7', 'p8', 'p9']);
  });

  test.each(names.filter((name) => name !== 'length-matched'))('%s stays within the tokens', (name) => {
    const budget: Budget = { unit: 'tokens', most: 50, each: 1 };
    const { ids } = planArm(name, input, { ...easiest, budget }, 3);
    const spent = costOf(budget, ids, long);
    expect(spent).toBeLessThanOrEqual(50);
    expect(spent).toBeGreaterThan(50 - 19);
  });
});
