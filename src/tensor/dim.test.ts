import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDims, type Bindings, type Dim, evaluateDim, multiplyDims, sameShape, showShape } from './dim.ts';

const SYMBOLS = ['B', 'T', 'P', 'R2'] as const;

/** Dimensions as they are written: numbers, symbols, products, sums; not in canonical form. */
const factor = fc.oneof(fc.constantFrom(...SYMBOLS), fc.integer({ min: 0, max: 12 }).map(String));
const term = fc.array(factor, { minLength: 1, maxLength: 3 }).map((factors) => factors.join('*'));
const dimension: fc.Arbitrary<Dim> = fc.oneof(
  fc.integer({ min: 0, max: 50 }),
  fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => terms.join('+')),
);
const bound: fc.Arbitrary<Bindings> = fc.record(
  Object.fromEntries(SYMBOLS.map((symbol) => [symbol, fc.integer({ min: 0, max: 30 })])),
);

/** What an expression is worth, by arithmetic on its text instead of on polynomials. */
const worth = (dim: Dim, bindings: Bindings): number =>
  String(dim)
    .split('+')
    .map((product) => product.split('*').reduce((total, part) => total * (bindings[part] ?? Number(part)), 1))
    .reduce((sum, product) => sum + product, 0);

describe('dimension algebra', () => {
  it('evaluation is a homomorphism: of sums, of products, of what is written', () => {
    fc.assert(
      fc.property(dimension, dimension, dimension, bound, (a, b, c, bindings) => {
        const value = (dim: Dim) => evaluateDim(dim, bindings);
        expect(value(a)).toBe(worth(a, bindings));
        expect(value(addDims(a, b))).toBe(worth(a, bindings) + worth(b, bindings));
        expect(value(multiplyDims([a, b, c]))).toBe(
          worth(a, bindings) * worth(b, bindings) * worth(c, bindings),
        );
      }),
      { seed: 50, numRuns: 300 },
    );
  });

  it('equal dimensions print alike: commutative, associative and distributive, to the letter', () => {
    fc.assert(
      fc.property(dimension, dimension, dimension, (a, b, c) => {
        expect(addDims(a, b)).toBe(addDims(b, a));
        expect(addDims(addDims(a, b), c)).toBe(addDims(a, addDims(b, c)));
        expect(multiplyDims([a, b])).toBe(multiplyDims([b, a]));
        expect(multiplyDims([multiplyDims([a, b]), c])).toBe(multiplyDims([a, multiplyDims([b, c])]));
        expect(multiplyDims([a, b, c])).toBe(multiplyDims([c, multiplyDims([b, a])]));
        expect(multiplyDims([a, addDims(b, c)])).toBe(addDims(multiplyDims([a, b]), multiplyDims([a, c])));
      }),
      { seed: 51, numRuns: 300 },
    );
  });

  it('has 0 and 1, and a canonical form that stays as it is', () => {
    fc.assert(
      fc.property(dimension, (dim) => {
        const canonical = multiplyDims([dim]);
        expect(multiplyDims([canonical])).toBe(canonical);
        expect(addDims(canonical, 0)).toBe(canonical);
        expect(multiplyDims([canonical, 1])).toBe(canonical);
        expect(addDims(dim, 0)).toBe(canonical);
        expect(multiplyDims([canonical, 0])).toBe(0);
      }),
      { seed: 52 },
    );
    expect(multiplyDims([])).toBe(1);
  });

  it.each<[Dim, Dim]>([
    [multiplyDims(['T', 'B']), 'B*T'],
    [multiplyDims(['B', 2, 'T', 3]), '6*B*T'],
    [multiplyDims(['P+T', 'B']), 'B*P+B*T'],
    [multiplyDims(['T', 'T']), 'T*T'],
    [multiplyDims([4, 5]), 20],
    [addDims('T', 'P'), 'P+T'],
    [addDims('T', 'T'), '2*T'],
    [addDims('T', 3), '3+T'],
    [addDims('T*B', 'B*T'), '2*B*T'],
    [addDims(2, 3), 5],
    [addDims(0, 0), 0],
  ])('%s is written %s', (got, canonical) => {
    expect(got).toBe(canonical);
  });

  it('an unbound symbol is an error that names it, never a NaN', () => {
    expect(() => evaluateDim('B*T', { B: 2 })).toThrow(/B\*T: symbol T is not bound/);
    expect(() => evaluateDim('P+T', {})).toThrow(RangeError);
    expect(evaluateDim(7, {})).toBe(7);
    expect(evaluateDim('T', { T: 0 })).toBe(0);
  });

  it('shapes are equal by rank and by every dimension', () => {
    expect(sameShape(['B', 3], ['B', 3])).toBe(true);
    expect(sameShape(['B', 3], ['B', 4])).toBe(false);
    expect(sameShape(['B', 3], ['B'])).toBe(false);
    expect(sameShape([], [])).toBe(true);
    expect(showShape(['B', 1, 'P+T'])).toBe('[B, 1, P+T]');
  });
});
