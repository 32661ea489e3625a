import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { bootstrapMean } from './bootstrap.ts';
import { bootstrapStatistics } from './bootstrap-statistics.ts';
import { cohenKappa } from './kappa.ts';

const weighted = (values: readonly number[]) => (weights: Float64Array) => {
  let [sum, size] = [0, 0];
  for (const [i, value] of values.entries()) {
    sum += weights[i]! * value;
    size += weights[i]!;
  }
  return [size === 0 ? null : sum / size];
};
const random = new Random(1, 'statistics');
const values = Array.from({ length: 120 }, () => random.normal());

describe('bootstrapStatistics', () => {
  it('of a mean is about bootstrapMean, clusters too', () => {
    const clusters = values.map((_, i) => i % 30);
    for (const options of [
      { seed: 1, resamples: 8000 },
      { seed: 1, resamples: 8000, clusters },
    ]) {
      const [one] = bootstrapStatistics(values.length, weighted(values), options);
      const other = bootstrapMean(values, options);
      expect(one!.value).toBeCloseTo(other.value, 12);
      expect((one!.high - one!.low) / (other.high - other.low)).toBeCloseTo(1, 1);
    }
  });

  it('of kappa is about as wide as the large-sample error says', () => {
    const table = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]; // biome-ignore format: a table
    const cases = table.flatMap((line, i) => line.flatMap((n, j) => Array<[number, number]>(n).fill([i, j])));
    const [interval] = bootstrapStatistics(
      cases.length,
      (weights) => {
        const counts = [0, 0, 0].map(() => [0, 0, 0]);
        for (const [c, [i, j]] of cases.entries()) counts[i]![j]! += weights[c]!;
        return [cohenKappa(counts)?.value ?? null];
      },
      { seed: 1, resamples: 4000 },
    );
    // statsmodels: 0.3916 to 0.5915
    expect(interval!.low).toBeCloseTo(0.3916, 1);
    expect((interval!.high - interval!.low) / (0.5915 - 0.3916)).toBeCloseTo(1, 1);
  });

  it('has no interval for what is not defined, now or in many resamples', () => {
    const rare = (weights: Float64Array) => [weights[0]! > 0 ? 1 : null, null, 2];
    expect(bootstrapStatistics(20, rare, { seed: 1 })).toEqual([null, null, { value: 2, low: 2, high: 2 }]);
    expect(bootstrapStatistics(0, weighted([]), { seed: 1 })).toEqual([null]);
    expect(bootstrapStatistics(1, weighted([3]), { seed: 1 })).toEqual([{ value: 3, low: 3, high: 3 }]);
  });

  it('leaves out the few resamples in which a statistic is not defined', () => {
    // P(no case of four is drawn) = (16/20)^20 = 1.2 %.
    const often = (weights: Float64Array) => [weights.subarray(0, 4).some((weight) => weight > 0) ? 1 : null];
    expect(bootstrapStatistics(20, often, { seed: 1 })).toEqual([{ value: 1, low: 1, high: 1 }]);
  });

  it('the same seed gives the same; refuses what it has no meaning for', () => {
    const run = (seed: number) => bootstrapStatistics(120, weighted(values), { seed });
    expect(run(3)).toEqual(run(3));
    expect(run(3)).not.toEqual(run(4));
    expect(() => bootstrapStatistics(2, weighted([1, 2]), { seed: 1, clusters: ['a'] })).toThrow(
      /cluster names/,
    );
    expect(() => bootstrapStatistics(2, weighted([1, 2]), { seed: 1, level: 1 })).toThrow(/level/);
    expect(() => bootstrapStatistics(2, weighted([1, 2]), { seed: 1, resamples: 0 })).toThrow(/resample/);
  });
});
