/**
 * Four summed log-probabilities of a pair, in nats: chosen and rejected, under the policy π_θ and the
 * reference π_ref. All preference losses are functions of these, so β and the loss can change without training
 * or scoring again.
 */
export interface PairLogProbs {
  readonly chosen: number;
  readonly rejected: number;
  readonly refChosen: number;
  readonly refRejected: number;
}

/**
 * Implicit margin  m = β·[log π_θ(y_w|x) − log π_ref(y_w|x)] − β·[log π_θ(y_l|x) − log π_ref(y_l|x)].
 * *Reference:* Rafailov et al. 2023, Eq. 7; Gao et al. 2025, §2.
 */
export function implicitMargin(pair: PairLogProbs, beta: number): number {
  return beta * (pair.chosen - pair.refChosen - (pair.rejected - pair.refRejected));
}

/**
 * DPO loss  −log σ(m) = log(1 + exp(−m)), stable at both ends; ln 2 for an untrained policy.
 * *Reference:* Gao et al. 2025, Eq. 1 (training) and Eq. 3 (validation loss, on held-out pairs).
 */
export function dpoLoss(margin: number): number {
  return margin >= 0 ? Math.log1p(Math.exp(-margin)) : -margin + Math.log1p(Math.exp(margin));
}

/** d dpoLoss / d m = −σ(−m). */
export function dpoSlope(margin: number): number {
  return margin >= 0 ? -Math.exp(-margin) / (1 + Math.exp(-margin)) : -1 / (1 + Math.exp(margin));
}
