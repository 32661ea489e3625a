import { describe, expect, it } from 'vitest';
import { holm, meanInterval, pooledDeviation, studentCdf, studentQuantile } from './student-t.ts';

describe('Student’s distribution', () => {
  // Table of quantiles: Abramowitz and Stegun 1964, table 26.10.
  it.each([
    [0.975, 1, 12.706],
    [0.975, 2, 4.303],
    [0.975, 4, 2.776],
    [0.95, 10, 1.812],
    [0.995, 30, 2.75],
    [0.975, 120, 1.98],
  ])('P(T ≤ t) = %d at ν = %d: t = %d', (p, df, t) => {
    expect(studentQuantile(p, df)).toBeCloseTo(t, 3);
    expect(studentQuantile(1 - p, df)).toBeCloseTo(-t, 3);
  });

  it('has closed forms at ν = 1 and 2', () => {
    for (const t of [-3, -0.4, 0, 0.1, 2, 30]) {
      expect(studentCdf(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12);
      expect(studentCdf(t, 2)).toBeCloseTo(0.5 + t / (2 * Math.sqrt(2 + t * t)), 12);
    }
  });

  it('refuses what it has no meaning for', () => {
    expect(() => studentCdf(1, 0)).toThrow(/df > 0/);
    expect(() => studentQuantile(1, 3)).toThrow(/0 < p < 1/);
  });
});

describe('meanInterval', () => {
  it('is x̄ ± t s / √n', () => {
    const { value, low, high, p, n } = meanInterval([1, 2, 3, 4, 5]);
    const half = (2.776445 * Math.sqrt(2.5)) / Math.sqrt(5);
    expect([value, low, high, n]).toEqual([3, expect.closeTo(3 - half, 5), expect.closeTo(3 + half, 5), 5]);
    // R: t.test(1:5)$p.value
    expect(p).toBeCloseTo(0.0132356, 6);
  });

  it('says nothing of one value, unless its deviation is known from others', () => {
    expect(meanInterval([0.3])).toMatchObject({ value: 0.3, low: Number.NEGATIVE_INFINITY, p: 1 });
    const pooled = pooledDeviation([[1, 3], [5, 7, 9], [4]]);
    expect(pooled).toEqual({ sd: Math.sqrt(10 / 3), df: 3 });
    expect(meanInterval([0.3], { pooled: pooled as { sd: number; df: number } }).high).toBeCloseTo(
      0.3 + 3.182446 * Math.sqrt(10 / 3),
      5,
    );
  });
});

describe('holm', () => {
  it('agrees with R’s p.adjust(method = "holm")', () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((p, i) => {
      expect(adjusted[i]).toBeCloseTo(p, 12);
    });
    expect(holm([])).toEqual([]);
  });
});
