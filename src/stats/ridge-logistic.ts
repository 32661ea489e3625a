import { solvePositiveDefinite } from './cholesky.ts';
import { requireFinite, requireSameLength } from './finite.ts';
import { logistic, softplus } from './logistic.ts';

/** A matrix by the elements that are not 0: those of row i lie from `starts[i]` up to `starts[i + 1]`, exclusive. */
export interface SparseRows {
  /** Number of columns. */
  readonly width: number;
  readonly starts: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

export interface RidgeLogisticOptions {
  /** λ, at least 0. Default 0: maximum likelihood. */
  readonly penalty?: number;
  /** Where to begin: saves steps, and moves no result. Default 0 everywhere. */
  readonly start?: ArrayLike<number>;
}

/**
 * Why there is no single best β. `collinear`: the columns determine one another. `separable`: some mixture of the
 * columns tells wins from losses without error, and the likelihood rises for ever.
 */
export type LogisticFault = 'collinear' | 'separable';

export type LogisticFit =
  | { readonly coefficients: Float64Array; readonly fault: null }
  | { readonly coefficients: null; readonly fault: LogisticFault };

/** The largest change of a row's log-odds that is no change any more. */
const STILL = 1e-10;
/**
 * Where the data are separable, each step moves the log-odds by about 1 for ever; an optimum at log-odds 25, which
 * takes some 10¹¹ comparisons, is reached in 30 steps.
 */
const MOST_STEPS = 60;
/** Halvings of a step that went too far: the last is a millionth. */
const MOST_HALVINGS = 20;

/**
 * min_β Σ_i [ n_i log(1 + e^{η_i}) − s_i η_i ] + (λ / 2) Σ_j β_j²,   η_i = Σ_j x_ij β_j,   no intercept
 *
 * n_i is the weight of row i (how often it occurred) and s_i ≤ n_i what of it was won: a tie adds ½. By Newton's
 * method with halved steps, until no log-odds moves by more than 1e-10.
 * *Reference:* Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning, 4.4.1 and 4.4.4; λ = 1 is
 * scikit-learn's `LogisticRegression(C=1, fit_intercept=False)`, λ = 0 its `penalty=None`.
 * Without rows, λ > 0 gives β = 0 and λ = 0 is `collinear`; one row alone with λ = 0 and 0 < s < n has η = logit(s / n).
 */
export function ridgeLogistic(
  rows: SparseRows,
  weights: Float64Array,
  wins: Float64Array,
  options: RidgeLogisticOptions = {},
): LogisticFit {
  const { penalty = 0, start } = options;
  if (!(penalty >= 0)) throw new RangeError(`ridgeLogistic: need a penalty of at least 0, got ${penalty}`);
  requireSameLength(weights, wins, 'ridgeLogistic');
  for (const values of [rows.values, weights, wins]) requireFinite(values, 'ridgeLogistic');
  let beta = Float64Array.from(start ?? new Float64Array(rows.width));
  let odds = logOdds(rows, beta);
  let loss = lossAt(odds, beta, weights, wins, penalty);
  for (let step = 0; step < MOST_STEPS; step++) {
    const { gradient, hessian } = derivatives(rows, odds, beta, weights, wins, penalty);
    const move = solvePositiveDefinite(hessian, gradient);
    if (move === null) return { coefficients: null, fault: step === 0 ? 'collinear' : 'separable' };
    const moved = logOdds(rows, move);
    let part = 1;
    for (let halving = 0; ; halving++) {
      const tried = beta.map((value, j) => value - part * move[j]!);
      const triedOdds = odds.map((value, i) => value - part * moved[i]!);
      const triedLoss = lossAt(triedOdds, tried, weights, wins, penalty);
      // Near the optimum the loss changes by less than its rounding.
      if (triedLoss <= loss + 1e-12 * Math.abs(loss) || halving === MOST_HALVINGS) {
        [beta, odds, loss] = [tried, triedOdds, triedLoss];
        break;
      }
      part /= 2;
    }
    let most = 0;
    for (const value of moved) most = Math.max(most, Math.abs(value));
    if (penalty > 0) for (const value of move) most = Math.max(most, Math.abs(value));
    if (part === 1 && most <= STILL) return { coefficients: beta, fault: null };
  }
  return { coefficients: null, fault: 'separable' };
}

/** Rows as lists of [column, value]. */
export function sparseRows(
  width: number,
  rows: readonly (readonly (readonly [number, number])[])[],
): SparseRows {
  const cells = rows.flat();
  const starts = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => {
    starts[i + 1] = starts[i]! + row.length;
  });
  return {
    width,
    starts,
    columns: Int32Array.from(cells, ([column]) => column),
    values: Float64Array.from(cells, ([, value]) => value),
  };
}

function logOdds(rows: SparseRows, beta: ArrayLike<number>): Float64Array {
  const { starts, columns, values } = rows;
  return Float64Array.from({ length: starts.length - 1 }, (_, i) => {
    let sum = 0;
    for (let k = starts[i]!; k < starts[i + 1]!; k++) sum += values[k]! * beta[columns[k]!]!;
    return sum;
  });
}

function lossAt(
  odds: Float64Array,
  beta: Float64Array,
  weights: Float64Array,
  wins: Float64Array,
  penalty: number,
): number {
  let loss = 0;
  for (let i = 0; i < odds.length; i++) {
    const eta = odds[i]!;
    loss += weights[i]! * softplus(eta) - wins[i]! * eta;
  }
  for (const value of beta) loss += (penalty / 2) * value * value;
  return loss;
}

function derivatives(
  rows: SparseRows,
  odds: Float64Array,
  beta: Float64Array,
  weights: Float64Array,
  wins: Float64Array,
  penalty: number,
): { readonly gradient: readonly number[]; readonly hessian: readonly (readonly number[])[] } {
  const { starts, columns, values } = rows;
  const gradient = Array.from(beta, (value) => penalty * value);
  const hessian = gradient.map((_, j) => gradient.map((_, k) => (j === k ? penalty : 0)));
  for (let i = 0; i < odds.length; i++) {
    // Both sides as sigmoids: 1 − p near p = 1 would be all rounding, and separable data look solved.
    const p = logistic(odds[i]!);
    const q = logistic(-odds[i]!);
    const slope = (weights[i]! - wins[i]!) * p - wins[i]! * q;
    const curve = weights[i]! * p * q;
    for (let k = starts[i]!; k < starts[i + 1]!; k++) {
      const column = columns[k]!;
      gradient[column]! += slope * values[k]!;
      const scaled = curve * values[k]!;
      for (let m = starts[i]!; m < starts[i + 1]!; m++) hessian[column]![columns[m]!]! += scaled * values[m]!;
    }
  }
  return { gradient, hessian };
}
