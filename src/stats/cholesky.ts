/** A pivot below this share of its diagonal element is taken for 0. */
const SINGULAR = 1e-12;

/**
 * x of A x = b for a symmetric positive definite A, by A = L Lᵀ.
 *
 * null where A is singular, or not positive definite, to rounding. *Reference:* Golub and Van Loan 2013, Matrix
 * Computations, 4.2. n = 0 gives no values.
 */
export function solvePositiveDefinite(
  a: readonly (readonly number[])[],
  b: readonly number[],
): number[] | null {
  const n = b.length;
  const l = a.map((row) => [...row]);
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let rest = a[i]![j]!;
      for (let k = 0; k < j; k++) rest -= l[i]![k]! * l[j]![k]!;
      if (i > j) l[i]![j] = rest / l[j]![j]!;
      else if (rest > SINGULAR * a[j]![j]!) l[j]![j] = Math.sqrt(rest);
      else return null;
    }
  }
  const x = [...b];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= l[i]![k]! * x[k]!;
    x[i]! /= l[i]![i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= l[k]![i]! * x[k]!;
    x[i]! /= l[i]![i]!;
  }
  return x;
}
