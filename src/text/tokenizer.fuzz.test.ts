import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText, oddValue, readOrRefused, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { loadTokenizer } from './tokenizer.ts';

let dir: string;
beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-tokenizer-fuzz-')));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const added = (start: number) =>
  ['<s>', '</s>', '<unk>'].map((content, i) => ({
    id: start + i,
    content,
    special: true,
    normalized: i === 2,
    lstrip: false,
    rstrip: i === 1,
    single_word: false,
  }));
const template = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [],
  special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
};
const letters = ['a', 'b', 'c', ' ', '▁', 'ab', '▁a', 'Ġ'];

/** Small tokenizers that go through as many parts of the library as there are. */
const TOKENIZERS = {
  bpe: {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added(8),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        { type: 'NFC' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: '[a-z]+|\\s' }, behavior: 'Isolated', invert: false },
        { type: 'FixedLength', length: 4 },
      ],
    },
    post_processor: template,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(letters.map((token, id) => [token, id])),
      merges: ['a b', '▁ a'],
    },
  },
  bytes: {
    version: '1.0',
    added_tokens: added(8),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true, trim_offsets: true },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false },
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(letters.map((token, id) => [token, id])),
      merges: [['a', 'b']],
    },
  },
  unigram: {
    version: '1.0',
    added_tokens: added(8),
    normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAA=' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: template,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: letters.map((token, i) => [token, -i]),
      byte_fallback: false,
    },
  },
  words: {
    version: '1.0',
    added_tokens: added(8),
    normalizer: { type: 'BertNormalizer', clean_text: true, lowercase: true, strip_accents: null },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['</s>', 9], cls: ['<s>', 8] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '<unk>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(letters.map((token, id) => [token, id])),
    },
  },
};
const CONFIG = {
  bos_token: '<s>',
  eos_token: { content: '</s>', lstrip: false },
  unk_token: '<unk>',
  pad_token: null,
  additional_special_tokens: ['<s>'],
  clean_up_tokenization_spaces: false,
  remove_space: false,
  do_lowercase_and_remove_accent: false,
  chat_template: [{ name: 'default', template: '{{ messages }}' }],
  model_max_length: 1e30,
};

/** Values where the library looks for a type, a pattern, an id or a piece of text. */
const part = fc.oneof(
  oddValue,
  fc.constantFrom<unknown>(
    ...[
      'BPE',
      'Unigram',
      'WordPiece',
      'Sequence',
      'FixedLength',
      'Split',
      'ByteLevel',
      'Replace',
      'Strip',
      'CTC',
    ],
    ...[
      { Regex: '(' },
      { Regex: '' },
      { String: '' },
      { Regex: 5 },
      { String: null },
      { length: 2 ** 32 - 2 },
    ],
    ...[{ type: 'FixedLength' }, { type: 'FixedLength', length: 0 }, { type: 'FixedLength', length: -1 }],
    ...[{ type: 'Sequence', pretokenizers: [null, { type: 'FixedLength', length: '4' }] }],
    ...[
      { type: 'Replace', pattern: { Regex: 'a|' }, content: 'aa' },
      { type: 'BPEDecoder', suffix: '' },
    ],
    ...[2 ** 32 - 2, 2 ** 22, ['', 0], { content: '' }, { id: 2 ** 32 - 2, content: 'x' }],
  ),
);

/** The files of a folder are taken, and then texts become ids and ids texts, or they are refused. */
function holds(files: Readonly<Record<string, string>>): boolean {
  for (const name of ['special_tokens_map.json', 'chat_template.json', 'chat_template.jinja'])
    rmSync(join(dir, name), { force: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const tokenizer = readOrRefused(dir, () => loadTokenizer(dir));
  if (tokenizer === null) return false;
  const { vocabSize, eosId, padId, bosId, leadingIds, endTokens } = tokenizer;
  const isId = (id: number) => Number.isSafeInteger(id) && id >= 0 && id < vocabSize;
  expect([eosId, padId, bosId ?? 0, ...leadingIds, ...endTokens.values()].every(isId)).toBe(true);
  for (const text of ['', 'a', 'ab ba  <s>a</s>', 'xé\n😀\u0000', `${'ab'.repeat(200)}`])
    for (const special of [false, true]) {
      const ids = readOrRefused(dir, () => tokenizer.encode(text, { special }));
      if (ids === null) continue;
      expect(ids.every(isId)).toBe(true);
      const back = readOrRefused(dir, () => tokenizer.decode(ids, { special }));
      expect(typeof (back ?? '')).toBe('string');
    }
  return true;
}

describe('loadTokenizer, whatever the files hold', () => {
  it.each(Object.entries(TOKENIZERS))('any part of tokenizer.json (%s)', (_, json) => {
    const config = jsonText(CONFIG);
    expect(holds({ 'tokenizer.json': jsonText(json), 'tokenizer_config.json': config })).toBe(true);
    fc.assert(
      fc.property(replacedWithin(json, part), (value) => {
        holds({ 'tokenizer.json': jsonText(value), 'tokenizer_config.json': config });
      }),
      seeded(150),
    );
  });

  it('any part of tokenizer_config.json, special_tokens_map.json and chat_template.json', () => {
    const good = jsonText(TOKENIZERS.bpe);
    const { bos_token, eos_token, chat_template, ...bare } = CONFIG;
    const map = { bos_token, eos_token };
    const run = (start: unknown, files: (text: string) => Record<string, string>) =>
      fc.assert(
        fc.property(replacedWithin(start, part), (value) => {
          holds({ 'tokenizer.json': good, ...files(jsonText(value)) });
        }),
        seeded(80),
      );
    run(CONFIG, (text) => ({ 'tokenizer_config.json': text }));
    run(map, (text) => ({ 'tokenizer_config.json': jsonText(bare), 'special_tokens_map.json': text }));
    run({ chat_template }, (text) => ({
      'tokenizer_config.json': jsonText({ ...bare, ...map }),
      'chat_template.json': text,
    }));
  });

  it('any bytes, and JSON that nests to any depth', () => {
    const text = fc.oneof(fc.json(), fc.string({ unit: 'binary', maxLength: 40 }));
    fc.assert(
      fc.property(text, fc.constantFrom('tokenizer.json', 'tokenizer_config.json'), (some, name) => {
        const good = {
          'tokenizer.json': jsonText(TOKENIZERS.bpe),
          'tokenizer_config.json': jsonText(CONFIG),
        };
        expect(holds({ ...good, [name]: some })).toBe(false);
      }),
      seeded(60),
    );
    const nested = (open: string, close: string, inner: string) =>
      `{${open.repeat(30_000)}${inner}${close.repeat(30_000)}}`;
    const deep = nested('"normalizer":{"type":"Sequence","normalizers":[{', '}]}', '');
    expect(holds({ 'tokenizer.json': deep, 'tokenizer_config.json': jsonText(CONFIG) })).toBe(false);
  });
});
