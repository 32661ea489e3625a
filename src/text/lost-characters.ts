import type { Tokenizer } from '@huggingface/tokenizers';
import { inputError, type WinnowError } from '../base/errors.ts';

/**
 * Makes a BPE vocabulary that can express neither a character nor "unknown" an error. The library (like the
 * Rust one) leaves such characters out, and the pair would silently be another one.
 */
export function refuseLostCharacters(tokenizer: Tokenizer, model: unknown, file: string): void {
  if (model === null || typeof model !== 'object' || tokenizer.model === null) return;
  const { type, unk_token, byte_fallback, end_of_word_suffix } = model as Record<string, unknown>;
  if (type !== 'BPE' || unk_token || byte_fallback || end_of_word_suffix) return;
  const encoder = tokenizer.model;
  const encode = encoder.encode.bind(encoder);
  encoder.encode = (words: string[]): string[] => {
    const tokens = encode(words);
    // Merging only joins characters: all of them must still be there.
    if (characters(tokens) < characters(words)) throw noToken(file, words.join(''));
    return tokens;
  };
}

export function noToken(file: string, text: string): WinnowError {
  return inputError('no-token', 'the text has a character that the vocabulary cannot express', {
    file,
    got: text,
    remedy: 'Use the tokenizer that the model was trained with, or remove the character.',
  });
}

function characters(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}
