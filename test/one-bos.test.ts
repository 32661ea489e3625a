import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pairId } from '../src/pairs/id.ts';
import type { PreferencePair, Text } from '../src/pairs/pair.ts';
import { encodePair, encodePrompt } from '../src/text/encode.ts';
import { renderPair, renderPrompt } from '../src/text/render.ts';
import { modelFolder, tinyFiles } from '../src/text/tiny.fixture.ts';
import { tokenizePairs, tokenizePrompts } from '../src/text/tokenize.ts';
import { loadTokenizer, type TextTokenizer } from '../src/text/tokenizer.ts';
import {
  gpt2Files,
  sentencePieceFiles,
  type TokenizerFiles,
  tiktokenFiles,
} from './templates/real-tokenizers.ts';

const turn = (role: string, content: string) => [{ role, content }];
const asked = {
  prompt: turn('user', 'Hello'),
  chosen: turn('assistant', 'Hi'),
  rejected: turn('assistant', 'No'),
};
const plain = { prompt: 'Hello', chosen: ' there', rejected: ' you' };

/** Checks what holds for every tokenizer and template; gives the prompt's ids. */
function oneBos(
  tokenizer: TextTokenizer,
  texts: { prompt: Text; chosen: Text; rejected: Text },
  wanted: 0 | 1,
) {
  const pair = encodePair(renderPair(texts, tokenizer), tokenizer);
  const bos = (ids: readonly number[]) => ids.filter((id) => id === tokenizer.bosId).length;
  expect(bos(pair.prompt)).toBe(wanted);
  if (wanted === 1) expect(pair.prompt[0]).toBe(tokenizer.bosId);
  if (tokenizer.bosId !== tokenizer.eosId) expect(bos([...pair.chosen, ...pair.rejected])).toBe(0);
  expect(encodePrompt(renderPrompt(texts.prompt, tokenizer), tokenizer)).toEqual(pair.prompt);
  return pair;
}

/** The same pair under a policy that leaves the prompt four tokens. */
function cutPrompt(tokenizer: TextTokenizer, texts: { prompt: Text; chosen: Text; rejected: Text }) {
  const policy = {
    maxLength: 99,
    maxPromptLength: 4,
    minPromptTokens: 4,
    onLong: 'cut-prompt-start',
  } as const;
  const { prompt, chosen, rejected } = texts;
  const pair: PreferencePair = { id: pairId(prompt, chosen, rejected), row: 0, ...texts, meta: {} };
  const { rows, refused } = tokenizePairs([pair], tokenizer, policy);
  expect(refused).toEqual([]);
  const ids = Array.from(rows[0]?.prompt ?? []);
  expect(tokenizePrompts([pair], tokenizer, policy).rows[0]?.prompt).toEqual(rows[0]?.prompt);
  expect(ids).toHaveLength(4);
  return ids;
}

describe('one BOS', () => {
  const body =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}";
  const templates = { writes: `{{ bos_token }}${body}`, leaves: body, none: undefined };
  const kinds = Object.keys(templates).flatMap((template) =>
    [true, false].flatMap((adds) => [true, false, undefined].map((flag) => ({ template, adds, flag }))),
  );

  it.each(kinds)(
    'template $template it, tokenizer.json adds it: $adds, add_bos_token: $flag',
    ({ template, adds, flag }) => {
      const chatTemplate = templates[template as keyof typeof templates];
      // add_bos_token decides nothing: transformers 5 drops it where there is a tokenizer.json.
      const config = flag === undefined ? {} : { add_bos_token: flag };
      const { tokenizer: json, config: rest } = tinyFiles({ chatTemplate, bos: adds, config });
      const tokenizer = loadTokenizer(modelFolder({ 'tokenizer.json': json, 'tokenizer_config.json': rest }));
      const wanted = adds || template === 'writes' ? 1 : 0;
      const { prompt } = oneBos(tokenizer, asked, wanted);
      oneBos(tokenizer, plain, adds ? 1 : 0);
      const cut = cutPrompt(tokenizer, asked);
      expect(cut).toEqual(wanted === 1 ? [prompt[0], ...prompt.slice(-3)] : prompt.slice(-4));
    },
  );

  it('keeps two tokens in front of every text, and leaves out one behind it', () => {
    const { tokenizer: json, config } = tinyFiles();
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const post = {
      type: 'TemplateProcessing',
      single: [special('<s>'), special('<unk>'), { Sequence: { id: 'A', type_id: 0 } }, special('</s>')],
      pair: [],
      special_tokens: {
        '<s>': { id: '<s>', ids: [256], tokens: ['<s>'] },
        '<unk>': { id: '<unk>', ids: [260], tokens: ['<unk>'] },
        '</s>': { id: '</s>', ids: [257], tokens: ['</s>'] },
      },
    };
    const files = { 'tokenizer.json': { ...json, post_processor: post }, 'tokenizer_config.json': config };
    const tokenizer = loadTokenizer(modelFolder(files));
    expect(tokenizer.leadingIds).toEqual([256, 260]);
    const { prompt, chosen } = oneBos(tokenizer, plain, 1);
    expect(prompt.slice(0, 2)).toEqual([256, 260]);
    expect(prompt).not.toContain(257);
    expect(chosen.filter((id) => id === 257)).toEqual([257]);
    expect(cutPrompt(tokenizer, plain)).toEqual([256, 260, ...prompt.slice(-2)]);
  });
});

