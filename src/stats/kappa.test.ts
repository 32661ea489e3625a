import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cohenKappa, fleissKappa } from './kappa.ts';

/** Rows of a table between slashes. */
const rows = (text: string) => text.split('/').map((line) => line.trim().split(' ').map(Number));

describe('Cohen’s kappa', () => {
  // statsmodels 0.15.0: cohens_kappa(table).kappa, .std_kappa
  it.each([
    [rows('88 14 18 / 10 40 10 / 2 6 12'), 0.49152542372881347, 0.05100181557607786, 200],
    [rows('20 5 / 10 15'), 0.4, 0.12699606293110033, 50],
  ] as const)('%j', (table, kappa, standardError, n) => {
    expect(cohenKappa(table)).toEqual({
      value: expect.closeTo(kappa, 12),
      standardError: expect.closeTo(standardError, 12),
      n,
    });
  });

  it('1 in full agreement, 0 at what chance gives, below in contradiction', () => {
    expect(cohenKappa(rows('5 0 / 0 7'))).toEqual({
      value: expect.closeTo(1, 12),
      standardError: expect.closeTo(0, 7),
      n: 12,
    });
    expect(cohenKappa(rows('6 3 / 4 2'))?.value).toBeCloseTo(0, 12);
    expect(cohenKappa(rows('0 5 / 5 0'))?.value).toBe(-1);
  });

  it('is not defined without cases, and where both give one label alone', () => {
    expect(cohenKappa([])).toBeNull();
    expect(cohenKappa(rows('0 0 / 0 0'))).toBeNull();
    expect(cohenKappa(rows('9 0 / 0 0'))).toBeNull();
    expect(cohenKappa(rows('0 1 / 0 0'))).toMatchObject({ value: 0, n: 1 });
  });

  it('does not change when raters swap or labels change their order', () => {
    const count = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.array(count, { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 }),
        (table) => {
          const kappa = cohenKappa(table);
          const swapped = cohenKappa([0, 1, 2].map((i) => [0, 1, 2].map((j) => table[j]![i]!)));
          const order = [2, 0, 1];
          const renamed = cohenKappa(order.map((i) => order.map((j) => table[i]![j]!)));
          for (const other of [swapped, renamed]) {
            if (kappa === null) expect(other).toBeNull();
            else {
              expect(other?.value).toBeCloseTo(kappa.value, 10);
              expect(other?.standardError).toBeCloseTo(kappa.standardError, 10);
            }
          }
        },
      ),
      { seed: 6 },
    );
  });

  it('refuses what is no table of counts', () => {
    expect(() => cohenKappa([[1, 2]])).toThrow(/square/);
    expect(() => cohenKappa([[-1]])).toThrow(/at least 0/);
  });
});

describe('Fleiss’ kappa', () => {
  // statsmodels 0.15.0: fleiss_kappa(table): ten cases, 14 raters, five labels.
  const table = rows(
    '0 0 0 0 14 / 0 2 6 4 2 / 0 0 3 5 6 / 0 3 9 2 0 / 2 2 8 1 1 / 7 7 0 0 0 / 3 2 6 3 0 / 2 5 3 2 2 / 6 5 2 1 0 / 0 2 2 3 7',
  );

  it('agrees with statsmodels', () => {
    expect(fleissKappa(table)).toBeCloseTo(0.20993070442195522, 12);
  });

  it('a weight of 2 is the case twice, of 0 not at all', () => {
    const weights = [2, 1, 0, 1, 1, 1, 1, 1, 1, 1];
    const written = [table[0]!, ...table.filter((_, i) => i !== 2)];
    expect(fleissKappa(table, weights)).toBeCloseTo(fleissKappa(written)!, 12);
  });

  it('of two raters is Scott’s pi: Cohen’s where both use the labels equally often', () => {
    // 40 a a, 10 a b, 10 b a, 20 b b: both say a 50 times.
    const counts = [...Array(40).fill([2, 0]), ...Array(20).fill([1, 1]), ...Array(20).fill([0, 2])];
    expect(fleissKappa(counts)).toBeCloseTo(cohenKappa(rows('40 10 / 10 20'))!.value, 12);
  });

  it('is not defined without cases or with one label alone; refuses unequal raters', () => {
    expect([fleissKappa([]), fleissKappa(rows('3 0 / 3 0')), fleissKappa([[2, 1]], [0])]).toEqual([
      null,
      null,
      null,
    ]);
    expect(fleissKappa([[3, 3]])).toBeCloseTo(-0.2, 12);
    expect(() => fleissKappa([[1, 0]])).toThrow(/at least 2 raters/);
    expect(() => fleissKappa(rows('1 1 / 3 0'))).toThrow(/for case 1/);
  });
});
