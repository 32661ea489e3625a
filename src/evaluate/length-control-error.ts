import { solvePositiveDefinite } from '../stats/cholesky.ts';
import { linearPredictor } from '../stats/l1-logistic.ts';
import { logistic } from '../stats/logistic.ts';
import type { LengthDesign } from './length-control-design.ts';

/**
 * se² = n / (n − 1) · Σ_i (u_i − ū)²,   u_i = (q_i − LC) / n + ∇ᵀ H⁻¹ x_i (p_i − σ_i),
 * H = Σ v σ (1 − σ) x xᵀ over all fitted rows,   ∇ = (1/n) Σ_x q (1 − q) (0, γ_x, 1)
 *
 * The sampling error of LC = mean q over prompts, by influence functions (delta method with the sandwich variance, which
 * asks nothing of how shares scatter). *Reference:* Huber 1967, 5th Berkeley Symposium 1; for shares as outcomes Papke
 * and Wooldridge 1996, J. Appl. Econometrics 11(6). Anchors count in H as what they are, fixed rows. The penalty is
 * left out of H: an estimate that it holds at 0 is no surer for that.
 * null where H is singular to rounding (no judgment leaves room for doubt), and for n = 1.
 */
export function samplingError(
  design: LengthDesign,
  coefficients: readonly number[],
  predictions: Float64Array,
): number | null {
  const { columns, shares, weights } = design.rows;
  const n = predictions.length;
  const sigma = linearPredictor(columns, coefficients).map(logistic);
  const curvature = sigma.map((s, i) => (weights[i] as number) * s * (1 - s));
  const information = columns.map((x) =>
    columns.map((y) => x.reduce((sum, value, i) => sum + value * y[i]! * curvature[i]!, 0)),
  );
  const direction = solvePositiveDefinite(information, gradient(design, predictions));
  if (direction === null || n < 2) return null;
  const mean = predictions.reduce((sum, q) => sum + q, 0) / n;
  const influence = predictions.map((q) => (q - mean) / n);
  for (const [k, row] of design.fitted.entries()) {
    const i = design.anchors + k;
    const along = direction.reduce((sum, d, j) => sum + d * columns[j]![i]!, 0);
    influence[row]! += along * (shares[i]! - sigma[i]!);
  }
  const centre = influence.reduce((sum, u) => sum + u, 0) / n;
  return Math.sqrt((n / (n - 1)) * influence.reduce((sum, u) => sum + (u - centre) ** 2, 0));
}

/** ∂LC / ∂(φ, ψ, θ), by columns. */
function gradient({ rows, difficultyColumn, difficulties }: LengthDesign, predictions: Float64Array) {
  const slopes = rows.columns.map(() => 0);
  for (const [i, q] of predictions.entries()) {
    const slope = (q * (1 - q)) / predictions.length;
    if (difficulties !== null) slopes[difficultyColumn]! += slope * difficulties[i]!;
    slopes[slopes.length - 1]! += slope;
  }
  return slopes;
}