const folder = join(import.meta.dirname, '../../shared/data/tokenizers');
describe.skipIf(!existsSync(folder))('one BOS with tokenizers of real models (needs ../shared/data)', () => {
  const at = (name: string) => join(folder, name);
  const template = (name: string) =>
    readFileSync(at(`chat_templates/${name}.jinja`), 'utf8')
      .replaceAll('    ', '')
      .replaceAll('\n', '');
  const load = (files: TokenizerFiles, chatTemplate: string | undefined) =>
    loadTokenizer(
      modelFolder({
        ...files,
        ...(chatTemplate === undefined ? {} : { 'chat_template.jinja': chatTemplate }),
      }),
    );
  const WORDS =
    '|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

  it('Llama 3: the template writes it, and so would the tokenizer', () => {
    const reserved = (i: number) => `<|reserved_special_token_${i}|>`;
    const files = tiktokenFiles(at('llama3.tiktoken.model'), `(?i:'s|'t|'re|'ve|'m|'ll|'d)${WORDS}`, {
      tokens: [
        '<|begin_of_text|>',
        '<|end_of_text|>',
        ...[0, 1, 2, 3].map(reserved),
        '<|start_header_id|>',
        '<|end_header_id|>',
        reserved(4),
        '<|eot_id|>',
      ],
      config: { bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>' },
      addsBos: true,
    });
    const tokenizer = load(files, template('llama-3-instruct'));
    const { prompt, chosen } = oneBos(tokenizer, asked, 1);
    expect(prompt).toEqual([128000, 128006, 882, 128007, 271, 9906, 128009, 128006, 78191, 128007, 271]);
    expect(chosen).toEqual([13347, 128009]);
    expect(oneBos(tokenizer, plain, 1).prompt).toEqual([128000, 9906]);
    expect(cutPrompt(tokenizer, asked)).toEqual([128000, 78191, 128007, 271]);
    const without = load(files, template('llama-3-instruct').replace('{{ bos_token }}', ''));
    expect(oneBos(without, asked, 1).prompt).toEqual(prompt);
  });

  it('Qwen: neither writes nor adds one', () => {
    const files = tiktokenFiles(
      at('qwen.tiktoken'),
      `(?i:'s|'t|'re|'ve|'m|'ll|'d)${WORDS.replace('{1,3}', '')}`,
      {
        tokens: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
        config: { bos_token: null, eos_token: '<|im_end|>', add_bos_token: false },
        addsBos: false,
      },
    );
    const tokenizer = load(files, template('chatml'));
    expect(tokenizer.bosId).toBeNull();
    const { prompt, chosen } = oneBos(tokenizer, asked, 0);
    expect(prompt).toEqual([151644, 872, 198, 9707, 151645, 198, 151644, 77091, 198]);
    expect(chosen).toEqual([13048, 151645]);
  });

  it.each(['llama2.spm.model', 'mistral.v1.spm.model', 'mistral.v3.spm.model'])(
    '%s: the template writes one before every question, and the tokenizer would add one',
    (name) => {
      const files = sentencePieceFiles(at(name));
      const tokenizer = load(files, template('llama-2-chat'));
      const { prompt, chosen } = oneBos(tokenizer, asked, 1);
      // Without spaces: where [INST] is a token of its own, one more stands behind it.
      expect(tokenizer.decode(prompt, { special: true }).replaceAll(' ', '')).toBe('<s>[INST]Hello[/INST]');
      expect(chosen.at(-1)).toBe(2);
      const bare = oneBos(load(files, undefined), plain, 1).prompt;
      expect(bare).toEqual(
        name.startsWith('llama2') ? [1, 15043] : name.includes('v1') ? [1, 22557] : [1, 23325],
      );
      expect(cutPrompt(tokenizer, asked)).toEqual([1, ...prompt.slice(-3)]);
      if (name.startsWith('llama2'))
        expect(prompt).toEqual([1, 518, 25580, 29962, 15043, 518, 29914, 25580, 29962]);
    },
  );

  it('GPT-2: one token begins and ends texts, and none is added', () => {
    const tokenizer = load(gpt2Files(at('gpt2.encoder.json'), at('gpt2.vocab.bpe')), undefined);
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.leadingIds]).toEqual([50256, 50256, []]);
    const { prompt, chosen } = oneBos(tokenizer, plain, 0);
    expect([prompt, chosen]).toEqual([[15496], [612, 50256]]);
  });
});
