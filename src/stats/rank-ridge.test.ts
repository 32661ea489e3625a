import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.ts';
import { predict } from './least-squares.ts';
import { rankRidge } from './rank-ridge.ts';

const random = new Random(3, 'rank ridge test');
const rows = Array.from({ length: 60 }, () => [random.normal(), random.normal(), 1]);

describe('ridge regression on ranks', () => {
  test('the order of one column is found, whatever its scale and however bent', () => {
    const y = rows.map(([x]) => Math.exp(3 * (x as number)));
    const { fit, lambda, tried } = rankRidge(rows, y, { seed: 1 });
    const best = tried.find((one) => one.lambda === lambda);
    expect(best?.spearman).toBeGreaterThan(0.98);
    expect(fit.slopes[0]).toBeGreaterThan(0.1);
    expect(Math.abs(fit.slopes[1] as number)).toBeLessThan(0.05);
    // A constant column has no slope.
    expect(fit.slopes[2]).toBe(0);
    expect(tried).toHaveLength(4);
  });

  test('property: only the order of y counts', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 60, maxLength: 60 }), (y) => {
        const plain = rankRidge(rows, y, { seed: 1 });
        const bent = rankRidge(
          rows,
          y.map((value) => value ** 3 + 2 * value),
          { seed: 1 },
        );
        expect(bent).toEqual(plain);
      }),
      { numRuns: 20 },
    );
  });

  test('by hand: two columns that are one share the slope, and a heavy penalty leaves the mean', () => {
    const line = Array.from({ length: 20 }, (_, i) => [i, i]);
    const y = line.map(([x]) => x as number);
    const { fit } = rankRidge(line, y, { seed: 1, penalties: [1e-9] });
    expect(fit.slopes[0]).toBeCloseTo(1 / 40, 6);
    expect(fit.slopes[1]).toBeCloseTo(1 / 40, 6);
    expect(predict(fit, [19, 19])).toBeCloseTo(19.5 / 20, 6);
    const heavy = rankRidge(line, y, { seed: 1, penalties: [1e9] }).fit;
    expect(predict(heavy, [0, 0])).toBeCloseTo(0.5, 6);
  });

  test('too few rows', () => {
    expect(() =>
      rankRidge(
        rows.slice(0, 9),
        rows.slice(0, 9).map(() => 1),
        { seed: 1 },
      ),
    ).toThrow(RangeError);
  });
});
