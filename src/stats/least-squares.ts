import { requireFinite } from './finite.ts';

/** ŷ = intercept + Σ_j slopes_j · x_j */
export interface LinearFit {
  readonly intercept: number;
  readonly slopes: readonly number[];
}

/**
 * Least squares with a small penalty:  min_b Σ_i (y_i − b₀ − Σ_j b_j z_ij)² + λ Σ_j b_j²,  z = (x − x̄) / s
 *
 * The penalty (ridge) acts on standardised columns and never on the intercept; it keeps nearly equal columns from
 * taking large slopes of opposite sign. λ = 0 is ordinary least squares.
 * *Reference:* Hoerl and Kennard 1970, Technometrics 12(1).
 * A constant column gets slope 0. Throws with fewer rows than columns and λ = 0, where columns determine one another.
 */
export function leastSquares(
  rows: readonly (readonly number[])[],
  y: readonly number[],
  lambda = 0,
): LinearFit {
  const width = rows[0]?.length ?? 0;
  const n = rows.length;
  if (n === 0 || n !== y.length) throw new RangeError(`leastSquares: ${n} rows and ${y.length} values`);
  for (const row of rows) requireFinite(row, 'leastSquares');
  requireFinite(y, 'leastSquares');
  const columns = Array.from({ length: width }, (_, j) => rows.map((row) => row[j] as number));
  const centres = columns.map(mean);
  const scales = columns.map((column, j) =>
    Math.sqrt(mean(column.map((x) => (x - (centres[j] as number)) ** 2))),
  );
  const z = columns.map((column, j) =>
    column.map((x) => (scales[j] === 0 ? 0 : (x - (centres[j] as number)) / (scales[j] as number))),
  );
  const centre = mean(y);
  const system = z.map((a, i) => [
    ...z.map((b, j) => dot(a, b) + (i === j ? lambda + (scales[i] === 0 ? 1 : 0) : 0)),
    dot(
      a,
      y.map((value) => value - centre),
    ),
  ]);
  const solved = solve(system);
  const slopes = solved.map((slope, j) => (scales[j] === 0 ? 0 : slope / (scales[j] as number)));
  return {
    intercept: centre - slopes.reduce((sum, slope, j) => sum + slope * (centres[j] as number), 0),
    slopes,
  };
}

/** ŷ of a row. */
export function predict({ intercept, slopes }: LinearFit, row: readonly number[]): number {
  return slopes.reduce((sum, slope, j) => sum + slope * (row[j] as number), intercept);
}

/** Gauss elimination with pivoting of [A | b]. */
function solve(system: readonly (readonly number[])[]): number[] {
  const a = system.map((row) => [...row]);
  const n = a.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(at(a, i, k)) > Math.abs(at(a, pivot, k))) pivot = i;
    if (Math.abs(at(a, pivot, k)) < 1e-10)
      throw new RangeError('leastSquares: the columns determine one another; give a penalty');
    [a[k], a[pivot]] = [a[pivot] as number[], a[k] as number[]];
    for (let i = k + 1; i < n; i++) {
      const factor = at(a, i, k) / at(a, k, k);
      for (let j = k; j <= n; j++) (a[i] as number[])[j] = at(a, i, j) - factor * at(a, k, j);
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    let rest = at(a, k, n);
    for (let j = k + 1; j < n; j++) rest -= at(a, k, j) * (x[j] as number);
    x[k] = rest / at(a, k, k);
  }
  return x;
}

function at(a: readonly (readonly number[])[], i: number, j: number): number {
  return (a[i] as readonly number[])[j] as number;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
