import fc from 'fast-check';
import { expect, test } from 'vitest';
import { solvePositiveDefinite } from './cholesky.ts';

test('a system by hand', () => {
  // 4x + 2y = 2, 2x + 3y = 5: x = −½, y = 2.
  expect(
    solvePositiveDefinite(
      [
        [4, 2],
        [2, 3],
      ],
      [2, 5],
    ),
  ).toEqual([expect.closeTo(-0.5, 14), expect.closeTo(2, 14)]);
  expect(solvePositiveDefinite([], [])).toEqual([]);
});

test('A x gives b back, at any scale', () => {
  const numbers = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(numbers, fc.constantFrom(1e-20, 1, 1e12), (values, scale) => {
      const rows = [0, 1, 2].map((i) => values.slice(3 * i, 3 * i + 3));
      // M Mᵀ + 1 is positive definite.
      const a = rows.map((x, i) =>
        rows.map((y, j) => scale * (x.reduce((sum, value, k) => sum + value * y[k]!, 0) + (i === j ? 1 : 0))),
      );
      const b = values.slice(9);
      const x = solvePositiveDefinite(a, b)!;
      a.forEach((row, i) => {
        expect(row.reduce((sum, value, j) => sum + value * x[j]!, 0)).toBeCloseTo(b[i]!, 9);
      });
    }),
    { seed: 3, numRuns: 200 },
  );
});

test('singular and indefinite matrices give nothing', () => {
  expect(
    solvePositiveDefinite(
      [
        [1, 1],
        [1, 1],
      ],
      [1, 2],
    ),
  ).toBeNull();
  expect(solvePositiveDefinite([[0]], [1])).toBeNull();
  expect(
    solvePositiveDefinite(
      [
        [1, 2],
        [2, 1],
      ],
      [1, 1],
    ),
  ).toBeNull();
});
