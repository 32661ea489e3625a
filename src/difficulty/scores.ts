import { dpoLoss, implicitMargin, type PairLogProbs } from '../train/preference-loss.ts';

/**
 * A line of `scores.jsonl`: what one scoring run says of one held-out pair at one checkpoint. Log-probabilities are
 * summed over the completion's tokens, in nats; from them any β, loss or aggregation can be computed without
 * training again.
 */
export interface ScoreRow {
  readonly id: string;
  /** 0-based row of the input. */
  readonly row: number;
  readonly part: number;
  readonly seed: number;
  /** 1 … checkpoints; the last is the end of the run. */
  readonly checkpoint: number;
  /** Optimiser steps taken. */
  readonly step: number;
  readonly chosenLogProb: number;
  readonly rejectedLogProb: number;
  readonly refChosenLogProb: number;
  readonly refRejectedLogProb: number;
  /** Validation loss: −log σ(m) of a pair that the run did not train on (Gao et al. 2025, Eq. 3). */
  readonly loss: number;
  /** The margin over every second token of the completions, before β: half of the evidence. */
  readonly evenTokenMargin: number;
}

/** A line of `difficulty.jsonl`. */
export interface DifficultyRow {
  readonly id: string;
  readonly row: number;
  /**
   * Mean validation loss over seeds and checkpoints, nats: below ln 2 = 0.693 held-out models order the pair as labelled.
   * Of another scorer its own value, or the negative where the largest come first: low is easy always.
   */
  readonly difficulty: number;
  /** Standard deviation of the seeds' losses (of the checkpoints' where there is one seed); null with one loss. */
  readonly spread: number | null;
  /** Losses averaged. */
  readonly n: number;
  /** 1 is the easiest; equal difficulties in the order of the input. */
  readonly rank: number;
}

/** The four log-probabilities of a score. */
export function logProbsOf(row: ScoreRow): PairLogProbs {
  return {
    chosen: row.chosenLogProb,
    rejected: row.rejectedLogProb,
    refChosen: row.refChosenLogProb,
    refRejected: row.refRejectedLogProb,
  };
}

/** Implicit margin of a score under β. */
export function marginOf(row: ScoreRow, beta: number): number {
  return implicitMargin(logProbsOf(row), beta);
}

/** Validation loss of a score under β. */
export function validationLoss(row: ScoreRow, beta: number): number {
  return dpoLoss(marginOf(row, beta));
}
