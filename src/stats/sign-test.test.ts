import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { signFlipTest } from './sign-flip.ts';
import { mcnemarExact, signTest } from './sign-test.ts';

const share = fc.constantFrom(-1, -0.5, 0, 0.5, 1);

describe('sign test and McNemar’s exact test', () => {
  // statsmodels 0.15.0: mcnemar(table, exact=True).pvalue; scipy 1.17.1: binomtest(b, b + c).pvalue
  it.each([
    [0, 0, 1],
    [1, 0, 1],
    [5, 0, 0.0625],
    [10, 25, 0.016673847800120715],
    [3, 3, 1],
    [121, 59, 4.4344492637551645e-6],
  ])('%d against %d: p = %d', (b, c, p) => {
    expect(mcnemarExact(b, c) / p).toBeCloseTo(1, 9);
    expect(signTest([...Array(b).fill(0.5), ...Array(c).fill(-1), 0, 0]).p).toBe(mcnemarExact(b, c));
  });

  it('counts sides and ties; of nothing it says nothing', () => {
    expect(signTest([1, -0.5, 0, 0.5])).toEqual({ greater: 2, less: 1, ties: 1, p: 1 });
    expect(signTest([])).toEqual({ greater: 0, less: 0, ties: 0, p: 1 });
  });

  it('swapping sides mirrors the counts and keeps p; ties change nothing', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 60 }), (differences) => {
        const test = signTest(differences);
        const swapped = signTest(differences.map((value) => -value));
        expect(swapped).toEqual({ ...test, greater: test.less, less: test.greater });
        expect(signTest([...differences, 0, 0]).p).toBe(test.p);
        expect(test.p).toBeGreaterThan(0);
        expect(test.p).toBeLessThanOrEqual(1);
      }),
      { seed: 4 },
    );
  });

  it('refuses counts that are none', () => {
    expect(() => mcnemarExact(-1, 2)).toThrow(/whole counts/);
    expect(() => signTest([Number.NaN])).toThrow(/NaN/);
  });
});

describe('sign-flip test', () => {
  it('agrees with scipy’s exact permutation test of paired samples', () => {
    // scipy 1.17.1: permutation_test((d,), np.mean, permutation_type="samples", n_resamples=inf)
    expect(signFlipTest([1, 0.5, -0.5, 0, 1, 1, -1, 0.5, 0.5], { seed: 1 })).toBe(0.2734375);
  });

  it('is the sign test where all differences have one size', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(-1, 0, 1), { maxLength: 13 }), (differences) => {
        expect(signFlipTest(differences, { seed: 1 })).toBeCloseTo(signTest(differences).p, 10);
      }),
      { seed: 5, numRuns: 50 },
    );
  });

  it('random patterns come near the exact p, and the same seed gives the same', () => {
    const differences = Array.from({ length: 80 }, (_, i) => (i % 8 < 5 ? 1 : -1));
    const p = signFlipTest(differences, { seed: 1, draws: 20_000 });
    const exact = signTest(differences).p;
    expect(Math.abs(p - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 20_000));
    expect(signFlipTest(differences, { seed: 1, draws: 20_000 })).toBe(p);
    expect(signFlipTest(differences, { seed: 2, draws: 20_000 })).not.toBe(p);
  });

  it('is never 0, and 1 of nothing', () => {
    expect(signFlipTest(Array(200).fill(1), { seed: 1, draws: 99 })).toBe(0.01);
    expect([signFlipTest([], { seed: 1 }), signFlipTest([0, 0], { seed: 1 })]).toEqual([1, 1]);
    expect(signFlipTest([1], { seed: 1 })).toBe(1);
    expect(() => signFlipTest([1], { seed: 1, draws: 0 })).toThrow(/at least 1 draw/);
  });

  it('errs as often as it says where neither side is better', () => {
    let found = 0;
    const trials = 1000;
    for (let trial = 0; trial < trials; trial++) {
      const random = new Random(trial, 'flip size');
      const differences = Array.from({ length: 30 }, () => random.pick([-1, -0.5, 0, 0, 0.5, 1]));
      if (signFlipTest(differences, { seed: trial, draws: 199 }) <= 0.05) found++;
    }
    // ± 3 standard errors of 1,000 trials are 0.021; equal sums make the test a little conservative.
    expect(found / trials).toBeLessThan(0.071);
    expect(found / trials).toBeGreaterThan(0.025);
  });
});
