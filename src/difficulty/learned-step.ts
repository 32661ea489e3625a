import type { ScoreRow } from './scores.ts';
import { marginOf } from './scores.ts';

/** The margin that counts as learned (δ of the paper's Eq. 2). */
export const LEARNED_MARGIN = 0.4;

/**
 * Learned step: the first evaluated step from which on the margin of a held-out pair stays above δ; `null` for a
 * pair that is never learned. The paper evaluates after every step (its t* is the step before this one); here, at
 * the checkpoints that there are.
 * @param trajectory scores of one pair in one scoring run.
 * *Reference:* Gao et al. 2025, Eq. 2.
 */
export function learnedStep(
  trajectory: readonly ScoreRow[],
  beta: number,
  delta = LEARNED_MARGIN,
): number | null {
  let learned: number | null = null;
  for (const score of [...trajectory].sort((a, b) => a.checkpoint - b.checkpoint)) {
    if (marginOf(score, beta) <= delta) learned = null;
    else learned ??= score.step;
  }
  return learned;
}
