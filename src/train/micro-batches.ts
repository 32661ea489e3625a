import type { Policy } from '../policy/policy.ts';
import { lengthBatches } from '../text/batches.ts';
import { rowLength, type SharedPromptRow } from '../text/rows.ts';

/** Tokens of one pass, padding included: enough to fill matrix products, little enough for the caches. */
const PASS_TOKENS = 4096;

/**
 * Cuts rows into passes of similar lengths, at most PASS_TOKENS tokens each, and so that a pass's activations
 * fit into the policy's memory where one row does. Gives indices into `rows`; every index once.
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
    const bytesPerRow = layers * policy.programs.savedBytes({ B: 1, T: longest, R: 0 });
    const fit = Math.max(1, Math.floor(policy.activationBytes / bytesPerRow));
    const parts: number[][] = [];
    for (let from = 0; from < batch.length; from += fit) parts.push(batch.slice(from, from + fit));
    return parts;
  });
}
