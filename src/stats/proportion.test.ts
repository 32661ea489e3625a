import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { clopperPearson, clusteredProportion, wilson } from './proportion.ts';

const bounds = (interval: { low: number; high: number } | null) => [interval?.low, interval?.high];
const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 10));

describe('intervals of a share', () => {
  // statsmodels 0.15.0: proportion_confint(k, n, 0.05, "wilson") and "beta". 81 of 263 is Newcombe's example (1998).
  it.each([
    [0, 10, [0, 0.27753279986288926], [0, 0.30849710781876083]],
    [1, 10, [0.017876213095072924, 0.40415002679523854], [0.0025285785444617848, 0.4450161170281953]],
    [5, 10, [0.23659309051256394, 0.7634069094874361], [0.18708602844739855, 0.8129139715526015]],
    [10, 10, [0.7224672001371106, 1], [0.6915028921812392, 1]],
    [81, 263, [0.2552885198782742, 0.36620957698280004], [0.25273674558527126, 0.3676219226013514]],
    [422, 999, [0.3921470779723458, 0.453292100238062], [0.39155942936284277, 0.4537439272922863]],
  ] as const)('%d of %d', (k, n, score, exact) => {
    expect(wilson(k, n)).toMatchObject({ value: k / n, n });
    expect(bounds(wilson(k, n))).toEqual(close(...score));
    expect(bounds(clopperPearson(k, n))).toEqual(close(...exact));
  });

  it('at another level', () => {
    expect(bounds(wilson(422, 999, 0.9))).toEqual(close(0.3969605087528091, 0.4483034003740919));
  });

  it('n = 0 has none; n = 1 has nearly all', () => {
    expect([wilson(0, 0), clopperPearson(0, 0), clusteredProportion([], [])]).toEqual([null, null, null]);
    expect(bounds(wilson(0, 1))).toEqual(close(0, 0.7934506856227627));
    expect(bounds(clopperPearson(1, 1))).toEqual(close(0.025, 1));
    expect(bounds(clusteredProportion([1], ['a']))).toEqual(close(0.2065493143772374, 1));
  });

  it('the other side’s interval is its mirror, and the value lies inside', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, share) => {
          const k = Math.round(share * n);
          for (const interval of [wilson, clopperPearson]) {
            const [one, other] = [interval(k, n)!, interval(n - k, n)!];
            expect(one.low).toBeCloseTo(1 - other.high, 9);
            expect(one.low).toBeLessThanOrEqual(one.value);
            expect(one.high).toBeGreaterThanOrEqual(one.value);
            expect(one.low).toBeGreaterThanOrEqual(0);
            expect(one.high).toBeLessThanOrEqual(1);
          }
        },
      ),
      { seed: 3 },
    );
  });

  it('refuses counts that are none', () => {
    expect(() => wilson(3, 2)).toThrow(/successes ≤ n/);
    expect(() => clopperPearson(1, 2, 95)).toThrow(/0 < level < 1/);
    expect(() => clusteredProportion([0.5], ['a'])).toThrow(/0 or 1/);
    expect(() => clusteredProportion([1, 0], ['a'])).toThrow(/same length/);
  });
});

describe('a share of cases in clusters', () => {
  it('every case twice under one name is as wide as every case once', () => {
    const random = new Random(1, 'clustered');
    const hits = Array.from({ length: 60 }, () => (random.uniform() < 0.3 ? 1 : 0));
    const names = hits.map((_, i) => i);
    const once = clusteredProportion(hits, names)!;
    const twice = clusteredProportion([...hits, ...hits], [...names, ...names])!;
    expect(bounds(twice)).toEqual(close(once.low, once.high));
    expect([once.n, twice.n]).toEqual([60, 120]);
    // One case a cluster: Wilson's of n − 1, for the factor C / (C − 1).
    const k = hits.reduce<number>((sum, hit) => sum + hit, 0);
    expect(bounds(once)).toEqual(
      bounds(wilson((k / 60) * 59, 59)).map((bound) => expect.closeTo(bound!, 10)),
    );
  });

  it('is never narrower than if all were independent; with no variance every cluster counts as one case', () => {
    const alternating = clusteredProportion([1, 0, 1, 0, 1, 0], ['a', 'a', 'b', 'b', 'c', 'c'])!;
    expect(bounds(alternating)).toEqual(bounds(wilson(1.5, 3)));
    expect(bounds(clusteredProportion([1, 1, 1, 1], ['a', 'a', 'b', 'b']))).toEqual(bounds(wilson(2, 2)));
    expect(bounds(clusteredProportion([1, 0, 1], ['a', 'a', 'a']))).toEqual(
      bounds(wilson(2 / 3, 1)).map((bound) => expect.closeTo(bound!, 12)),
    );
    const spread = clusteredProportion([1, 0, 1, 0, 1, 1], ['a', 'a', 'b', 'b', 'c', 'c'])!;
    expect(bounds(spread)).toEqual(bounds(wilson(4, 6)).map((bound) => expect.closeTo(bound!, 12)));
  });

  it('covers the true share about as often as it says, where cases of a cluster are alike', () => {
    const [clusters, each, trials] = [40, 6, 600];
    let covered = 0;
    let plain = 0;
    for (let trial = 0; trial < trials; trial++) {
      const random = new Random(trial, 'clustered coverage');
      const hits: number[] = [];
      const names: number[] = [];
      for (let c = 0; c < clusters; c++) {
        const whole = random.uniform() < 0.7 ? 1 : 0;
        for (let i = 0; i < each; i++) {
          hits.push(random.uniform() < 0.6 ? whole : random.uniform() < 0.7 ? 1 : 0);
          names.push(c);
        }
      }
      const { low, high } = clusteredProportion(hits, names)!;
      if (low <= 0.7 && 0.7 <= high) covered++;
      const naive = wilson(
        hits.reduce((sum, hit) => sum + hit, 0),
        hits.length,
      )!;
      if (naive.low <= 0.7 && 0.7 <= naive.high) plain++;
    }
    // ± 3 standard errors of 600 trials at 95 % are 0.027.
    expect(covered / trials).toBeGreaterThan(0.923);
    expect(covered / trials).toBeLessThan(0.977);
    expect(plain / trials).toBeLessThan(0.85);
  });
});
