import type { Tokenizer } from '@huggingface/tokenizers';

/** The library caches the merges of words up to this many characters. */
const CACHED_LENGTH = 256;

/**
 * Makes byte-pair encoding of long texts fast, with the same result. Tokenizers without a splitting
 * pre-tokenizer (Llama 2, Mistral, Gemma) give @huggingface/tokenizers the whole text as one word, which it
 * merges uncached (about 0.5 million characters a second). Two neighbouring characters that stand side by side
 * in no merged token can never be joined, so the word is cut between them first; what is left are mostly words,
 * which come from the cache. Merges in one piece do not depend on those in another, so the tokens are equal.
 */
export function cutLongWords(tokenizer: Tokenizer, model: unknown): void {
  const merges = mergesOf(model);
  const { model: encoder } = tokenizer;
  if (merges === null || encoder === null) return;
  const encode = encoder.encode.bind(encoder);
  let joined: ReadonlySet<string> | undefined;
  encoder.encode = (words: string[]): string[] => {
    if (words.every((word) => word.length < CACHED_LENGTH)) return encode(words);
    joined ??= neighbours(merges);
    const pairs = joined;
    return encode(words.flatMap((word) => (word.length < CACHED_LENGTH ? word : cut(word, pairs))));
  };
}

/** Merges as the characters of their results; null where cutting could change the result. */
function mergesOf(model: unknown): string[] | null {
  if (model === null || typeof model !== 'object') return null;
  const { type, merges, ignore_merges, end_of_word_suffix, continuing_subword_prefix } = model as Record<
    string,
    unknown
  >;
  // Suffixes mark word ends, and ignore_merges looks the whole word up: both need the word whole.
  if (
    type !== 'BPE' ||
    !Array.isArray(merges) ||
    ignore_merges ||
    end_of_word_suffix ||
    continuing_subword_prefix
  ) {
    return null;
  }
  return merges.map((merge: unknown) =>
    Array.isArray(merge) ? merge.join('') : String(merge).split(' ', 2).join(''),
  );
}

/** Every two characters that stand side by side in a merged token. */
function neighbours(merged: readonly string[]): Set<string> {
  const pairs = new Set<string>();
  for (const token of merged) {
    let previous = '';
    for (const character of token) {
      if (previous !== '') pairs.add(previous + character);
      previous = character;
    }
  }
  return pairs;
}

function cut(word: string, joined: ReadonlySet<string>): string[] {
  const pieces: string[] = [];
  let start = 0;
  let at = 0;
  let previous = '';
  for (const character of word) {
    if (previous !== '' && !joined.has(previous + character)) {
      pieces.push(word.slice(start, at));
      start = at;
    }
    previous = character;
    at += character.length;
  }
  pieces.push(word.slice(start));
  return pieces;
}
