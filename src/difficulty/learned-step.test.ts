import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEARNED_MARGIN, learnedStep } from './learned-step.ts';
import type { ScoreRow } from './scores.ts';

/** The scores of one pair with these margins under β = 1, at steps 10, 20, … */
const trajectory = (margins: readonly number[]): ScoreRow[] =>
  margins.map((margin, i) => ({
    id: 'a',
    row: 0,
    part: 0,
    seed: 1,
    checkpoint: i + 1,
    step: 10 * (i + 1),
    chosenLogProb: margin,
    rejectedLogProb: 0,
    refChosenLogProb: 0,
    refRejectedLogProb: 0,
    loss: 0,
    evenTokenMargin: 0,
  }));

describe('learned step', () => {
  it.each([
    ['rises once and stays', [0, 0.3, 0.5, 0.6], 30],
    ['is learned from the first', [0.5, 0.6, 0.7, 0.8], 10],
    ['is forgotten and learned again', [0.5, 0.1, 0.6, 0.7], 30],
    ['is learned at the last only', [0, 0.5, 0, 0.9], 40],
    ['is forgotten at the end', [0.5, 0.6, 0.7, 0.4], null],
    ['never rises', [-1, 0, 0.1, 0.2], null],
    ['sits at δ exactly, which is not above it', [0.4, 0.4, 0.4, 0.4], null],
  ])('a pair that %s', (_, margins, step) => {
    expect(learnedStep(trajectory(margins), 1)).toBe(step);
  });

  it('has no learned step without an evaluation', () => {
    expect(learnedStep([], 1)).toBeNull();
  });

  it('takes δ = 0.4 of the paper unless told otherwise, and scales with β', () => {
    expect(LEARNED_MARGIN).toBe(0.4);
    const scores = trajectory([1, 2, 3, 5]);
    expect(learnedStep(scores, 0.1)).toBe(40);
    expect(learnedStep(scores, 0.15)).toBe(30);
    expect(learnedStep(scores, 0.1, 0.15)).toBe(20);
  });

  it('is the earliest evaluation from which on every margin is above δ, in whatever order they come', () => {
    const shuffled = fc
      .array(fc.double({ min: -1, max: 2, noNaN: true }), { minLength: 1, maxLength: 8 })
      .chain((margins) =>
        fc.shuffledSubarray(trajectory(margins), { minLength: margins.length }).map((rows) => ({
          margins,
          rows,
        })),
      );
    fc.assert(
      fc.property(shuffled, ({ margins, rows }) => {
        const from = margins.findIndex((_, i) => margins.slice(i).every((margin) => margin > 0.4));
        expect(learnedStep(rows, 1)).toBe(from === -1 ? null : 10 * (from + 1));
      }),
      { seed: 3 },
    );
  });
});
