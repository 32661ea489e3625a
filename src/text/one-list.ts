import type { Tokenizer } from '@huggingface/tokenizers';

/** The library's way from a text to its tokens, as far as it is used here. */
interface Inside {
  encode_text(text: string | null): string[] | null;
  readonly added_tokens_map: ReadonlyMap<string, { readonly lstrip?: boolean; readonly rstrip?: boolean }>;
  readonly splitter_unnormalized: { split(text: string): string[] };
  readonly splitter_normalized: { split(text: string): string[] };
  readonly remove_space?: boolean;
  readonly do_lowercase_and_remove_accent: boolean;
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer: ((text: string, options: { readonly section_index: number }) => string[]) | null;
  readonly model: ((words: string[]) => string[]) | null;
}

/**
 * Makes a tokenizer gather a text's tokens in one list; the tokens are equal. @huggingface/tokenizers puts lists of
 * lists together for the sections between added tokens, which takes about as long as finding the tokens. What is rarer
 * (added tokens that take white space with them or are found in normalised text) goes the library's way.
 */
export function gatherInOneList(tokenizer: Tokenizer): void {
  const inside = tokenizer as unknown as Inside;
  const library = inside.encode_text.bind(inside);
  inside.encode_text = (text) => (text === null ? null : (gather(inside, text) ?? library(text)));
}

/** The tokens of a text, or null where it is a rarer one. */
function gather(inside: Inside, text: string): string[] | null {
  const { added_tokens_map: added, normalizer, pre_tokenizer: words, model } = inside;
  if (inside.remove_space === true || inside.do_lowercase_and_remove_accent) return null;
  if (words === null || model === null) return null;
  const tokens: string[] = [];
  for (const [i, section] of inside.splitter_unnormalized.split(text).entries()) {
    const token = added.get(section);
    if (token?.lstrip || token?.rstrip) return null;
    if (token !== undefined) {
      tokens.push(section);
      continue;
    }
    const normal = normalizer === null ? section : normalizer(section);
    if (normal === '') continue;
    if (added.has(normal) || inside.splitter_normalized.split(normal).length !== 1) return null;
    for (const found of model(words(normal, { section_index: i }))) tokens.push(found);
  }
  return tokens;
}
