import type { Policy } from '../policy/policy.ts';
import type { Programs } from '../policy/programs.ts';
import { lengthBatches } from '../text/batches.ts';
import { rowLength, type SharedPromptRow } from '../text/rows.ts';

/**
 * Bounds of one pass. Constants: what a step adds up in which order must not depend on the machine.
 *
 * Scoring keeps nothing for a backward pass, yet larger passes do not pay. Tokens a processor second, pairs as long as
 * hh-rlhf's (`npm run bench -- batches`, 15.7 M parameters, one thread of a shared machine):
 *
 *   tokens a pass | scores 0.4e6   1.5e6   6e6    any
 *             512 |         4961    5025   5075   5063
 *            2048 |         5049    4820   3872   3971
 *            8192 |         4889    4880   4327   1639
 */
export interface PassLimits {
  /** Tokens, padding included: enough to fill matrix products. */
  readonly tokens: number;
  /**
   * Attention scores of one layer: more do not stay in the processor's caches, and the passes over them become as
   * slow as memory (measured: passes of 4,096 tokens take twice the time of 512 at 350 tokens a row).
   */
  readonly scores: number;
  /** Activations that the backward pass needs, of all layers. */
  readonly bytes: number;
}

export const PASS_LIMITS: PassLimits = { tokens: 2048, scores: 1.5e6, bytes: 1.5e9 };

/**
 * Cuts rows into passes of similar lengths within the limits, as far as single rows are. Gives indices into `rows`;
 * every index once.
 */
export function microBatches(
  { config, programs }: Pick<Policy, 'config'> & { readonly programs: Pick<Programs, 'savedBytes'> },
  rows: readonly SharedPromptRow[],
  forGradient: boolean,
  limits: PassLimits = PASS_LIMITS,
): number[][] {
  const lengths = rows.map(rowLength);
  const batches = lengthBatches(lengths, { tokenBudget: limits.tokens, maxRows: 256 });
  const layers = forGradient ? config.layers : 1;
  return batches.flatMap((batch) => {
    const longest = Math.max(...batch.map((i) => lengths[i] as number));
    const bytesPerRow = layers * programs.savedBytes({ B: 1, T: longest });
    const scoresPerRow = config.heads * longest ** 2;
    const fit = Math.max(1, Math.floor(Math.min(limits.bytes / bytesPerRow, limits.scores / scoresPerRow)));
    const parts: number[][] = [];
    for (let from = 0; from < batch.length; from += fit) parts.push(batch.slice(from, from + fit));
    return parts;
  });
}
