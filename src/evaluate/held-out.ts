import type { PairScore } from '../train/preference.ts';
import { dpoLoss, implicitMargin } from '../train/preference-loss.ts';

/** What a trained policy says of one held-out pair. */
export interface HeldOutOutcome {
  readonly id: string;
  /** 1 where the margin has the label's sign, ½ at exactly 0 (the start model), else 0. */
  readonly correct: number;
  /** DPO loss, nats. */
  readonly loss: number;
  /** Change of the chosen completion's log-probability per token against the start model, nats. */
  readonly chosenChange: number;
}

export interface HeldOutPair {
  readonly id: string;
  readonly chosenTokens: number;
  readonly reference: Pick<PairScore, 'chosen' | 'rejected'>;
}

/** Judges a policy on pairs that no training saw. */
export function heldOutOutcome(
  pair: HeldOutPair,
  score: Pick<PairScore, 'chosen' | 'rejected'>,
  beta: number,
): HeldOutOutcome {
  const { reference } = pair;
  const margin = implicitMargin(
    { ...score, refChosen: reference.chosen, refRejected: reference.rejected },
    beta,
  );
  return {
    id: pair.id,
    correct: (1 + Math.sign(margin)) / 2,
    loss: dpoLoss(margin),
    chosenChange: (score.chosen - reference.chosen) / pair.chosenTokens,
  };
}
