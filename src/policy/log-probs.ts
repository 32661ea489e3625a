import type { RowBatch } from '../text/rows.ts';
import { gatherPredicting, headChunks, lastHidden, targetFeed } from './forward.ts';
import type { Policy } from './policy.ts';

/** Log-probabilities of one completion given its prompt, in nats, summed in float64. */
export interface CompletionLogProb {
  /** Σ_t log π(y_t | x, y_<t) over all tokens of the completion. */
  readonly sum: number;
  /** The same over its tokens 0, 2, 4, …: one half of the evidence, for reliability. */
  readonly evenSum: number;
  readonly tokens: number;
  /** [tokens] log π(y_t | x, y_<t): a view into those of the whole batch. */
  readonly byToken: Float64Array;
}

/** log π(y | x) of every completion in the batch, in order. */
export async function completionLogProbs(policy: Policy, batch: RowBatch): Promise<CompletionLogProb[]> {
  const { arena, programs } = policy;
  const hidden = await lastHidden(policy, batch);
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

/** Sums token log-probabilities by completion; the predictions of one completion follow each other. */
export function perCompletion(batch: RowBatch, tokens: Float64Array): CompletionLogProb[] {
  const { completion } = batch.predictions;
  let from = 0;
  return Array.from({ length: batch.completions }, (_, c) => {
    let to = from;
    let [sum, evenSum] = [0, 0];
    for (; completion[to] === c; to++) {
      sum += tokens[to] as number;
      if ((to - from) % 2 === 0) evenSum += tokens[to] as number;
    }
    const byToken = tokens.subarray(from, to);
    from = to;
    return { sum, evenSum, tokens: byToken.length, byToken };
  });
}
