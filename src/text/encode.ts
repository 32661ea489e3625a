import type { RenderedPair } from './render.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Token ids of a pair; both completions follow the same prompt ids. */
export interface EncodedPair {
  readonly prompt: number[];
  readonly chosen: number[];
  readonly rejected: number[];
  /** Completions (0 to 2) whose first characters the tokenizer would have merged with the prompt's last. */
  readonly boundaryMerges: number;
}

/** The prompt's ids with exactly one BOS: a template that writes it itself gets no second one. */
export function encodePrompt(prompt: string, tokenizer: TextTokenizer): number[] {
  const ids = tokenizer.encode(prompt, { special: false });
  return startsWith(ids, tokenizer.leadingIds) ? ids : [...tokenizer.leadingIds, ...ids];
}

/** Number of leading tokens (BOS) that stay when the start of the prompt is cut. */
export function frontTokens(prompt: readonly number[], tokenizer: TextTokenizer): number {
  if (tokenizer.leadingIds.length > 0) return tokenizer.leadingIds.length;
  return tokenizer.bosId !== null && prompt[0] === tokenizer.bosId ? 1 : 0;
}

/**
 * The boundary rule: completion ids are what the ids of `prompt + completion` have after the ids of `prompt`,
 * so that the model sees what it would see in one text. Where a token of the whole spans the boundary, the
 * completion is encoded apart, which is counted. Each completion ends with exactly one end token: the one that
 * the template wrote, or EOS.
 */
export function encodePair(rendered: RenderedPair, tokenizer: TextTokenizer): EncodedPair {
  const prompt = encodePrompt(rendered.prompt, tokenizer);
  const ends = new Set(tokenizer.endTokens.values());
  let boundaryMerges = 0;
  const completion = (text: string): number[] => {
    const whole = encodePrompt(rendered.prompt + text, tokenizer);
    const merged = !startsWith(whole, prompt);
    if (merged) boundaryMerges++;
    const ids = merged ? encodeApart(text, tokenizer) : whole.slice(prompt.length);
    const last = ids.at(-1);
    return last !== undefined && ends.has(last) ? ids : [...ids, tokenizer.eosId];
  };
  const chosen = completion(rendered.chosen);
  const rejected = completion(rendered.rejected);
  return { prompt, chosen, rejected, boundaryMerges };
}

/**
 * Ids of a text that continues another one. SentencePiece-like tokenizers put a space in front of every text
 * they are given; encoding behind a line break, which is then taken off, keeps that space out.
 */
function encodeApart(text: string, tokenizer: TextTokenizer): number[] {
  const marker = tokenizer.encode('\n', { special: false });
  const whole = tokenizer.encode(`\n${text}`, { special: false });
  return startsWith(whole, marker) ? whole.slice(marker.length) : tokenizer.encode(text, { special: false });
}

function startsWith(ids: readonly number[], start: readonly number[]): boolean {
  return start.length <= ids.length && start.every((id, i) => ids[i] === id);
}
