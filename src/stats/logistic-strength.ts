import { fitL1Logistic, type LogisticRows, linearPredictor } from './l1-logistic.ts';
import { logistic } from './logistic.ts';

/** The inverse strengths C that scikit-learn's `LogisticRegressionCV` tries by default: 10⁻⁴ … 10⁴, evenly in log. */
export const STRENGTHS: readonly number[] = Array.from({ length: 10 }, (_, i) => 10 ** (-4 + (8 * i) / 9));

/** Predictions are kept this far from 0 and 1 before their logarithm is taken. */
const LEAST = 1e-15;

export interface StrengthChoice {
  readonly strength: number;
  /** Mean held-out log-likelihood a row at each strength, over the folds. */
  readonly scores: readonly number[];
}

/**
 * C* = argmax_C (1/K) Σ_k (1/n_k) Σ_{i in fold k} v_i [ p_i log q_i + (1 − p_i) log(1 − q_i) ],
 * q_i = σ(w_{−k}(C) · x_i),  w_{−k}(C) of {@link fitL1Logistic} on the rows outside fold k
 *
 * Of equal scores the smallest C wins. *Reference:* scikit-learn's `LogisticRegressionCV`, with the score of
 * alpaca_eval's `logloss_continuous` (a mean over rows, not over weights).
 * Throws where a fold holds no row or all rows; n = 0 therefore throws.
 */
export function chooseStrength(
  rows: LogisticRows,
  folds: ArrayLike<number>,
  strengths: readonly number[] = STRENGTHS,
): StrengthChoice {
  const names = [...new Set(Array.from(folds))].sort((a, b) => a - b);
  if (names.length < 2)
    throw new RangeError(`chooseStrength: need rows in at least 2 folds, got ${names.length}`);
  const totals = strengths.map(() => 0);
  for (const fold of names) {
    const train = rowsWhere(rows, (i) => folds[i] !== fold);
    const test = rowsWhere(rows, (i) => folds[i] === fold);
    let start: readonly number[] = rows.columns.map(() => 0);
    for (const [s, strength] of strengths.entries()) {
      start = fitL1Logistic(train, strength, { start }).coefficients;
      totals[s]! += meanLogLikelihood(test, start) / names.length;
    }
  }
  const best = totals.reduce((most, score, s) => (score > (totals[most] as number) ? s : most), 0);
  return { strength: strengths[best] as number, scores: totals };
}

function meanLogLikelihood(
  { columns, shares, weights }: LogisticRows,
  coefficients: readonly number[],
): number {
  const z = linearPredictor(columns, coefficients);
  let total = 0;
  for (let i = 0; i < z.length; i++) {
    const q = Math.min(1 - LEAST, Math.max(LEAST, logistic(z[i]!)));
    total += weights[i]! * (shares[i]! * Math.log(q) + (1 - shares[i]!) * Math.log(1 - q));
  }
  return total / z.length;
}

function rowsWhere({ columns, shares, weights }: LogisticRows, keep: (i: number) => boolean): LogisticRows {
  const some = (values: Float64Array) => values.filter((_, i) => keep(i));
  return { columns: columns.map(some), shares: some(shares), weights: some(weights) };
}
