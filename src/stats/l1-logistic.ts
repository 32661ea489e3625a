import { machineError } from '../base/errors.ts';
import { requireFinite, requireSameLength } from './finite.ts';
import { logistic, softplus } from './logistic.ts';

/** Rows of a logistic regression by columns. */
export interface LogisticRows {
  /** x_j, one array a column. A constant column of ones is an intercept, penalised like any other. */
  readonly columns: readonly Float64Array[];
  /** p_i in [0, 1]: the label, or how far the row speaks for label 1. */
  readonly shares: Float64Array;
  /** v_i ≥ 0. */
  readonly weights: Float64Array;
}

export interface L1LogisticOptions {
  /** Where to start; the result does not depend on it. Default: zeros. */
  readonly start?: readonly number[];
  /** Newton steps. Default 200; a well-behaved fit takes about ten. */
  readonly maxIterations?: number;
}

export interface L1LogisticFit {
  readonly coefficients: readonly number[];
  readonly iterations: number;
}

/** Largest distance of a subgradient from 0, as a share of C Σ_i v_i |x_ij| + 1, at which a fit is the optimum. */
const TOLERANCE = 1e-12;
/** What is accepted where rounding allows no better: columns of very different sizes. */
const WORST_TOLERANCE = 1e-9;
/** Inner sweeps over the coefficients for one Newton step. */
const SWEEPS = 2000;

/**
 * min_w  Σ_j |w_j| + C Σ_i v_i [ log(1 + e^{z_i}) − p_i z_i ],   z_i = Σ_j w_j x_ij
 *
 * Logistic regression with an L1 penalty on every coefficient; the objective of liblinear's solver 6 (Fan, Chang,
 * Hsieh, Wang and Lin 2008, JMLR 9; as scikit-learn calls it with `penalty="l1"`, `solver="liblinear"` and
 * `fit_intercept=False`). A share p is the same as one row of label 1 with weight v p and one of label 0 with
 * weight v (1 − p).
 * Solved by proximal Newton steps (Yuan, Ho and Lin 2012, JMLR 13, 1999–2030): the quadratic model plus |w| by
 * coordinate descent, then a line search. The result meets the optimality conditions to 10⁻¹² (to 10⁻⁹ where columns
 * of very different sizes leave no more); liblinear stops at 10⁻⁴ of the first gradient unless told otherwise.
 *
 * The penalty keeps the optimum finite on separable rows too. n = 0, or weights of 0 alone, gives zeros. Columns that
 * determine one another leave the optimum's place open, not its value; one of the optima is given.
 * @throws machineError `fit-not-converged`.
 */
export function fitL1Logistic(
  rows: LogisticRows,
  strength: number,
  options: L1LogisticOptions = {},
): L1LogisticFit {
  checkRows(rows, strength);
  const { columns } = rows;
  const { start = columns.map(() => 0), maxIterations = 200 } = options;
  const scales = columns.map(
    (x) => 1 + strength * x.reduce((sum, value, i) => sum + (rows.weights[i] as number) * Math.abs(value), 0),
  );
  let w = [...start];
  let value = objective(rows, strength, w);
  let worst = Number.POSITIVE_INFINITY;
  let iterations = 0;
  for (; iterations <= maxIterations; iterations++) {
    const { gradient, hessian } = derivatives(rows, strength, w);
    worst = Math.max(
      0,
      ...gradient.map((g, j) => subgradientDistance(g, w[j] as number) / (scales[j] as number)),
    );
    if (worst <= TOLERANCE) break;
    const step = newtonStep(w, gradient, hessian);
    const next = lineSearch(rows, strength, w, value, gradient, step);
    if (next === null) break;
    ({ w, value } = next);
  }
  if (worst <= WORST_TOLERANCE) return { coefficients: w, iterations };
  throw machineError('fit-not-converged', 'the L1 logistic regression did not reach its optimum', {
    need: `optimality conditions to ${WORST_TOLERANCE}`,
    got: worst,
    strength,
    rows: rows.shares.length,
    remedy: 'A column of very large values can do this: rescale it',
  });
}

/** Distance from 0 of the set of subgradients: g + sign(w), or [g − 1, g + 1] at w = 0. */
function subgradientDistance(gradient: number, w: number): number {
  return w === 0 ? Math.max(0, Math.abs(gradient) - 1) : Math.abs(gradient + Math.sign(w));
}

