import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goldenRows } from './l1-logistic.fixture.ts';
import { fitL1Logistic, type LogisticRows, linearPredictor } from './l1-logistic.ts';
import { logistic, softplus } from './logistic.ts';

const rowsOf = (
  x: readonly (readonly number[])[],
  shares: readonly number[],
  weights?: readonly number[],
): LogisticRows => ({
  columns: (x[0] ?? []).map((_, j) => Float64Array.from(x, (row) => row[j] as number)),
  shares: Float64Array.from(shares),
  weights: Float64Array.from(weights ?? shares.map(() => 1)),
});

/** How far the worst coefficient is from optimal, as a share of its own scale. */
function violation({ columns, shares, weights }: LogisticRows, strength: number, w: readonly number[]) {
  const z = linearPredictor(columns, w);
  return Math.max(
    ...columns.map((x, j) => {
      const scale = 1 + strength * x.reduce((sum, value, i) => sum + weights[i]! * Math.abs(value), 0);
      const g =
        strength * x.reduce((sum, value, i) => sum + weights[i]! * value * (logistic(z[i]!) - shares[i]!), 0);
      return (w[j] === 0 ? Math.max(0, Math.abs(g) - 1) : Math.abs(g + Math.sign(w[j] as number))) / scale;
    }),
  );
}

