import type { DecoderConfig } from '../model/architecture.ts';
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
  const { segments, apart } = passSegments(policy.config, rows);
  return packRows(rows, segments, apart);
}

/** The segments of the batch that `packPass` makes of these rows. */
export function passSegments(
  { hiddenSize }: Pick<DecoderConfig, 'hiddenSize'>,
  rows: readonly SharedPromptRow[],
): { readonly segments: readonly number[]; readonly apart: boolean } {
  const apart = rowSegments(rows);
  if (apart === null) return { segments: wholeRows(rows), apart: false };
  const whole = wholeRows(rows, apart.length);
  const work = (segments: readonly number[]) => {
    const tokens = segments.reduce((sum, n) => sum + n, 0);
    return SCORES_PER_TOKEN * hiddenSize * tokens + segmentScores(segments);
  };
  return work(apart) < work(whole) ? { segments: apart, apart: true } : { segments: whole, apart: false };
}

/** Scores that one head of one layer computes for a row in these segments, seen or not. */
export function segmentScores(segments: readonly number[]): number {
  const first = segments[0] as number;
  return segments.reduce((sum, n, i) => sum + n * (i === 0 ? n : first + n), 0);
}
