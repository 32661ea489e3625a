import { packRows, type RowBatch, rowLength, rowSegments, type SharedPromptRow } from '../text/rows.ts';
import type { Policy } from './policy.ts';

/**
 * Multiplications of a token's linear layers, in units of the width D, against one score of attention in the same
 * unit: 24·D² and 4·D by count, and scores run at about two fifths of a product's speed (measured at D = 384 and 896).
 */
const SCORES_PER_TOKEN = 2.4;

/**
 * Packs rows into one batch, in segments where that is less work: scores between completions fall away, but rows
 * of unlike prompts are padded more.
 */
export function packPass(policy: Policy, rows: readonly SharedPromptRow[]): RowBatch {
  const segments = rowSegments(rows);
  if (segments === null) return packRows(rows);
  const work = (tokens: number, scores: number) =>
    SCORES_PER_TOKEN * policy.config.hiddenSize * tokens + scores;
  const longest = Math.max(...rows.map(rowLength));
  const first = segments[0] as number;
  const tokens = segments.reduce((sum, n) => sum + n, 0);
  const scores = segments.reduce((sum, n, i) => sum + n * (i === 0 ? n : first + n), 0);
  return work(tokens, scores) < work(longest, longest ** 2) ? packRows(rows, segments) : packRows(rows);
}
