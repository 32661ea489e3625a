import fc from 'fast-check';
import { sampleRankCorrelation } from 'simple-statistics';
import { describe, expect, test } from 'vitest';
import { partialCorrelation, pearson, spearman, spearmanBrown, spearmanInterval } from './correlation.ts';

describe('pearson', () => {
  test('a worked example', () => {
    // Anscombe 1973, first set: r = .81642051634484 (also R: cor(anscombe$x1, anscombe$y1)).
    const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
    const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
    expect(pearson(x, y)).toBeCloseTo(0.81642051634484, 12);
  });

  test('null where no correlation is defined', () => {
    expect(pearson([], [])).toBeNull();
    expect(pearson([1], [2])).toBeNull();
    expect(pearson([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(pearson([1, 2, 3], [4, 4, 4])).toBeNull();
    // Constant values whose mean rounds: the deviations are not exactly 0.
    expect(pearson([0.1, 0.1, 0.1], [1, 2, 3])).toBeNull();
  });

  test('NaN and unequal lengths throw', () => {
    expect(() => pearson([1, Number.NaN], [1, 2])).toThrow('got NaN');
    expect(() => pearson([1, 2], [1, Number.POSITIVE_INFINITY])).toThrow('got Infinity');
    expect(() => pearson([1, 2], [1])).toThrow('2 and 1');
  });

  test('never outside [-1, 1], never NaN', () => {
    const numbers = fc.double({ min: -1e100, max: 1e100, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(numbers, numbers), { minLength: 2, maxLength: 20 }), (points) => {
        const r = pearson(points.map(([x]) => x), points.map(([, y]) => y)); // biome-ignore format: one thought
        if (r !== null) expect(Math.abs(r)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('spearman', () => {
  test('a worked example with ties', () => {
    // R: cor(c(1,2,2,4,5), c(2,1,4,3,5), method = 'spearman') = 0.6668859288553503
    expect(spearman([1, 2, 2, 4, 5], [2, 1, 4, 3, 5])).toBeCloseTo(0.6668859288553503, 12);
  });

  test('agrees with simple-statistics and is blind to monotone maps', () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), {
      minLength: 2,
      maxLength: 30,
    });
    fc.assert(
      fc.property(pairs, (points) => {
        const x = points.map(([a]) => a);
        const y = points.map(([, b]) => b);
        const rho = spearman(x, y);
        fc.pre(rho !== null);
        expect(rho).toBeCloseTo(sampleRankCorrelation(x, y), 10);
        expect(spearman(x.map(Math.exp), y)).toBeCloseTo(rho, 10);
      }),
    );
  });

  test('null where constant or n < 2, throws on NaN', () => {
    expect(spearman([3, 3], [1, 2])).toBeNull();
    expect(spearman([3], [1])).toBeNull();
    expect(() => spearman([1, 2], [Number.NaN, 1])).toThrow('got NaN');
  });
});

describe('partialCorrelation', () => {
  const x = [0.1, 0.9, 0.4, 0.4, 0.8, 0.2, 0.7];
  const y = [1, 0, 0.5, 0.2, 0.9, 0.3, 0.3];
  const z = [3, 1, 2, 2, 5, 1, 4];

  test('is the correlation of what a line in z leaves of both', () => {
    // numpy 2: corrcoef of the residuals of x and y on (1, z) by lstsq
    expect(partialCorrelation(x, y, z)).toBeCloseTo(-0.7235678221623063, 12);
    expect(partialCorrelation(y, x, z)).toBeCloseTo(-0.7235678221623063, 12);
  });

  test('null where z explains a side wholly, or no correlation is defined', () => {
    expect(partialCorrelation(z, y, z)).toBeNull();
    expect(partialCorrelation(x, y, [1, 1, 1, 1, 1, 1, 1])).toBeNull();
    expect(partialCorrelation([], [], [])).toBeNull();
    expect(partialCorrelation([1], [2], [3])).toBeNull();
  });
});

describe('spearmanBrown', () => {
  test('known values', () => {
    expect(spearmanBrown(0.5)).toBeCloseTo(2 / 3, 15);
    expect(spearmanBrown(0.7, 3)).toBeCloseTo(2.1 / 2.4, 15);
    expect(spearmanBrown(0.4, 1)).toBe(0.4);
    expect(spearmanBrown(1, 5)).toBe(1);
    expect(spearmanBrown(0, 5)).toBe(0);
  });

  test('throws where it is not defined', () => {
    expect(() => spearmanBrown(-1)).toThrow(RangeError);
    expect(() => spearmanBrown(-0.5, 4)).toThrow(RangeError);
    expect(() => spearmanBrown(Number.NaN)).toThrow('got NaN');
  });
});

describe('interval of a rank correlation', () => {
  test('the formula, a perfect correlation, too few cases', () => {
    const half = (1.959963984540054 * Math.sqrt(1 + 0.5 ** 2 / 2)) / Math.sqrt(97);
    const found = spearmanInterval(0.5, 100);
    expect(found.low).toBeCloseTo(Math.tanh(Math.atanh(0.5) - half), 10);
    expect(found.high).toBeCloseTo(Math.tanh(Math.atanh(0.5) + half), 10);
    expect(spearmanInterval(1, 100)).toEqual({ value: 1, low: 1, high: 1 });
    expect(spearmanInterval(0.9, 3)).toEqual({ value: 0.9, low: -1, high: 1 });
    expect(() => spearmanInterval(1.1, 10)).toThrow(RangeError);
  });
});
