import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareScores, easiest } from './compare-scores.ts';
import type { ScoreFile } from './score-files.ts';

function file(scores: Readonly<Record<string, number>>): ScoreFile {
  return { file: 'hand', from: 'hand', scores: new Map(Object.entries(scores)), byRow: new Map() };
}

const list = (values: readonly number[]) => file(Object.fromEntries(values.map((v, i) => [`p${i}`, v])));
const scores = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 40 });

describe('comparing scores', () => {
  test('a case by hand', () => {
    const a = file({ p: 0.1, q: 0.2, r: 0.8, s: 0.9, onlyA: 3 });
    const b = file({ s: 0.7, r: 0.1, q: 0.2, p: 0.3, onlyB: 4, alsoB: 5 });
    const found = compareScores(a, b, [0.5, 0.75]);
    expect(found).toMatchObject({ n: 4, onlyInA: 1, onlyInB: 2, at: [0.5, 0.75] });
    // Ranks 1 2 3 4 against 3 2 1 4: 1 − 6 · 8 / (4 · 15).
    expect(found.spearman).toBeCloseTo(0.2, 12);
    // Easy in A: p q; in B: r q p. Difficult in A: r s; in B: s.
    expect(found.jaccardEasiest).toBeCloseTo(2 / 3, 12);
    expect(found.easyAgreement).toBe(1);
    expect(found.difficultAgreement).toBe(0.5);
    expect(found.ofB).toEqual({ easyAgreement: 2 / 3, difficultAgreement: 1 });
    expect(found.shareBelowLn2).toEqual({ a: 2 / 5, b: 3 / 6 });
  });

  test('nothing difficult, and a constant side, have no number', () => {
    const found = compareScores(list([1, 1, 1]), list([1, 2, 3]), [1, 0.5]);
    expect(found.spearman).toBeNull();
    expect(found.difficultAgreement).toBeNull();
  });

  test('equal scores are parted by their own file’s order', () => {
    expect([...easiest([1, 1, 1, 0], 0.5)].sort()).toEqual([0, 3]);
    expect([...easiest([1, 1, 1, 0], 0.5, [3, 2, 1, 0])].sort()).toEqual([2, 3]);
  });

  test('faults', () => {
    expect(() => compareScores(list([1, 2]), file({ x: 1 }))).toThrow(/no id in common/);
    expect(() => compareScores(list([1, 2]), list([1, 2]), [0, 0.5])).toThrow(/\(0, 1\]/);
  });

  test('property: a file agrees with itself wholly', () => {
    fc.assert(
      fc.property(scores, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, at) => {
        const found = compareScores(list(values), list(values), [at, at]);
        expect(found.jaccardEasiest).toBe(1);
        expect(found.easyAgreement).toBe(1);
        expect(found.difficultAgreement ?? 1).toBe(1);
        if (found.spearman !== null) expect(found.spearman).toBeCloseTo(1, 9);
      }),
    );
  });

  test('property: ranks alone count, and the two sides swap', () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 1e6 }), (values, salt) => {
        // Whole numbers, so that the transform cannot round two of them together.
        const a = values.map((v) => Math.round(8 * v));
        const b = values.map((v, i) => Math.round(8 * v) + ((salt * (i + 1)) % 7));
        const at = [0.5, 0.3] as const;
        const plain = compareScores(list(a), list(b), at);
        const bent = compareScores(list(a.map((v) => v ** 3 + 2 * v)), list(b), at);
        const { shareBelowLn2: _, ...ranks } = plain;
        expect(bent).toMatchObject(ranks);
        const swapped = compareScores(list(b), list(a), [0.3, 0.5]);
        expect(swapped.easyAgreement).toBe(plain.ofB.easyAgreement);
        expect(swapped.difficultAgreement).toBe(plain.ofB.difficultAgreement);
        expect(swapped.jaccardEasiest).toBe(plain.jaccardEasiest);
      }),
    );
  });
});
