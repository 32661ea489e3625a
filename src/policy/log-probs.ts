import type { HostTensor } from '../tensor/program.ts';
import type { RowBatch } from '../text/rows.ts';
import { embed, gatherPredicting, headChunks, sharedFeeds, targetFeed } from './forward.ts';
import type { Policy } from './policy.ts';

/** Log-probabilities of one completion given its prompt, in nats, summed in float64. */
export interface CompletionLogProb {
  /** Σ_t log π(y_t | x, y_<t) over all tokens of the completion. */
  readonly sum: number;
  /** The same over its tokens 0, 2, 4, …: one half of the evidence, for reliability. */
  readonly evenSum: number;
  readonly tokens: number;
}

/** log π(y | x) of every completion in the batch, in order. */
export async function completionLogProbs(policy: Policy, batch: RowBatch): Promise<CompletionLogProb[]> {
  const { arena, programs } = policy;
  arena.release();
  const shared = sharedFeeds(policy, batch);
  let hidden = await embed(policy, batch);
  // Two buffers take turns; what a layer leaves behind is given back before the next.
  const buffers = [hidden.data as Float32Array, arena.allocate(hidden.data.length)];
  for (let layer = 0; layer < policy.config.layers; layer++) {
    const program = await programs.score(layer, batch.segments.length);
    const free = buffers[(layer + 1) % 2] as Float32Array;
    hidden = (await program.run({ hidden, ...shared(layer), ...policy.layerFeeds(layer) }, () => free))
      .out as HostTensor;
  }
  const tokens = new Float64Array(batch.predictions.at.length);
  const head = await programs.head('logProbs');
  for (const [from, to] of headChunks(policy, tokens.length)) {
    const mark = arena.mark();
    const feeds = {
      hidden: gatherPredicting(policy, hidden, batch, from, to),
      targets: targetFeed(batch, from, to),
    };
    tokens.set(
      (await head.run({ ...feeds, ...policy.outerFeeds }, arena.allocate)).logProbs?.data as Float32Array,
      from,
    );
    arena.release(mark);
  }
  return perCompletion(batch, tokens);
}

/** Sums token log-probabilities by completion. */
export function perCompletion(batch: RowBatch, tokens: ArrayLike<number>): CompletionLogProb[] {
  const out = Array.from({ length: batch.completions }, () => ({ sum: 0, evenSum: 0, tokens: 0 }));
  for (let n = 0; n < tokens.length; n++) {
    const completion = out[batch.predictions.completion[n] as number] as {
      sum: number;
      evenSum: number;
      tokens: number;
    };
    const logProb = tokens[n] as number;
    completion.sum += logProb;
    if (completion.tokens % 2 === 0) completion.evenSum += logProb;
    completion.tokens++;
  }
  return out;
}
