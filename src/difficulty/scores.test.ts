import { expect, it } from 'vitest';
import { logProbsOf, marginOf, type ScoreRow, validationLoss } from './scores.ts';

const row: ScoreRow = {
  id: 'a',
  row: 0,
  part: 0,
  seed: 1,
  checkpoint: 1,
  step: 10,
  chosenLogProb: -20,
  rejectedLogProb: -31,
  refChosenLogProb: -22,
  refRejectedLogProb: -30,
  loss: 0.5,
  evenTokenMargin: 1,
};

it('gives each log-probability its own place', () => {
  expect(logProbsOf(row)).toEqual({ chosen: -20, rejected: -31, refChosen: -22, refRejected: -30 });
});

it('margin and loss follow β: (2 − (−1))·β, and −log σ of it', () => {
  expect(marginOf(row, 1)).toBe(3);
  expect(marginOf(row, 0.1)).toBeCloseTo(0.3, 12);
  // log(1 + exp(−0.3)) and log(1 + exp(−3)), by hand.
  expect(validationLoss(row, 0.1)).toBeCloseTo(0.5543552444685272, 12);
  expect(validationLoss(row, 1)).toBeCloseTo(0.04858735157374196, 12);
});

it('is ln 2 for a policy that still is its reference, under every β', () => {
  const start = { ...row, chosenLogProb: row.refChosenLogProb, rejectedLogProb: row.refRejectedLogProb };
  for (const beta of [0.01, 0.1, 5]) expect(validationLoss(start, beta)).toBeCloseTo(Math.LN2, 15);
});

it('swapping the labels turns m into −m', () => {
  const swapped = {
    ...row,
    chosenLogProb: row.rejectedLogProb,
    rejectedLogProb: row.chosenLogProb,
    refChosenLogProb: row.refRejectedLogProb,
    refRejectedLogProb: row.refChosenLogProb,
  };
  expect(marginOf(swapped, 0.1)).toBe(-marginOf(row, 0.1));
});
