import { packRows, type RowBatch, rowSegments, type SharedPromptRow, wholeRows } from '../text/rows.ts';
import type { Policy } from './policy.ts';

/**
 * Multiplications of a token's linear layers, in units of the width D, against one score of attention in the same
 * unit: 24·D² and 4·D by count, and scores run at about two fifths of a product's speed (measured at D = 384 and 896).
 */
const SCORES_PER_TOKEN = 2.4;

/**
 * Packs rows into one batch, the completions apart where that is less work: scores between them fall away, but rows
 * of unlike prompts are padded more. Either way as many segments, so that one session serves both.
 */
export function packPass(policy: Policy, rows: readonly SharedPromptRow[]): RowBatch {
  const apart = rowSegments(rows);
  if (apart === null) return packRows(rows);
  const whole = wholeRows(rows, apart.length);
  const work = (segments: readonly number[]) => {
    const first = segments[0] as number;
    const tokens = segments.reduce((sum, n) => sum + n, 0);
    const scores = segments.reduce((sum, n, i) => sum + n * (i === 0 ? n : first + n), 0);
    return SCORES_PER_TOKEN * policy.config.hiddenSize * tokens + scores;
  };
  return work(apart) < work(whole) ? packRows(rows, apart, true) : packRows(rows, whole);
}