const anyRows = fc
  .integer({ min: 1, max: 3 })
  .chain((width) =>
    fc.array(
      fc.record({
        x: fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: width, maxLength: width }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        weight: fc.double({ min: 0, max: 2, noNaN: true }),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  )
  .map((rows) =>
    rowsOf(
      rows.map(({ x }) => x),
      rows.map(({ share }) => share),
      rows.map(({ weight }) => weight),
    ),
  );
const anyStrength = fc.constantFrom(1e-3, 0.05, 1, 20, 1e4);

describe('fitL1Logistic', () => {
  // scikit-learn 1.4.2, LogisticRegression(penalty="l1", solver="liblinear", fit_intercept=False, tol=1e-13,
  // max_iter=1_000_000, random_state=123) on every row twice, weights v p and v (1 - p).
  test.each([
    [1e-4, [0, 0, 0]],
    [0.046415888336127774, [0, 0, 0]],
    [0.3593813663804626, [-0.662952965163042, 0.3981518039900027, 0.5218533377126897]],
    [2.782559402207126, [-1.2356046421698852, 0.6703720516811363, 0.8396056287012867]],
    [1e4, [-1.3475618898648074, 0.7252408159596813, 0.9036046026033205]],
  ])('C = %f: the coefficients of liblinear', (strength, golden) => {
    const { coefficients } = fitL1Logistic(goldenRows(), strength);
    for (const [j, w] of golden.entries()) expect(Math.abs(coefficients[j]! - w)).toBeLessThan(1e-8);
  });

  test('one column of ones: σ(w) = mean − sign(w) / (C n)', () => {
    const shares = [1, 1, 0.7, 0.4, 1, 0.9, 0, 1];
    const mean = shares.reduce((sum, p) => sum + p, 0) / shares.length;
    const rows = rowsOf(
      shares.map(() => [1]),
      shares,
    );
    for (const strength of [2, 30, 1e4]) {
      const share = mean - 1 / (strength * shares.length);
      expect(fitL1Logistic(rows, strength).coefficients[0]).toBeCloseTo(Math.log(share / (1 - share)), 10);
    }
    // At w = 0 the gradient is C Σ (½ − p) = −2 C: not enough to leave 0 when C ≤ ½.
    expect(fitL1Logistic(rows, 0.49).coefficients).toEqual([0]);
    expect(fitL1Logistic(rows, 0.51).coefficients[0]).toBeGreaterThan(0);
  });

  test('meets the optimality conditions on any rows, from any start', () => {
    fc.assert(
      fc.property(
        anyRows,
        anyStrength,
        fc.double({ min: -30, max: 30, noNaN: true }),
        (rows, strength, s) => {
          const start = rows.columns.map((_, j) => (j % 2 === 0 ? s : -s));
          for (const fit of [fitL1Logistic(rows, strength), fitL1Logistic(rows, strength, { start })])
            expect(violation(rows, strength, fit.coefficients)).toBeLessThan(1e-11);
        },
      ),
      { seed: 7, numRuns: 300 },
    );
  });

  test('a share is two rows of labels 1 and 0', () => {
    fc.assert(
      fc.property(anyRows, anyStrength, ({ columns, shares, weights }, strength) => {
        const twice = (values: Float64Array) => Float64Array.from([...values, ...values]);
        const doubled: LogisticRows = {
          columns: columns.map(twice),
          shares: Float64Array.from([...shares.map(() => 1), ...shares.map(() => 0)]),
          weights: Float64Array.from([
            ...weights.map((v, i) => v * shares[i]!),
            ...weights.map((v, i) => v * (1 - shares[i]!)),
          ]),
        };
        const { coefficients } = fitL1Logistic(doubled, strength);
        // The same optimality conditions, not the same coefficients: where columns determine one another there are many optima.
        expect(violation({ columns, shares, weights }, strength, coefficients)).toBeLessThan(1e-10);
      }),
      { seed: 8, numRuns: 100 },
    );
  });

  test('the other label mirrors the coefficients', () => {
    const rows = goldenRows();
    const mirrored = fitL1Logistic({ ...rows, shares: rows.shares.map((p) => 1 - p) }, 3).coefficients;
    fitL1Logistic(rows, 3).coefficients.forEach((w, j) => {
      expect(mirrored[j]).toBeCloseTo(-w, 10);
    });
  });

  test('separable rows have a finite optimum', () => {
    const x = Array.from({ length: 40 }, (_, i) => [i - 19.5]);
    const { coefficients } = fitL1Logistic(
      rowsOf(
        x,
        x.map(([value]) => (value! > 0 ? 1 : 0)),
      ),
      1e4,
    );
    // Σ_i |x_i| σ(−w |x_i|) = 1 / C, nearly all of it from the two rows at ± ½: σ(−w / 2) = 10⁻⁴.
    expect(coefficients[0]).toBeCloseTo(2 * Math.log(9999), 3);
  });

  test('no rows, no weights and columns of zeros give zeros', () => {
    const none = {
      columns: [new Float64Array(0)],
      shares: new Float64Array(0),
      weights: new Float64Array(0),
    };
    expect(fitL1Logistic(none, 1).coefficients).toEqual([0]);
    expect(fitL1Logistic(rowsOf([[1], [2]], [1, 1], [0, 0]), 1).coefficients).toEqual([0]);
    expect(
      fitL1Logistic(
        rowsOf(
          [
            [0, 1],
            [0, 1],
          ],
          [1, 1],
        ),
        10,
      ).coefficients[0],
    ).toBe(0);
  });

  test('a fit that does not arrive is an error, not a number', () => {
    expect(() => fitL1Logistic(goldenRows(), 3, { maxIterations: 1 })).toThrow(/did not reach its optimum/);
  });

  test('refuses shares outside [0, 1], negative weights, NaN and C ≤ 0', () => {
    expect(() => fitL1Logistic(rowsOf([[1]], [1.5]), 1)).toThrow(RangeError);
    expect(() => fitL1Logistic(rowsOf([[1]], [Number.NaN]), 1)).toThrow(RangeError);
    expect(() => fitL1Logistic(rowsOf([[1]], [1], [-1]), 1)).toThrow(RangeError);
    expect(() => fitL1Logistic(rowsOf([[Number.NaN]], [1]), 1)).toThrow(RangeError);
    expect(() => fitL1Logistic(rowsOf([[1]], [1]), 0)).toThrow(RangeError);
  });
});

test('σ and log(1 + e^z) hold at both ends', () => {
  expect(logistic(0)).toBe(0.5);
  expect([logistic(-1000), logistic(1000)]).toEqual([0, 1]);
  expect(softplus(1000)).toBe(1000);
  expect(softplus(-800)).toBe(0);
  expect(softplus(0)).toBeCloseTo(Math.LN2, 15);
  expect(softplus(2) - softplus(-2)).toBeCloseTo(2, 14);
});
