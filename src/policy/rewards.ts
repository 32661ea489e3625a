import { packRows } from '../text/rows.ts';
import { gatherHidden, lastHidden } from './forward.ts';
import type { Policy } from './policy.ts';

/**
 * Rewards of texts under a reward model, all in one pass: w · norm(h) of each text's last token. Of 0 texts none.
 *
 * @param texts without padding behind (see `withoutPadding`); each at least one token.
 */
export async function textRewards(policy: Policy, texts: readonly Int32Array[]): Promise<Float64Array> {
  if (texts.length === 0) return new Float64Array();
  const batch = packRows(texts.map((prompt) => ({ prompt, completions: [] })));
  const hidden = await lastHidden(policy, batch);
  const last = Int32Array.from(texts, (text, row) => row * batch.length + text.length - 1);
  const head = await policy.programs.rewards();
  const feeds = { hidden: gatherHidden(policy, hidden, last), ...policy.outerFeeds };
  return Float64Array.from((await head.run(feeds, policy.arena.allocate)).rewards?.data as Float32Array);
}

/**
 * A text up to its last token that is not padding, which is the one that transformers takes the reward of, whatever the
 * attention mask says: a text that ends with its end-of-text token loses it where this is the padding token too, as it
 * did in the model's training. A decoder sees nothing behind a token, so what is cut off changes no number.
 *
 * *Reference:* huggingface/transformers `modeling_layers.py`, GenericForSequenceClassification (since pull request
 * 35911; before, it was the token in front of the first padding token).
 */
export function withoutPadding(ids: ArrayLike<number>, padTokenId: number | null): Int32Array {
  let end = ids.length;
  if (padTokenId !== null) while (end > 0 && ids[end - 1] === padTokenId) end--;
  return Int32Array.from({ length: end }, (_, i) => ids[i] as number);
}