function checkRows({ columns, shares, weights }: LogisticRows, strength: number): void {
  for (const column of columns) {
    requireSameLength(column, shares, 'fitL1Logistic');
    requireFinite(column, 'fitL1Logistic');
  }
  requireSameLength(weights, shares, 'fitL1Logistic');
  if (shares.some((p) => !(p >= 0 && p <= 1)))
    throw new RangeError('fitL1Logistic: need shares between 0 and 1');
  if (weights.some((v) => !(v >= 0 && v < Number.POSITIVE_INFINITY)))
    throw new RangeError('fitL1Logistic: need finite weights of at least 0');
  if (!(strength > 0 && strength < Number.POSITIVE_INFINITY))
    throw new RangeError(`fitL1Logistic: need a finite C above 0, got ${strength}`);
}

/** z_i = Σ_j w_j x_ij */
export function linearPredictor(columns: readonly Float64Array[], w: readonly number[]): Float64Array {
  const z = new Float64Array(columns[0]?.length ?? 0);
  for (const [j, column] of columns.entries()) {
    const weight = w[j] as number;
    for (let i = 0; i < z.length; i++) z[i]! += weight * column[i]!;
  }
  return z;
}

/** log(1 + e^z) − p z as p log(1 + e^−z) + (1 − p) log(1 + e^z): what is small stays exact. */
function objective({ columns, shares, weights }: LogisticRows, strength: number, w: readonly number[]) {
  const z = linearPredictor(columns, w);
  let loss = 0;
  for (let i = 0; i < z.length; i++)
    loss += weights[i]! * (shares[i]! * softplus(-z[i]!) + (1 - shares[i]!) * softplus(z[i]!));
  return strength * loss + l1(w);
}

/** g_j = C Σ_i v_i (σ_i − p_i) x_ij;  H_jk = C Σ_i v_i σ_i (1 − σ_i) x_ij x_ik */
function derivatives({ columns, shares, weights }: LogisticRows, strength: number, w: readonly number[]) {
  const z = linearPredictor(columns, w);
  const slope = new Float64Array(z.length);
  const curvature = new Float64Array(z.length);
  for (let i = 0; i < z.length; i++) {
    const [one, zero] = [logistic(z[i]!), logistic(-z[i]!)];
    slope[i] = strength * weights[i]! * ((1 - shares[i]!) * one - shares[i]! * zero);
    curvature[i] = strength * weights[i]! * one * zero;
  }
  return {
    gradient: columns.map((x) => dot(x, slope)),
    hessian: columns.map((x) => {
      const bent = x.map((value, i) => value * curvature[i]!);
      return columns.map((y) => dot(bent, y));
    }),
  };
}

/** d that minimises g·d + ½ d·Hd + ‖w + d‖₁, by coordinate descent. */
function newtonStep(
  w: readonly number[],
  gradient: readonly number[],
  hessian: readonly (readonly number[])[],
): number[] {
  const d = w.map(() => 0);
  // Where every row is sure already the curvature underflows; a trace of it keeps the step finite.
  const least = 1e-12 * Math.max(1, ...hessian.map((row, j) => row[j] as number));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let moved = 0;
    for (const [j, row] of hessian.entries()) {
      const bend = (row[j] as number) + least;
      const slope =
        (gradient[j] as number) + row.reduce((sum, h, k) => sum + h * (d[k] as number), 0) + least * d[j]!;
      const at = (w[j] as number) + d[j]!;
      const free = at - slope / bend;
      const next = Math.sign(free) * Math.max(Math.abs(free) - 1 / bend, 0);
      moved = Math.max(moved, Math.abs(next - at));
      d[j] = next - (w[j] as number);
    }
    if (moved <= 1e-15 * (1 + Math.max(...w.map(Math.abs)))) break;
  }
  return d;
}

/** Halves the step until the objective falls enough (Armijo); null where no part of it helps. */
function lineSearch(
  rows: LogisticRows,
  strength: number,
  w: readonly number[],
  value: number,
  gradient: readonly number[],
  step: readonly number[],
): { readonly w: number[]; readonly value: number } | null {
  const expected =
    gradient.reduce((sum, g, j) => sum + g * (step[j] as number), 0) +
    l1(w.map((x, j) => x + (step[j] as number))) -
    l1(w);
  // Next to the optimum the fall is smaller than the rounding of the objective.
  const rounding = 1e-13 * (1 + Math.abs(value));
  for (let share = 1; share > 1e-18; share /= 2) {
    // At share 1 a coefficient that goes to 0 arrives there exactly: x + (−x).
    const next = w.map((x, j) => x + share * (step[j] as number));
    const there = objective(rows, strength, next);
    if (there <= value + 1e-4 * share * expected + rounding) return { w: next, value: there };
  }
  return null;
}

function l1(w: readonly number[]): number {
  return w.reduce((sum, x) => sum + Math.abs(x), 0);
}

/** A plain loop: this is where the time goes. */
function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
