import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatherInOneList } from './one-list.ts';
import { rememberWords } from './remembered-words.ts';
import { tinyFiles } from './tiny.fixture.ts';

const MERGES = [
  ['a', 'b'],
  ['ab', 'c'],
  ['Ġ', 'a'],
  ['b', 'c'],
] as const;

/** A tiny tokenizer with these fields of its file changed. */
function files(fields: Readonly<Record<string, unknown>>) {
  const { tokenizer, config } = tinyFiles({ merges: MERGES });
  return [{ ...tokenizer, ...fields }, config] as const;
}

const ADDED = (tinyFiles({ merges: MERGES }).tokenizer as { added_tokens: readonly object[] }).added_tokens;
const SPLIT = { type: 'Split', pattern: { Regex: ' ?[a-z]+|.' }, behavior: 'Isolated', invert: false };
const BYTES = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };

describe('a tokenizer that remembers words and gathers tokens in one list', () => {
  it.each([
    ['GPT-2', { pre_tokenizer: BYTES }],
    ['a space in front', { pre_tokenizer: { ...BYTES, add_prefix_space: true } }],
    [
      'words cut before bytes',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [SPLIT, { ...BYTES, use_regex: false }] } },
    ],
    ['a normalizer', { pre_tokenizer: BYTES, normalizer: { type: 'NFC' } }],
    [
      'added tokens that take white space with them',
      {
        pre_tokenizer: BYTES,
        added_tokens: ADDED.map((token) => ({ ...token, lstrip: true, rstrip: true })),
      },
    ],
    [
      'added tokens of normalised text',
      {
        pre_tokenizer: BYTES,
        normalizer: { type: 'Lowercase' },
        added_tokens: ADDED.map((token) => ({ ...token, normalized: true })),
      },
    ],
  ])('gives the tokens of the library: %s', (_, fields) => {
    const [json, config] = files(fields);
    const plain = new Tokenizer(json, config);
    const fast = new Tokenizer(json, config);
    rememberWords(fast);
    gatherInOneList(fast);
    const unit = fc.constantFrom(
      'a',
      'b',
      'c',
      'A',
      ' ',
      '\n',
      '1',
      '.',
      'é',
      'e\u0301',
      '🙂',
      '<s>',
      '<|im_end|>',
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), fc.boolean(), (text, special) => {
        const options = { add_special_tokens: special };
        expect(fast.encode(text, options)).toEqual(plain.encode(text, options));
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});
