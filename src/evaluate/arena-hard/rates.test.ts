import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../base/fuzz.fixture.ts';
import type { Battle } from './battles.ts';
import { bradleyTerryRates } from './bradley-terry-rates.ts';
import type { ArenaGroup } from './groups.ts';
import { meanRates } from './mean-rates.ts';
import { rateOf, rateQuantile } from './rates.ts';
import { GOLDEN_WORLD, simulated } from './simulated.fixture.ts';

const resampling = { seed: 3, resamples: 100, level: 0.95 };

/** Battles of models with the baseline, by what the model got: [wins, ties, losses]. */
function group(results: Readonly<Record<string, readonly [number, number, number]>>): ArenaGroup {
  const battles = Object.entries(results).flatMap(([b, counts]) =>
    counts.flatMap((count, kind) =>
      Array.from(
        { length: count },
        (_, i): Battle => ({
          question: `q${i}`,
          a: 'base',
          b,
          shareOfA: kind / 2,
          category: null,
          styles: null,
        }),
      ),
    ),
  );
  return { category: null, baseline: 'base', battles, games: null };
}

const count = fc.integer({ min: 0, max: 60 });

describe('win rates', () => {
  it('against one baseline, both versions are (wins + ties / 2) / n', () => {
    fc.assert(
      fc.property(count, count, count, (wins, ties, losses) => {
        fc.pre(wins + ties + losses > 0);
        const n = wins + ties + losses;
        const all = group({ m: [wins, ties, losses], other: [3, 1, 5] });
        const expected = (100 * (wins + ties / 2)) / n;
        const once = { ...resampling, resamples: 3 };
        expect(bradleyTerryRates(all, once).get('m')!.winRate).toBeCloseTo(expected, 8);
        expect(meanRates(all, once).get('m')!.winRate).toBeCloseTo(expected, 10);
        expect(bradleyTerryRates(all, once).get('base')!).toMatchObject({ winRate: 50, rating: 1000 });
      }),
      seeded(60),
    );
  });

  it('ties move the win rate towards 50', () => {
    const rate = (ties: number) =>
      bradleyTerryRates(group({ m: [30, ties, 10] }), resampling).get('m')!.winRate;
    expect([0, 10, 40, 400].map(rate)).toEqual([0, 10, 40, 400].map(rate).toSorted((x, y) => y - x));
    expect(rate(400)).toBeGreaterThan(50);
  });

  it('the rating is Elo’s: 400 points are odds of 10 to 1', () => {
    const { rating } = bradleyTerryRates(group({ m: [100, 0, 10] }), resampling).get('m')!;
    expect(rating).toBeCloseTo(1400, 9);
  });

  it('who wins everything has 100, the limit, with no rating and no NaN', () => {
    for (const rates of [bradleyTerryRates, meanRates]) {
      const found = rates(group({ m: [12, 0, 0], l: [0, 0, 4], o: [1, 1, 1] }), resampling);
      expect(found.get('m')).toMatchObject({ winRate: 100, low: 100, high: 100 });
      expect(found.get('l')).toMatchObject({ winRate: 0, low: 0, high: 0 });
    }
    expect(bradleyTerryRates(group({ m: [2, 0, 0] }), resampling).get('m')!.rating).toBeNull();
  });

  it('a model that no chain of battles reaches is an error that names it', () => {
    const far: Battle = { question: 'q', a: 'x', b: 'y', shareOfA: 1, category: null, styles: null };
    const { battles, ...rest } = group({ m: [1, 1, 1] });
    expect(() => bradleyTerryRates({ ...rest, battles: [...battles, far] }, resampling)).toThrow(
      /x with base/,
    );
  });

  it('the interval covers the win rate, is seeded, and has the width of a binomial share', () => {
    const all = group({ m: [300, 100, 600] });
    for (const [rates, level, z] of [
      [bradleyTerryRates, 0.95, 1.96],
      [meanRates, 0.9, 1.645],
    ] as const) {
      const options = { seed: 5, resamples: 1000, level };
      const { winRate, low, high } = rates(all, options).get('m')!;
      // Variance of one row: E x² − (E x)² = (0.3 + 0.1 / 4) − 0.35².
      const deviation = 100 * Math.sqrt((0.325 - 0.35 ** 2) / 1000);
      expect((high! - low!) / (2 * z * deviation)).toBeCloseTo(1, 1);
      expect(low!).toBeLessThan(winRate);
      expect(high!).toBeGreaterThan(winRate);
      expect(rates(all, options)).toEqual(rates(all, options));
      expect(rates(all, { ...options, seed: 6 })).not.toEqual(rates(all, options));
    }
  });

  it('v2.0 also gives the mean over resamples, close to the mean itself', () => {
    const { winRate, bootstrapMean } = meanRates(group({ m: [30, 10, 60] }), resampling).get('m')!;
    expect(Math.abs(bootstrapMean - winRate)).toBeLessThan(2);
    expect(bootstrapMean).not.toBe(winRate);
  });

  it('scikit-learn’s fit of three models without penalty', () => {
    // The official formulas with scikit-learn 1.9.1; its solver stops at 1e-7.
    const rates = bradleyTerryRates(simulated(GOLDEN_WORLD), { ...resampling, resamples: 1 });
    expect(rates.get('x')!.winRate).toBeCloseTo(40.00000057115452, 5);
    expect(rates.get('y')!.winRate).toBeCloseTo(55.00000002110709, 5);
    expect(rates.get('z')!.winRate).toBeCloseTo(80.41666659569653, 5);
  });
});

describe('rateQuantile', () => {
  it('goes between log-odds, and between win rates where a neighbour is infinite', () => {
    expect(rateQuantile([0, 1], 0.25)).toBeCloseTo(rateOf(0.25), 12);
    expect(rateQuantile([0, Infinity], 0.25)).toBeCloseTo(50 + 0.25 * 50, 12);
    expect(rateQuantile([-Infinity, Infinity], 0.5)).toBe(50);
    expect(rateQuantile([Infinity, Infinity], 0.4)).toBe(100);
    expect(rateQuantile([], 0.5)).toBeNull();
    expect(rateQuantile([2], 0.9)).toBe(rateOf(2));
  });
});
