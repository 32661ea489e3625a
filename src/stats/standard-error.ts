import { requireFinite } from './finite.ts';

/** A mean and how far it may be from what many more values would give. */
export interface MeanWithError {
  readonly mean: number;
  /** null for one value, of which nothing can be said. */
  readonly standardError: number | null;
}

/**
 * x̄ and s / √n with s² = Σ (x_i − x̄)² / (n − 1)
 *
 * n = 0 throws; n = 1 has no error (null). *Reference:* pandas' `Series.sem` is the same.
 */
export function meanWithError(values: ArrayLike<number>): MeanWithError {
  const n = values.length;
  if (n === 0) throw new RangeError('meanWithError: need at least one value, got none');
  requireFinite(values, 'meanWithError');
  // From the first value on, so that equal values have exactly their mean and no error.
  const first = values[0] as number;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (values[i] as number) - first;
  const mean = first + sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += ((values[i] as number) - mean) ** 2;
  return { mean, standardError: n === 1 ? null : Math.sqrt(squares / (n - 1) / n) };
}
