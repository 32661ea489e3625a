import { inputError } from '../base/errors.ts';

export interface BatchLimits {
  /** Most tokens of a padded batch: rows × longest row. A single row that is longer makes a batch of its own. */
  readonly tokenBudget: number;
  /** Most rows of a batch. */
  readonly maxRows: number;
}

/**
 * Batches of row indices for a scoring pass: rows sorted by length (equal lengths in their order), cut so that
 * `rows × longest ≤ tokenBudget` and `rows ≤ maxRows`. Every index is in exactly one batch. Little is padded,
 * because neighbours in a batch are about equally long; the order of results is the caller's to restore.
 */
export function lengthBatches(lengths: readonly number[], { tokenBudget, maxRows }: BatchLimits): number[][] {
  for (const [name, value] of Object.entries({ tokenBudget, maxRows })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw inputError('bad-batch', `${name} must be a whole number of at least 1`, { got: value });
  }
  const order = lengths.map((_, i) => i).sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0));
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const index of order) {
    // Lengths ascend, so the row that joins is the longest of the batch.
    const padded = (batch.length + 1) * (lengths[index] ?? 0);
    if (batch.length > 0 && (batch.length === maxRows || padded > tokenBudget)) {
      batches.push(batch);
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
