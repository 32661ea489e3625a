import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareScores } from './compare-scores.ts';
import type { ScoreFile } from './score-files.ts';

const file = (scores: readonly number[], name = 'f', from = 0): ScoreFile => ({
  file: name,
  columns: ['difficulty'],
  scores: new Map(scores.map((score, i) => [`p${from + i}`, score])),
});

const scores = fc.array(
  fc.integer({ min: 0, max: 300 }).map((hundredths) => hundredths / 100),
  { minLength: 2, maxLength: 60 },
);
const share = fc.double({ min: 0.05, max: 0.95, noNaN: true });

describe('compareScores', () => {
  test('hand-made: who calls what easy', () => {
    const a = file([0.1, 0.2, 0.3, 0.4, 0.8]);
    const b = file([0.1, 0.9, 0.2, 0.3, 0.7]);
    const found = compareScores(a, b, [0.4, 0.6]);
    // Easy for A: p0, p1; for B: p0, p2, p3. Difficult for A: p2, p3, p4; for B: p1, p4.
    expect(found).toMatchObject({
      n: 5,
      onlyInA: 0,
      onlyInB: 0,
      easyAgreement: 1 / 2,
      jaccardEasiest: 1 / 4,
    });
    expect(found.difficultAgreement).toBeCloseTo(1 / 3, 12);
    expect(found.spearman).toBeCloseTo(0.4, 12);
    expect(found.jaccardByChance).toBeCloseTo(1.2 / (5 - 1.2), 12);
    // ln 2 = 0.693…
    expect(found.shareBelowLn2).toEqual([0.8, 0.6]);
  });

  test('of ids that both have; the others are counted', () => {
    const found = compareScores(file([1, 2, 3, 4]), file([3, 4, 5], 'g', 2), [0.5, 0.5]);
    expect(found).toMatchObject({ n: 2, onlyInA: 2, onlyInB: 1, jaccardEasiest: 1 });
    expect(found.spearman).toBeCloseTo(1, 12);
  });

  test('a scoring agrees with itself, and with whatever orders the pairs as it does', () => {
    fc.assert(
      fc.property(scores, share, (own, at) => {
        const distinct = [...new Set(own)];
        fc.pre(distinct.length > 1);
        const a = file(distinct);
        const cubed = file(distinct.map((score) => score ** 3 + 2 * score - 1));
        const found = compareScores(a, cubed, [at, at]);
        expect(found.spearman).toBeCloseTo(1, 12);
        const easy = Math.floor(at * distinct.length + 1e-9);
        expect(found.jaccardEasiest).toBe(easy === 0 ? null : 1);
        expect(found.easyAgreement).toBe(easy === 0 ? null : 1);
        expect(found.difficultAgreement).toBe(1);
      }),
    );
  });

  test('swapping the two keeps what is mutual', () => {
    fc.assert(
      fc.property(scores, scores, share, (x, y, at) => {
        const n = Math.min(x.length, y.length);
        const [a, b] = [file(x.slice(0, n)), file(y.slice(0, n))];
        const [one, other] = [compareScores(a, b, [at, at]), compareScores(b, a, [at, at])];
        expect(one.spearman ?? 9).toBeCloseTo(other.spearman ?? 9, 12);
        expect(one.jaccardEasiest).toBe(other.jaccardEasiest);
        // Equal sizes: what A’s easy share with B’s is the same both ways.
        expect(one.easyAgreement).toBe(other.easyAgreement);
        expect(one.shareBelowLn2).toEqual([...other.shareBelowLn2].reverse());
      }),
    );
  });

  test('one pair and constant scores have no correlation; n = 3 no interval', () => {
    expect(compareScores(file([1]), file([2]), [0.5, 0.5])).toMatchObject({
      n: 1,
      spearman: null,
      spearmanInterval: null,
      easyAgreement: null,
      difficultAgreement: 1,
    });
    expect(compareScores(file([1, 1, 1, 1, 1]), file([1, 2, 3, 4, 5]), [0.4, 0.4]).spearman).toBeNull();
    expect(compareScores(file([1, 2, 3]), file([2, 1, 3]), [0.5, 0.5]).spearmanInterval).toBeNull();
  });

  test('the interval of ρ is Bonett and Wright’s', () => {
    const x = Array.from({ length: 50 }, (_, i) => i);
    const y = x.map((i) => (i * 7) % 50);
    const { spearman, spearmanInterval } = compareScores(file(x), file(y), [0.5, 0.5]);
    const rho = spearman as number;
    const error = Math.sqrt((1 + rho ** 2 / 2) / 47);
    expect(spearmanInterval?.low).toBeCloseTo(Math.tanh(Math.atanh(rho) - 1.959964 * error), 6);
    expect(spearmanInterval?.high).toBeCloseTo(Math.tanh(Math.atanh(rho) + 1.959964 * error), 6);
  });

  test('refuses files of other pairs, and shares that are none', () => {
    expect(() => compareScores(file([1, 2]), file([1, 2], 'g', 10), [0.5, 0.5])).toThrow(/no id in common/);
    expect(() => compareScores(file([1, 2]), file([1, 2]), [0.5, 1])).toThrow(/between 0 and 1/);
  });
});
