import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.ts';
import { bootstrapMean, pairedDifference } from './bootstrap.ts';

const normals = (n: number, ...seed: (string | number)[]) => {
  const random = new Random(...seed);
  return Float64Array.from({ length: n }, () => random.normal());
};
const width = ({ low, high }: { low: number; high: number }) => high - low;

describe('bootstrapMean', () => {
  test('value is the mean; the interval is about ± 1.96 standard errors', () => {
    const values = normals(400, 'width');
    const interval = bootstrapMean(values, { seed: 1, resamples: 20_000 });
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    expect(interval.value).toBeCloseTo(mean, 12);
    expect(width(interval) / ((2 * 1.96 * deviation) / 20)).toBeCloseTo(1, 1);
    expect(interval.low).toBeLessThan(mean);
    expect(interval.high).toBeGreaterThan(mean);
  });

  test('covers the true mean about as often as it says', () => {
    let covered = 0;
    const trials = 300;
    for (let trial = 0; trial < trials; trial++) {
      const { low, high } = bootstrapMean(normals(60, 'coverage', trial), { seed: trial, resamples: 400 });
      if (low <= 0 && 0 <= high) covered++;
    }
    // 95 % less a little for n = 60; ± 3 standard errors of 300 trials.
    expect(covered / trials).toBeGreaterThan(0.9);
    expect(covered / trials).toBeLessThan(0.985);
  });

  test('the same seed gives the same interval, another seed another', () => {
    const values = normals(50, 'seeded');
    expect(bootstrapMean(values, { seed: 3 })).toEqual(bootstrapMean(Array.from(values), { seed: 3 }));
    expect(bootstrapMean(values, { seed: 3 })).not.toEqual(bootstrapMean(values, { seed: 4 }));
    expect(bootstrapMean([values], { seed: 3 })).toEqual(bootstrapMean(values, { seed: 3 }));
  });

  test('a higher level is wider', () => {
    const values = normals(50, 'level');
    const narrow = bootstrapMean(values, { seed: 1, level: 0.5 });
    expect(width(bootstrapMean(values, { seed: 1, level: 0.99 }))).toBeGreaterThan(width(narrow));
  });

  test('seeds that disagree widen the interval', () => {
    const one = normals(500, 'seeds');
    const shifted = [-1, 0, 1].map((shift) => one.map((x) => x + shift));
    const same = [one, one, one];
    expect(bootstrapMean(shifted, { seed: 1 }).value).toBeCloseTo(bootstrapMean(one, { seed: 1 }).value, 12);
    expect(width(bootstrapMean(shifted, { seed: 1 }))).toBeGreaterThan(
      5 * width(bootstrapMean(same, { seed: 1 })),
    );
  });

  test('repeating every prompt does not narrow the interval when repeats are one cluster', () => {
    const values = normals(200, 'clusters');
    const doubled = [...values, ...values];
    const clusters = [...values.keys(), ...values.keys()];
    const honest = width(bootstrapMean(doubled, { seed: 1, clusters }));
    expect(honest).toBeCloseTo(width(bootstrapMean(values, { seed: 1 })), 12);
    expect(width(bootstrapMean(doubled, { seed: 1 }))).toBeLessThan(0.85 * honest);
  });

  test('clusters of unequal size keep the plain mean as value', () => {
    expect(bootstrapMean([1, 2, 3, 10], { seed: 1, clusters: ['a', 'a', 'a', 'b'] }).value).toBe(4);
  });

  test('n = 0 throws, n = 1 has no width', () => {
    expect(() => bootstrapMean([], { seed: 1 })).toThrow('at least one prompt');
    expect(() => bootstrapMean([[]], { seed: 1 })).toThrow('at least one prompt');
    expect(bootstrapMean([0.25], { seed: 1 })).toEqual({ value: 0.25, low: 0.25, high: 0.25 });
  });

  test('refuses NaN, ragged rows, a wrong number of clusters, a level outside (0, 1)', () => {
    expect(() => bootstrapMean([1, Number.NaN], { seed: 1 })).toThrow('got NaN');
    expect(() => bootstrapMean([[1, 2], [1]], { seed: 1 })).toThrow('same prompts for every seed');
    expect(() => bootstrapMean([1, 2], { seed: 1, clusters: ['a'] })).toThrow('cluster name');
    expect(() => bootstrapMean([1, 2], { seed: 1, level: 95 })).toThrow('0 < level < 1');
    expect(() => bootstrapMean([1, 2], { seed: 1, resamples: 0 })).toThrow('at least 1 resample');
  });
});

describe('pairedDifference', () => {
  test('what is hard about a prompt falls out', () => {
    const prompt = normals(300, 'prompt').map((x) => 10 * x);
    const a = prompt.map((x) => x + 0.1);
    const difference = pairedDifference(a, prompt, { seed: 1 });
    expect(difference.value).toBeCloseTo(0.1, 10);
    expect(width(difference)).toBeLessThan(1e-9);
  });

  test('pairs seeds by position and sets a single seed against all', () => {
    expect(pairedDifference([[1, 2], [3, 4]], [[1, 1], [1, 1]], { seed: 1 }).value).toBe(1.5); // biome-ignore format: matrices
    expect(
      pairedDifference(
        [
          [1, 2],
          [3, 4],
        ],
        [1, 1],
        { seed: 1 },
      ),
    ).toEqual(
      // biome-ignore format: matrices
      pairedDifference([[1, 2], [3, 4]], [[1, 1], [1, 1]], { seed: 1 }), // biome-ignore format: matrices
    );
  });

  test('refuses other prompts and other numbers of seeds', () => {
    expect(() => pairedDifference([1, 2], [1], { seed: 1 })).toThrow('same prompts on both sides');
    expect(() => pairedDifference([[1], [2]], [[1], [2], [3]], { seed: 1 })).toThrow('same number of seeds');
    expect(() => pairedDifference([1, Number.NaN], [1, 1], { seed: 1 })).toThrow('got NaN');
  });
});
