/**
 * Φ(x) = ½ + φ(x) · (x + x³/3 + x⁵/(3·5) + x⁷/(3·5·7) + …),  φ(x) = e^(−x²/2) / √(2π)
 *
 * The standard normal distribution function: the series for |x| ≤ 3, else the continued fraction of the tail
 * φ(x) / (x + 1/(x + 2/(x + 3/(x + …)))). *Reference:* Abramowitz and Stegun 1964, 26.2.11 and 26.2.14.
 * The tail keeps its relative precision, so that small p-values do. NaN throws.
 */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) throw new RangeError('normalCdf: need a number, got NaN');
  if (x > 0) return 1 - normalCdf(-x);
  if (x < -40) return 0;
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x < -3) {
    let fraction = -x;
    for (let k = 100; k >= 1; k--) fraction = -x + k / fraction;
    return density / fraction;
  }
  let term = x;
  let sum = x;
  for (let k = 3; sum + term !== sum; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + density * sum;
}

/** The x with Φ(x) = p, 0 < p < 1, by bisection of {@link normalCdf}. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`normalQuantile: need 0 < p < 1, got ${p}`);
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p === 0.5) return 0;
  let [low, high] = [-40, 0];
  while (high - low > 1e-14 * -low) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
