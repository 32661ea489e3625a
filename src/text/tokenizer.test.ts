import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { modelFolder, tinyFiles, tinyTokenizer } from './tiny.fixture.ts';
import { loadTokenizer } from './tokenizer.ts';

const { tokenizer: json, config } = tinyFiles();
const files = { 'tokenizer.json': json, 'tokenizer_config.json': config };

function failure(content: Readonly<Record<string, unknown>>): WinnowError {
  try {
    loadTokenizer(modelFolder(content));
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error('the tokenizer was loaded');
}

describe('loadTokenizer', () => {
  const tiny = tinyTokenizer();

  it('knows the special tokens', () => {
    expect(tiny).toMatchObject({
      bosId: 256,
      eosId: 257,
      padId: 257,
      bosToken: '<s>',
      eosToken: '</s>',
      leadingIds: [256],
      vocabSize: 261,
      chatTemplate: null,
    });
    expect([...tiny.endTokens.keys()]).toEqual(['</s>', '<|im_start|>', '<|im_end|>', '<unk>']);
    const other = tinyTokenizer({
      config: { bos_token: null, pad_token: { content: '<unk>', lstrip: false }, unk_token: '<unk>' },
      bos: false,
    });
    expect(other).toMatchObject({ bosId: null, padId: 260, leadingIds: [] });
    expect(other.endTokens.has('<unk>')).toBe(false);
  });

  it('encodes with and without the tokens around a text', () => {
    expect(tiny.encode('ab', { special: false })).toEqual([97, 98]);
    expect(tiny.encode('ab', { special: true })).toEqual([256, 97, 98]);
    expect(tiny.encode('a</s>', { special: false })).toEqual([97, 257]);
    expect(tiny.encode('', { special: false })).toEqual([]);
  });

  it('decodes without tidying, and names ids that have no text', () => {
    expect(tiny.decode([256, 97, 32, 46, 257])).toBe('a .');
    expect(tiny.decode(Int32Array.of(256, 97, 257), { special: true })).toBe('<s>a</s>');
    expect(tiny.decode([])).toBe('');
    expect(() => tiny.decode([97, 261])).toThrow(/got 261/);
  });

  it('gives every text back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tiny.decode(tiny.encode(text, { special: true }))).toBe(text);
      }),
      { seed: 5 },
    );
  });

  it('takes the chat template from either file, the .jinja first', () => {
    const withTemplate = (value: unknown) => ({
      ...files,
      'tokenizer_config.json': { ...config, chat_template: value },
    });
    const inConfig = modelFolder(withTemplate('A'));
    expect(loadTokenizer(inConfig)).toMatchObject({
      chatTemplate: 'A',
      source: join(inConfig, 'tokenizer_config.json'),
    });
    const list = [
      { name: 'tool_use', template: 'T' },
      { name: 'default', template: 'D' },
    ];
    expect(loadTokenizer(modelFolder(withTemplate(list))).chatTemplate).toBe('D');
    const both = modelFolder({ ...withTemplate('A'), 'chat_template.jinja': 'J' });
    expect(loadTokenizer(both)).toMatchObject({
      chatTemplate: 'J',
      source: join(both, 'chat_template.jinja'),
    });
    expect(failure(withTemplate(list.slice(0, 1)))).toMatchObject({
      code: 'bad-template',
      fields: { got: ['tool_use'] },
    });
  });

  it('has a hash that follows every file', () => {
    const hash = (content: Readonly<Record<string, unknown>>) => loadTokenizer(modelFolder(content)).hash;
    const hashes = [
      hash(files),
      hash({ ...files, 'chat_template.jinja': 'J' }),
      hash({ ...files, 'chat_template.jinja': 'K' }),
      hash({ ...files, 'tokenizer_config.json': { ...config, x: 1 } }),
      hash({ ...files, 'tokenizer.json': { ...json, version: '1.1' } }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hash(files)).toBe(hashes[0]);
  });

  it('falls back on special_tokens_map.json', () => {
    const bare = { ...files, 'tokenizer_config.json': {} };
    expect(failure(bare).code).toBe('no-eos');
    const map = { eos_token: { content: '</s>' }, bos_token: '<s>' };
    expect(loadTokenizer(modelFolder({ ...bare, 'special_tokens_map.json': map })).eosId).toBe(257);
  });

  it('names what is wrong with the files', () => {
    expect(failure({})).toMatchObject({ code: 'tokenizer-missing', kind: 'input' });
    expect(failure({ 'tokenizer.json': json }).message).toContain('tokenizer_config.json');
    expect(failure({ ...files, 'tokenizer.json': '{"model": ' })).toMatchObject({
      code: 'bad-json',
      kind: 'input',
    });
    expect(failure({ ...files, 'tokenizer.json': [] }).code).toBe('bad-tokenizer');
    for (const model of [{ type: 'Cuneiform' }, null, { type: 'BPE' }]) {
      const error = failure({ ...files, 'tokenizer.json': { ...json, model } });
      expect(error.code).toBe('unknown-tokenizer');
      expect(error.message).toMatch(/Convert the tokenizer/);
    }
    const wrong = { ...files, 'tokenizer_config.json': { ...config, eos_token: '<end>' } };
    expect(failure(wrong)).toMatchObject({ code: 'special-token-unknown', fields: { got: '<end>' } });
  });

  it('names a text that the vocabulary cannot express', () => {
    const model = { type: 'BPE', vocab: { a: 0 }, merges: [], unk_token: null };
    const poor = { ...json, pre_tokenizer: null, model, post_processor: null };
    const tokenizer = loadTokenizer(modelFolder({ ...files, 'tokenizer.json': poor }));
    expect(tokenizer.encode('aa', { special: false })).toEqual([0, 0]);
    const b = () => tokenizer.encode('ab', { special: false });
    expect(b).toThrow(/vocabulary cannot express/);
    const unigram = { type: 'Unigram', vocab: [['a', 0]], unk_id: null };
    const other = loadTokenizer(modelFolder({ ...files, 'tokenizer.json': { ...poor, model: unigram } }));
    expect(() => other.encode('ab', { special: false })).toThrow(/vocabulary cannot express/);
  });

  it('names the part of tokenizer.json that the library would take wrongly', () => {
    const fault = (change: object) => failure({ ...files, 'tokenizer.json': { ...json, ...change } }).message;
    const cut = (length: unknown) => ({ type: 'Sequence', pretokenizers: [{ type: 'FixedLength', length }] });
    expect(fault({ pre_tokenizer: cut(0) })).toMatch(
      /pre_tokenizer\.pretokenizers\[0\]\.length is not usable/,
    );
    expect(fault({ normalizer: { type: 'Replace', pattern: {} } })).toMatch(/normalizer\.pattern.*Regex/);
    expect(fault({ added_tokens: [{ id: 2 ** 32 - 2, content: 'x' }] })).toMatch(/added_tokens\[0\].*below/);
    expect(fault({ model: { type: 'BPE', vocab: { a: 0, b: '1' }, merges: [] } })).toMatch(
      /tokenizer\.json: model\.vocab\["b"\] is not usable \(need .*got "1"\)/,
    );
    expect(fault({ model: { type: 'Unigram', vocab: { length: 2 ** 32 } } })).toMatch(/model\.vocab.*a list/);
    expect(fault({ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a a', 5] } })).toMatch(/merges\[1\]/);
    const eos = { ...files, 'tokenizer_config.json': { ...config, eos_token: 2 } };
    expect(failure(eos).message).toMatch(/tokenizer_config\.json: eos_token is no token.*got 2/);
  });
});
