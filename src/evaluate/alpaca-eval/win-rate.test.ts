import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { winRate } from './win-rate.ts';

const preference = fc.double({ min: 1, max: 2, noNaN: true });

describe('winRate', () => {
  test('by hand', () => {
    // Shares 1, 0, ½, ¾: mean 9/16, Σ (x − x̄)² = 1.8125 − 4 · (9/16)² = 0.546875.
    const rates = winRate([2, 1, null, 1.5, 1.75]);
    expect(rates).toEqual({
      ...{ n: 4, dropped: 1, wins: 2, losses: 1, ties: 1 },
      ...{ winRate: 56.25, discreteWinRate: 62.5 },
      standardError: expect.closeTo(100 * Math.sqrt(0.546875 / 3 / 4), 12),
    });
  });

  test('no judgment has no rate, one has no error', () => {
    expect(winRate([])).toMatchObject({ n: 0, winRate: null, standardError: null, discreteWinRate: null });
    expect(winRate([null])).toMatchObject({ n: 0, dropped: 1, winRate: null });
    expect(winRate([1.25])).toMatchObject({ n: 1, winRate: 25, standardError: null, discreteWinRate: 0 });
  });

  test('swapping sides mirrors it, ties move it towards 50', () => {
    fc.assert(
      fc.property(fc.array(preference, { minLength: 2 }), (preferences) => {
        const [there, back] = [winRate(preferences), winRate(preferences.map((p) => 3 - p))];
        expect(back.winRate).toBeCloseTo(100 - there.winRate!, 9);
        expect(back.discreteWinRate).toBeCloseTo(100 - there.discreteWinRate!, 9);
        expect(back.standardError).toBeCloseTo(there.standardError!, 9);
        const tied = winRate([...preferences, 1.5]);
        expect(Math.abs(tied.winRate! - 50)).toBeLessThanOrEqual(Math.abs(there.winRate! - 50) + 1e-12);
        expect(tied.ties).toBe(there.ties + 1);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
