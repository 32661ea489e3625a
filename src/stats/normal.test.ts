import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { betaQuantile, incompleteBeta } from './beta.ts';
import { normalCdf, normalQuantile } from './normal.ts';

/** Relative, since tails are small. */
const near = (value: number, expected: number, tolerance = 1e-12) =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected));

describe('normal distribution', () => {
  // scipy.stats.norm.cdf and ppf, scipy 1.17.1
  it.each([
    [-8, 6.22096057427174e-16],
    [-5.5, 1.898956246588768e-8],
    [-3, 0.0013498980316300933],
    [-1, 0.15865525393145707],
    [0, 0.5],
    [0.5, 0.6914624612740131],
    [1.96, 0.9750021048517795],
    [4, 0.9999683287581669],
    [7, 0.9999999999987201],
  ])('Φ(%d) = %d', (x, p) => near(normalCdf(x), p));

  it.each([
    [1e-10, -6.361340902404056],
    [0.001, -3.090232306167813],
    [0.025, -1.9599639845400545],
    [0.2, -0.8416212335729142],
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.9999, 3.719016485455709],
  ])('Φ⁻¹(%d) = %d', (p, x) => near(normalQuantile(p), x));

  it('series and continued fraction meet; far tails are 0 and 1', () => {
    near(normalCdf(-3 - 1e-12), normalCdf(-3 + 1e-12), 1e-10);
    expect([normalCdf(-50), normalCdf(50), normalCdf(Infinity)]).toEqual([0, 1, 1]);
  });

  it('is symmetric, and the quantile undoes it', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), (p) => {
        near(normalCdf(normalQuantile(p)), p, 1e-11);
        expect(normalQuantile(p)).toBeCloseTo(-normalQuantile(1 - p), 6);
      }),
      { seed: 1 },
    );
  });

  it('refuses what it has no meaning for', () => {
    expect(() => normalCdf(Number.NaN)).toThrow(/NaN/);
    expect(() => normalQuantile(0)).toThrow(/0 < p < 1/);
  });
});

describe('incomplete beta function', () => {
  // scipy.special.betainc and betaincinv, scipy 1.17.1
  it.each([
    [0.3, 2, 5, 0.579825],
    [0.5, 0.5, 0.5, 0.5],
    [0.9, 40, 3, 0.19510765482693676],
    [0.01, 1, 200, 0.8660203251420381],
    [0.62, 500, 300, 0.383003521826823],
    [0.5, 5000, 5050, 0.6910315339024542],
  ])('I_%d(%d, %d) = %d', (x, a, b, p) => near(incompleteBeta(x, a, b), p, 1e-10));

  it.each([
    [0.025, 2, 5, 0.043271868292741676],
    [0.975, 40, 3, 0.98502030832929],
    [0.025, 500, 300, 0.5911873769798186],
  ])('its %d quantile at (%d, %d) is %d', (p, a, b, x) => near(betaQuantile(p, a, b), x, 1e-10));

  it('has closed forms for a = 1 or b = 1, and its sides mirror', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.double({ min: 0.1, max: 60, noNaN: true }),
        (x, a) => {
          near(incompleteBeta(x, a, 1), x ** a, 1e-9);
          expect(incompleteBeta(x, 1, a)).toBeCloseTo(1 - (1 - x) ** a, 10);
          expect(incompleteBeta(x, a, 3)).toBeCloseTo(1 - incompleteBeta(1 - x, 3, a), 10);
        },
      ),
      { seed: 2 },
    );
    expect([incompleteBeta(-1, 2, 3), incompleteBeta(2, 2, 3)]).toEqual([0, 1]);
  });

  it('refuses what it has no meaning for', () => {
    expect(() => incompleteBeta(0.5, 0, 1)).toThrow(/a > 0/);
    expect(() => incompleteBeta(Number.NaN, 1, 1)).toThrow(/NaN/);
    expect(() => betaQuantile(1, 1, 1)).toThrow(/0 < p < 1/);
  });
});
