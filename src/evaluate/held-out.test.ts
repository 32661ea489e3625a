import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldOutOutcome } from './held-out.ts';

const pair = { id: 'a', chosenTokens: 4, reference: { chosen: -10, rejected: -12 } };

describe('held-out outcome', () => {
  it('of the start model: ½ right, ln 2, nothing changed', () => {
    expect(heldOutOutcome(pair, pair.reference, 0.1)).toEqual({
      id: 'a',
      correct: 0.5,
      loss: Math.LN2,
      chosenChange: 0,
    });
  });

  it('right by margin though both completions lost probability, and tells how much the chosen one lost', () => {
    // Chosen −2, rejected −5: m = 0.1·3; the policy still prefers nothing it did not prefer before.
    const outcome = heldOutOutcome(pair, { chosen: -12, rejected: -17 }, 0.1);
    expect(outcome.correct).toBe(1);
    expect(outcome.loss).toBeCloseTo(0.5543552444685272, 12);
    expect(outcome.chosenChange).toBe(-0.5);
  });

  it('wrong against the reference, even where the policy finds the chosen completion likelier', () => {
    const outcome = heldOutOutcome(pair, { chosen: -10, rejected: -10.5 }, 0.1);
    expect(outcome.correct).toBe(0);
    expect(outcome.loss).toBeCloseTo(Math.log(1 + Math.exp(0.15)), 12);
  });

  it('is right exactly where the loss is below ln 2; swapped labels swap it', () => {
    const logProb = fc.integer({ min: -400, max: 0 }).map((value) => value / 4);
    fc.assert(
      fc.property(logProb, logProb, logProb, logProb, (chosen, rejected, refChosen, refRejected) => {
        const outcome = heldOutOutcome(
          { id: 'a', chosenTokens: 1, reference: { chosen: refChosen, rejected: refRejected } },
          { chosen, rejected },
          0.5,
        );
        const swapped = heldOutOutcome(
          { id: 'a', chosenTokens: 1, reference: { chosen: refRejected, rejected: refChosen } },
          { chosen: rejected, rejected: chosen },
          0.5,
        );
        expect(outcome.correct + swapped.correct).toBe(1);
        expect(outcome.correct).toBe(outcome.loss < Math.LN2 ? 1 : outcome.loss > Math.LN2 ? 0 : 0.5);
      }),
      { seed: 14 },
    );
  });

  it('a NaN stays one: it is no half success', () => {
    const outcome = heldOutOutcome(pair, { chosen: Number.NaN, rejected: -12 }, 0.1);
    expect(outcome.correct).toBeNaN();
    expect(outcome.loss).toBeNaN();
  });
});
