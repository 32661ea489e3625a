import { describe, expect, it } from 'vitest';
import { leastSquares, predict } from './least-squares.ts';

describe('leastSquares', () => {
  it('finds the plane that made the values', () => {
    const rows = [
      [1, 2],
      [2, -1],
      [0, 3],
      [5, 5],
      [-2, 0.5],
    ];
    const fit = leastSquares(
      rows,
      rows.map(([a = 0, b = 0]) => 0.3 + 2 * a - 0.7 * b),
    );
    expect(fit.intercept).toBeCloseTo(0.3, 10);
    expect(fit.slopes[0]).toBeCloseTo(2, 10);
    expect(fit.slopes[1]).toBeCloseTo(-0.7, 10);
    expect(predict(fit, [10, 10])).toBeCloseTo(13.3, 9);
  });

  it('with one column, is Σ (x − x̄)(y − ȳ) / Σ (x − x̄)²', () => {
    const fit = leastSquares([[4], [4], [7], [7], [8]], [2, 10, 4, 22, 16]);
    expect(fit.slopes[0]).toBeCloseTo(34 / 14, 10);
    expect(fit.intercept).toBeCloseTo(10.8 - 6 * (34 / 14), 10);
  });

  it('with a penalty, shrinks slopes and never the mean', () => {
    const rows = [[0], [1], [2], [3]];
    const y = [1, 3, 5, 7];
    // Standardised: Σ z² = 4 and Σ z y = 4 · 2 · s, so the slope is 2 · 4 / (4 + λ).
    const fit = leastSquares(rows, y, 4);
    expect(fit.slopes[0]).toBeCloseTo(1, 10);
    expect(predict(fit, [1.5])).toBeCloseTo(4, 10);
  });

  it('gives a constant column no slope, and refuses columns that are the same', () => {
    expect(
      leastSquares(
        [
          [1, 5],
          [2, 5],
          [3, 5],
        ],
        [1, 2, 3],
      ).slopes,
    ).toEqual([expect.closeTo(1, 10), 0]);
    expect(() =>
      leastSquares(
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        [1, 2, 3],
      ),
    ).toThrow(/determine one another/);
    expect(() => leastSquares([], [])).toThrow(/0 rows/);
  });
});
