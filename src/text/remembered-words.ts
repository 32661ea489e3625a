import type { Tokenizer } from '@huggingface/tokenizers';

/** Words that are remembered; a text in one language has some ten thousand that come again. */
const MOST_WORDS = 100_000;
/** Longer ones hardly come again. */
const LONGEST_WORD = 64;

/**
 * Makes a tokenizer remember what became of a word, so that texts are encoded about as fast as they can be cut into
 * words; the tokens are equal, because models encode word by word. @huggingface/tokenizers writes every word anew in
 * GPT-2's byte alphabet, and its own memory of merges is small and rearranged with every look into it.
 */
export function rememberWords(tokenizer: Tokenizer): void {
  for (const step of steps(tokenizer.pre_tokenizer)) if (isByteLevel(step)) rememberBytes(step);
  const { model } = tokenizer;
  if (model === null) return;
  const encode = model.encode.bind(model);
  const tokensOf = remembering((word) => encode([word]));
  model.encode = (words: string[]): string[] => {
    const tokens: string[] = [];
    for (const word of words) for (const token of tokensOf(word)) tokens.push(token);
    return tokens;
  };
}

/** `work`, done once a word. What is known is forgotten when it is too much: cheaper than to know what was used last. */
function remembering<T>(work: (word: string) => T): (word: string) => T {
  const known = new Map<string, T>();
  return (word) => {
    const before = known.get(word);
    if (before !== undefined) return before;
    const result = work(word);
    if (word.length > LONGEST_WORD) return result;
    if (known.size >= MOST_WORDS) known.clear();
    known.set(word, result);
    return result;
  };
}

/** The library's ByteLevel pre-tokenizer, as far as it is used here. */
interface ByteLevel {
  use_regex: boolean;
  readonly add_prefix_space: boolean;
  readonly pattern: RegExp;
  pre_tokenize_text(text: string, options?: unknown): string[];
  pre_tokenize(text: string | string[], options?: unknown): string[];
}

/** The pre-tokenizers that a text goes through. */
function steps(step: unknown): unknown[] {
  const inner = (step as { tokenizers?: unknown } | null)?.tokenizers;
  return Array.isArray(inner) ? inner.flatMap(steps) : [step];
}

function isByteLevel(step: unknown): step is ByteLevel {
  return (step as { config?: { type?: unknown } } | null)?.config?.type === 'ByteLevel';
}

function rememberBytes(step: ByteLevel): void {
  const { use_regex, add_prefix_space, pattern } = step;
  // The library's own way from one word to its letters; cutting and the space in front are done before it.
  const write = step.pre_tokenize_text.bind({ ...step, use_regex: false, add_prefix_space: false });
  const lettersOf = remembering((word) => write(word)[0] as string);
  const lettersOfAll = (text: string): string[] => {
    const spaced = add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text;
    return use_regex ? (spaced.match(pattern) ?? []).map(lettersOf) : [lettersOf(spaced)];
  };
  step.pre_tokenize_text = lettersOfAll;
  // The library flattens even what is flat, word by word.
  step.pre_tokenize = (text) => (typeof text === 'string' ? lettersOfAll(text) : text.flatMap(lettersOfAll));
}
