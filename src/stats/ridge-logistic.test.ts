import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seeded } from '../base/fuzz.fixture.ts';
import { ridgeLogistic, type SparseRows, sparseRows } from './ridge-logistic.ts';

const tenths = fc.integer({ min: -20, max: 20 }).map((n) => n / 10);
const logit = (p: number) => Math.log(p / (1 - p));

/** Gradient of the objective, written straight from its formula. */
function gradientAt(
  rows: SparseRows,
  weights: number[],
  wins: number[],
  penalty: number,
  beta: Float64Array,
) {
  const gradient = Array.from(beta, (value) => penalty * value);
  for (let i = 0; i < weights.length; i++) {
    let eta = 0;
    for (let k = rows.starts[i]!; k < rows.starts[i + 1]!; k++)
      eta += rows.values[k]! * beta[rows.columns[k]!]!;
    const residual = weights[i]! / (1 + Math.exp(-eta)) - wins[i]!;
    for (let k = rows.starts[i]!; k < rows.starts[i + 1]!; k++)
      gradient[rows.columns[k]!]! += residual * rows.values[k]!;
  }
  return gradient;
}

describe('ridgeLogistic', () => {
  test('one column of ones: the log-odds of the share won', () => {
    const rows = sparseRows(1, [[[0, 1]], [[0, 1]]]);
    const { coefficients } = ridgeLogistic(rows, Float64Array.of(10, 6), Float64Array.of(3, 1.5));
    expect(coefficients![0]).toBeCloseTo(logit(4.5 / 16), 12);
  });

  test('the gradient is zero at what it finds, with and without penalty', () => {
    const row = fc.tuple(
      tenths,
      tenths,
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0.05, max: 0.95, noNaN: true }),
    );
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 4, maxLength: 20 }),
        fc.constantFrom(0, 0.01, 1, 50),
        (data, penalty) => {
          const rows = sparseRows(
            3,
            data.map(([x, y]) => [
              [0, 1],
              [1, x],
              [2, y],
            ]),
          );
          const weights = data.map(([, , weight]) => weight);
          const wins = data.map(([, , weight, share]) => weight * share);
          const fit = ridgeLogistic(rows, Float64Array.from(weights), Float64Array.from(wins), { penalty });
          // Shares inside (0, 1) cannot be separated.
          if (penalty > 0) expect(fit.fault).toBeNull();
          else expect(fit.fault).not.toBe('separable');
          if (fit.coefficients === null) return;
          for (const slope of gradientAt(rows, weights, wins, penalty, fit.coefficients))
            expect(Math.abs(slope)).toBeLessThan(1e-7);
        },
      ),
      seeded(100),
    );
  });

  test('a weight of 3 is the same row three times', () => {
    const rows = [
      [[0, 1] as const, [1, 0.5] as const],
      [[0, 1] as const, [1, -1] as const],
      [[0, 1] as const, [1, 2] as const],
    ];
    const once = ridgeLogistic(sparseRows(2, rows), Float64Array.of(3, 1, 2), Float64Array.of(1, 0.5, 1.5));
    const spread = ridgeLogistic(
      sparseRows(2, [rows[0]!, rows[0]!, rows[0]!, rows[1]!, rows[2]!, rows[2]!]),
      new Float64Array(6).fill(1),
      Float64Array.of(1, 0, 0, 0.5, 1, 0.5),
    );
    expect(once.coefficients![0]).toBeCloseTo(spread.coefficients![0]!, 9);
    expect(once.coefficients![1]).toBeCloseTo(spread.coefficients![1]!, 9);
  });

  test('where it starts moves no result', () => {
    const rows = sparseRows(2, [
      [[0, 1]],
      [[1, 1]],
      [
        [0, 1],
        [1, 1],
      ],
    ]);
    const fitFrom = (start?: number[]) =>
      ridgeLogistic(
        rows,
        Float64Array.of(4, 5, 6),
        Float64Array.of(1, 3, 2),
        start === undefined ? {} : { start },
      );
    const [a, b] = [fitFrom().coefficients!, fitFrom([6, -6]).coefficients!];
    expect(a[0]).toBeCloseTo(b[0]!, 9);
    expect(a[1]).toBeCloseTo(b[1]!, 9);
  });

  test('wins without a loss have no optimum, and are no large number', () => {
    const rows = sparseRows(1, [[[0, 1]]]);
    expect(ridgeLogistic(rows, Float64Array.of(5), Float64Array.of(5)).fault).toBe('separable');
    expect(ridgeLogistic(rows, Float64Array.of(5), Float64Array.of(0)).fault).toBe('separable');
    // One loss in a billion is an optimum.
    const rare = ridgeLogistic(rows, Float64Array.of(1e9), Float64Array.of(1e9 - 1));
    expect(rare.coefficients![0]).toBeCloseTo(logit(1 - 1e-9), 6);
    // With a penalty there is always one.
    expect(ridgeLogistic(rows, Float64Array.of(5), Float64Array.of(5), { penalty: 1 }).fault).toBeNull();
  });

  test('a slope that tells wins from losses without error is separable', () => {
    const rows = sparseRows(
      2,
      [-2, -1, 1, 2].map((x) => [
        [0, 1],
        [1, x],
      ]),
    );
    const ones = new Float64Array(4).fill(1);
    expect(ridgeLogistic(rows, ones, Float64Array.of(0, 0, 1, 1)).fault).toBe('separable');
    expect(ridgeLogistic(rows, ones, Float64Array.of(0, 1, 0, 1)).fault).toBeNull();
  });

  test('columns that determine one another, and no rows at all', () => {
    const twice = sparseRows(2, [
      [
        [0, 1],
        [1, 2],
      ],
      [
        [0, 2],
        [1, 4],
      ],
    ]);
    expect(ridgeLogistic(twice, Float64Array.of(2, 2), Float64Array.of(1, 1.5)).fault).toBe('collinear');
    const none = sparseRows(1, []);
    expect(ridgeLogistic(none, Float64Array.of(), Float64Array.of()).fault).toBe('collinear');
    expect(ridgeLogistic(none, Float64Array.of(), Float64Array.of(), { penalty: 1 }).coefficients![0]).toBe(
      0,
    );
  });
});
