import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seeded } from '../base/fuzz.fixture.ts';
import { solvePositive } from './cholesky.ts';

const real = fc.double({ min: -3, max: 3, noNaN: true });

describe('solvePositive', () => {
  test('a system solved by hand', () => {
    // 4x + 2y = 10, 2x + 3y = 11
    const x = solvePositive(Float64Array.of(4, 2, 2, 3), Float64Array.of(10, 11))!;
    expect(x[0]).toBeCloseTo(1, 12);
    expect(x[1]).toBeCloseTo(3, 12);
  });

  test('A x gives b back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(real, real, real), { minLength: 3, maxLength: 6 }),
        fc.tuple(real, real, real),
        (rows, b) => {
          // Σ r rᵀ + I is symmetric and positive definite.
          const a = Float64Array.from({ length: 9 }, (_, at) => {
            const [i, j] = [Math.floor(at / 3), at % 3];
            return rows.reduce((sum, row) => sum + row[i]! * row[j]!, i === j ? 1 : 0);
          });
          const x = solvePositive(a, Float64Array.from(b))!;
          for (let i = 0; i < 3; i++) {
            const back = [0, 1, 2].reduce((sum, j) => sum + a[3 * i + j]! * x[j]!, 0);
            expect(back).toBeCloseTo(b[i]!, 9);
          }
        },
      ),
      seeded(100),
    );
  });

  test('a singular matrix has no solution; no unknowns have none either', () => {
    expect(solvePositive(Float64Array.of(1, 2, 2, 4), Float64Array.of(1, 1))).toBeNull();
    expect(solvePositive(Float64Array.of(0), Float64Array.of(0))).toBeNull();
    expect(solvePositive(Float64Array.of(), Float64Array.of())).toEqual(Float64Array.of());
  });
});
