import type { Policy } from '../policy/policy.ts';
import { lengthBatches } from '../text/batches.ts';
import { rowLength, type SharedPromptRow } from '../text/rows.ts';

/** Tokens of one pass, padding included: enough to fill matrix products. */
const PASS_TOKENS = 2048;
/**
 * Attention scores of one layer of a pass: more do not stay in the processor's caches, and the passes over them
 * become as slow as memory (measured: passes of 4,096 tokens take twice the time of 512 at 350 tokens a row).
 */
const PASS_SCORES = 1.5e6;

/**
 * Cuts rows into passes of similar lengths, within PASS_TOKENS and PASS_SCORES, and so that a pass's activations
 * fit into the policy's memory, as far as single rows do. Gives indices into `rows`; every index once.
 */
export function microBatches(
  policy: Policy,
  rows: readonly SharedPromptRow[],
  forGradient: boolean,
): number[][] {
  const lengths = rows.map(rowLength);
  const batches = lengthBatches(lengths, { tokenBudget: PASS_TOKENS, maxRows: 256 });
  const layers = forGradient ? policy.config.layers : 1;
  return batches.flatMap((batch) => {
    const longest = Math.max(...batch.map((i) => lengths[i] as number));
    const bytesPerRow = layers * policy.programs.savedBytes({ B: 1, T: longest });
    const scoresPerRow = policy.config.heads * longest ** 2;
    const fit = Math.max(
      1,
      Math.floor(Math.min(policy.activationBytes / bytesPerRow, PASS_SCORES / scoresPerRow)),
    );
    const parts: number[][] = [];
    for (let from = 0; from < batch.length; from += fit) parts.push(batch.slice(from, from + fit));
    return parts;
  });
}
