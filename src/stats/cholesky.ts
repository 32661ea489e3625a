/** A pivot below this share of its diagonal element is rounding: the matrix is singular. */
const LEAST_PIVOT = 1e-12;

/**
 * x of A x = b for a symmetric positive definite A, by A = L Lᵀ, L y = b, Lᵀ x = y
 *
 * `a` holds A row by row; only its lower triangle is read, and nothing is overwritten.
 * *Reference:* Golub and Van Loan 2013, Matrix Computations, 4.2.
 * null where A is singular to working precision or not positive definite; n = 0 gives no numbers.
 */
export function solvePositive(a: Float64Array, b: Float64Array): Float64Array | null {
  const n = b.length;
  if (a.length !== n * n) throw new RangeError(`solvePositive: ${a.length} elements for ${n} unknowns`);
  const l = new Float64Array(n * n);
  const x = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = a[i * n + j]!;
      for (let k = 0; k < j; k++) rest -= l[i * n + k]! * l[j * n + k]!;
      if (j < i) l[i * n + j] = rest / l[j * n + j]!;
      else if (rest > LEAST_PIVOT * a[i * n + i]!) l[i * n + i] = Math.sqrt(rest);
      else return null;
    }
    let rest = b[i]!;
    for (let k = 0; k < i; k++) rest -= l[i * n + k]! * x[k]!;
    x[i] = rest / l[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let rest = x[i]!;
    for (let k = i + 1; k < n; k++) rest -= l[k * n + i]! * x[k]!;
    x[i] = rest / l[i * n + i]!;
  }
  return x;
}
