import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { type CrossFitItem, crossFitPlan, type ScoringRun } from './cross-fit.ts';

/** Items whose duplicate keys are the given small numbers. */
const itemsOf = (keys: readonly number[]): CrossFitItem[] =>
  keys.map((key, place) => ({ id: `pair-${place}`, duplicateKey: `key-${key}` }));
const distinct = (count: number) => itemsOf(Array.from({ length: count }, (_, place) => place));
const byNumber = (a: number, b: number) => a - b;

/** Lists of pairs with many duplicates, and a plan that they can fill. */
const plannable = fc
  .record({
    keys: fc.array(fc.nat(25), { minLength: 2, maxLength: 80 }),
    folds: fc.integer({ min: 2, max: 5 }),
    seeds: fc.integer({ min: 1, max: 3 }),
    firstSeed: fc.nat(1000),
  })
  .filter(({ keys, folds }) => new Set(keys).size >= folds);

describe('cross-fit plan', () => {
  it('scores every pair once a seed, by a run that saw neither it nor a duplicate', () => {
    fc.assert(
      fc.property(plannable, ({ keys, ...options }) => {
        const items = itemsOf(keys);
        const plan = crossFitPlan(items, options);
        expect(plan.map(({ seed, part }) => [seed, part])).toEqual(
          Array.from({ length: options.seeds * options.folds }, (_, run) => [
            options.firstSeed + Math.floor(run / options.folds),
            run % options.folds,
          ]),
        );
        const everyPlace = items.map((_, place) => place);
        for (let repeat = 0; repeat < options.seeds; repeat++) {
          const runs = plan.filter(({ seed }) => seed === options.firstSeed + repeat);
          expect(runs.flatMap(({ score }) => score).sort(byNumber)).toEqual(everyPlace);
        }
        for (const { trainOn, score } of plan) {
          const seen = new Set(trainOn.map((place) => items[place]?.duplicateKey));
          expect(score.filter((place) => seen.has(items[place]?.duplicateKey as string))).toEqual([]);
          // Every other pair is trained on: held out is what is scored, and nothing more.
          expect([...trainOn, ...score].sort(byNumber)).toEqual(everyPlace);
          expect(trainOn).toEqual([...trainOn].sort(byNumber));
          expect(score).toEqual([...score].sort(byNumber));
        }
      }),
      { seed: 1 },
    );
  });

  it('cuts parts that differ by at most the largest group, and are never empty', () => {
    fc.assert(
      fc.property(plannable, ({ keys, ...options }) => {
        const groupSizes = new Map<number, number>();
        for (const key of keys) groupSizes.set(key, (groupSizes.get(key) ?? 0) + 1);
        const plan = crossFitPlan(itemsOf(keys), options);
        for (const seed of new Set(plan.map((run) => run.seed))) {
          const sizes = plan.filter((run) => run.seed === seed).map(({ score }) => score.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(
            Math.max(...groupSizes.values()),
          );
          expect(Math.min(...sizes)).toBeGreaterThan(0);
        }
      }),
      { seed: 2 },
    );
  });

  it.each([
    [10, 2, [5, 5]],
    [11, 2, [6, 5]],
    [11, 3, [4, 4, 3]],
    [3, 3, [1, 1, 1]],
  ])('%i distinct pairs in %i parts: %j', (pairs, folds, sizes) => {
    const plan = crossFitPlan(distinct(pairs), { folds, seeds: 1, firstSeed: 0 });
    expect(plan.map(({ score }) => score.length)).toEqual(sizes);
    expect(plan.map(({ trainOn }) => trainOn.length)).toEqual(sizes.map((size) => pairs - size));
  });

  it('is a function of the pairs and the seed; each repeat is the plan of its own seed', () => {
    const items = distinct(40);
    const options = { folds: 2, seeds: 3, firstSeed: 41 };
    const plan = crossFitPlan(items, options);
    expect(crossFitPlan(items, options)).toEqual(plan);
    const apart = [41, 42, 43].flatMap((firstSeed) => crossFitPlan(items, { folds: 2, seeds: 1, firstSeed }));
    expect(apart).toEqual(plan);
  });

  it('cuts differently for every seed, and does not just cut the list in two', () => {
    const plan = crossFitPlan(distinct(40), { folds: 2, seeds: 20, firstSeed: 0 });
    const firstParts = plan.filter(({ part }) => part === 0).map(({ score }) => score.join());
    expect(new Set(firstParts).size).toBe(20);
    // Two random halves share half of their members on average: the standard error over 190 couples is small.
    const parts = plan.filter(({ part }) => part === 0).map(({ score }) => new Set(score));
    const shares = parts.flatMap((a, i) =>
      parts.slice(i + 1).map((b) => [...a].filter((place) => b.has(place)).length / 20),
    );
    expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) / shares.length - 0.5)).toBeLessThan(0.05);
  });

  it('groups follow the key, not the id: a duplicate of the whole list still leaves distinct halves', () => {
    // Pair i and pair i + 5 say the same.
    const items = itemsOf([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    const [first, second] = crossFitPlan(items, { folds: 2, seeds: 1, firstSeed: 7 }) as [
      ScoringRun,
      ScoringRun,
    ];
    for (const run of [first, second])
      expect(run.score.map((place) => (place + 5) % 10).sort(byNumber)).toEqual(run.score);
    expect([first.score.length, second.score.length].sort(byNumber)).toEqual([4, 6]);
  });

  it('refuses fewer groups than parts, whatever the number of pairs, with an error for the user', () => {
    expect.assertions(4);
    try {
      crossFitPlan(itemsOf([0, 0, 0, 1, 1, 1]), { folds: 3, seeds: 1, firstSeed: 0 });
    } catch (error) {
      expect(error).toBeInstanceOf(WinnowError);
      expect(error).toMatchObject({ kind: 'input', code: 'too-few-pairs', exitCode: 2 });
      expect((error as WinnowError).message).toMatch(/need 3, got 2.*difficulty\.folds/);
    }
    expect(() => crossFitPlan([], { folds: 2, seeds: 1, firstSeed: 0 })).toThrow(/got 0/);
  });
});
