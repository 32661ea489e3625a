import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairId } from '../pairs/id.ts';
import type { PreferencePair, Text } from '../pairs/pair.ts';
import { readPairs } from '../pairs/read.ts';
import { CHATML, modelFolder, tinyFiles, tinyTokenizer } from './tiny.fixture.ts';
import { tokenizePairs, tokenizePrompts } from './tokenize.ts';
import { loadTokenizer } from './tokenizer.ts';
import type { TruncationPolicy } from './truncation.ts';

const data = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const wide: TruncationPolicy = { maxLength: 10_000, maxPromptLength: 10_000, onLong: 'refuse' };
const bytes = (text: string) => [...Buffer.from(text)];

const pairOf = (row: number, prompt: Text, chosen: Text, rejected: Text): PreferencePair => ({
  id: pairId(prompt, chosen, rejected),
  row,
  prompt,
  chosen,
  rejected,
  meta: {},
});

describe('boundaries', () => {
  it('split the ids of the whole text, with one BOS and one EOS', () => {
    const { rows, boundaryMerges } = tokenizePairs([pairOf(3, 'ab', 'c', 'd</s>')], tinyTokenizer(), wide);
    expect(rows).toEqual([
      {
        id: pairId('ab', 'c', 'd</s>'),
        row: 3,
        prompt: Int32Array.of(256, 97, 98),
        chosen: Int32Array.of(99, 257),
        rejected: Int32Array.of(100, 257),
        promptTokensCut: 0,
      },
    ]);
    expect(boundaryMerges).toBe(0);
  });

  it('encode a completion apart where a token spans the boundary, and count it', () => {
    const tokenizer = tinyTokenizer({ merges: [['b', 'c']] });
    const { rows, boundaryMerges } = tokenizePairs([pairOf(0, 'ab', 'cbc', 'd')], tokenizer, wide);
    expect(boundaryMerges).toBe(1);
    expect([...(rows[0]?.prompt ?? [])]).toEqual([257, 97, 98]);
    expect([...(rows[0]?.chosen ?? [])]).toEqual([99, 256, 258]);
    expect([...(rows[0]?.rejected ?? [])]).toEqual([100, 258]);
  });

  it('give prompt and completion texts back, and both sides one prompt, for any text and merges', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', 'é'), minLength: 1, maxLength: 12 });
    const merge = fc.tuple(fc.constantFrom('a', 'b', 'Ġ', 'Ċ'), fc.constantFrom('a', 'b', 'Ġ', 'Ċ'));
    const merges = fc.uniqueArray(merge, { selector: ([a, b]) => a + b, maxLength: 6 });
    fc.assert(
      fc.property(word, word, word, merges, (prompt, chosen, rejected, list) => {
        fc.pre(chosen !== rejected);
        const tokenizer = tinyTokenizer({ merges: list });
        const { rows, refused, boundaryMerges } = tokenizePairs(
          [pairOf(0, prompt, chosen, rejected)],
          tokenizer,
          wide,
        );
        expect(refused).toEqual([]);
        const [row] = rows;
        expect(row && tokenizer.decode(row.prompt)).toBe(prompt);
        expect(row && tokenizer.decode(row.chosen)).toBe(chosen);
        expect(row && tokenizer.decode(row.rejected)).toBe(rejected);
        const together = tokenizer.encode(prompt + chosen, { special: true });
        if (boundaryMerges === 0)
          expect([...(row?.prompt ?? []), ...(row?.chosen ?? [])].slice(0, -1)).toEqual(together);
      }),
      { numRuns: 60, seed: 6 },
    );
  });

  it('leave out the space that SentencePiece-like tokenizers put in front of a text', () => {
    const { config } = tinyFiles();
    const words = ['▁', 'a', 'b', 'c', '\n', 'bc', '<s>', '</s>'];
    const json = {
      added_tokens: [6, 7].map((id) => ({ id, content: words[id], special: true })),
      normalizer: { type: 'Prepend', prepend: '▁' },
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      model: { type: 'BPE', vocab: Object.fromEntries(words.map((word, id) => [word, id])), merges: ['b c'] },
    };
    const tokenizer = loadTokenizer(modelFolder({ 'tokenizer.json': json, 'tokenizer_config.json': config }));
    const { rows, boundaryMerges } = tokenizePairs([pairOf(0, 'ab', 'ca', 'a')], tokenizer, wide);
    expect(boundaryMerges).toBe(1);
    expect(rows[0]).toMatchObject({ prompt: Int32Array.of(0, 1, 2), chosen: Int32Array.of(3, 1, 7) });
  });

  it('do not add a second BOS to a text that brings its own', () => {
    const { rows } = tokenizePairs([pairOf(0, '<s>a', 'b', 'c')], tinyTokenizer(), wide);
    expect([...(rows[0]?.prompt ?? [])]).toEqual([256, 97]);
  });

  it('end at the end of turn of the template', () => {
    const tokenizer = tinyTokenizer({ chatTemplate: CHATML });
    const turn = (role: string, content: string) => [{ role, content }];
    const pair = pairOf(0, turn('user', 'q'), turn('assistant', 'a'), turn('assistant', 'b'));
    const { rows } = tokenizePairs([pair, pairOf(1, 'plain', 'a', 'b')], tokenizer, wide);
    expect([...(rows[0]?.chosen ?? [])]).toEqual([...bytes('a'), 259]);
    expect(tokenizePairs([pair, pairOf(1, 'plain', 'a', 'b')], tokenizer, wide).untemplated).toBe(1);
    const [prompt] = tokenizePrompts([pair], tokenizer, wide).rows;
    expect(prompt).toEqual({ id: pair.id, prompt: rows[0]?.prompt, promptTokensCut: 0 });
  });
});

describe('refusals', () => {
  const tokenizer = tinyTokenizer({ chatTemplate: CHATML });
  const turn = (role: string, content: string) => ({ role, content });

  it('name pairs that become the same tokens', () => {
    // CHATML trims contents, so the two sides differ in the data and not for the model.
    const pair = pairOf(4, [turn('user', 'q')], [turn('assistant', 'a')], [turn('assistant', 'a ')]);
    const { refused, rows } = tokenizePairs([pair], tokenizer, wide);
    expect(rows).toEqual([]);
    expect(refused[0]).toMatchObject({ row: 4, id: pair.id, cause: 'identical-tokens' });
  });

  it('name conversations that the template refuses, and go on', () => {
    const picky = tinyTokenizer({
      chatTemplate: `{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}${CHATML}`,
    });
    const sides = [[turn('assistant', 'a')], [turn('assistant', 'b')]] as const;
    const pairs = [
      pairOf(0, [turn('system', 's'), turn('user', 'q')], ...sides),
      pairOf(1, [turn('user', 'q')], ...sides),
    ];
    const { refused, rows } = tokenizePairs(pairs, picky, wide);
    expect(refused).toMatchObject([
      { row: 0, cause: 'template-refused', message: expect.stringContaining('no system') },
    ]);
    expect(rows.map((row) => row.row)).toEqual([1]);
    expect(tokenizePrompts(pairs, picky, wide).refused).toMatchObject([
      { row: 0, cause: 'template-refused' },
    ]);
  });

  it('are an error when the model has no row for an id', () => {
    const run = () => tokenizePairs([pairOf(0, 'ab', 'c', 'd')], tinyTokenizer(), wide, { vocabSize: 256 });
    expect(run).toThrow(/row 0: .*need "0 to 255", got 256/);
    const prompts = () =>
      tokenizePrompts([{ id: 'x', prompt: 'ab' }], tinyTokenizer(), wide, { vocabSize: 98 });
    expect(prompts).toThrow(/got 256/);
  });
});

describe('truncation', () => {
  const tokenizer = tinyTokenizer();
  const cut = (policy: Partial<TruncationPolicy>): TruncationPolicy => ({
    maxLength: 40,
    maxPromptLength: 30,
    onLong: 'cut-prompt-start',
    ...policy,
  });
  const prompt = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const run = (policy: TruncationPolicy, chosen = 'y', text = prompt) =>
    tokenizePairs([pairOf(0, text, chosen, 'n')], tokenizer, policy);

  it('keeps BOS and the last tokens of the prompt', () => {
    const { rows, promptsCut } = run(cut({}));
    expect([...(rows[0]?.prompt ?? [])]).toEqual([256, ...bytes(prompt.slice(-29))]);
    expect(rows[0]?.promptTokensCut).toBe(53 - 30);
    expect(promptsCut).toBe(1);
    expect(tokenizer.decode(rows[0]?.chosen ?? [])).toBe('y');
  });

  it('leaves room for the longer completion, which is never cut', () => {
    const { rows } = run(cut({}), 'y'.repeat(23));
    expect(rows[0]?.prompt.length).toBe(16);
    expect(rows[0]?.chosen.length).toBe(24);
    const { refused } = run(cut({}), 'y'.repeat(24));
    expect(refused[0]).toMatchObject({
      cause: 'completion-too-long',
      message: expect.stringContaining('25 tokens'),
    });
    expect(refused[0]?.remedy).toMatch(/Raise maxLength/);
    const atModelsLimit = run(cut({ limitedByModel: true }), 'y'.repeat(24)).refused[0];
    expect(atModelsLimit?.remedy).toMatch(/model's whole context/);
    expect(run(cut({ minPromptTokens: 15 }), 'y'.repeat(24)).rows.length).toBe(1);
  });

  it('refuses long prompts by name where nothing may be cut or too little would be left', () => {
    expect(run(cut({ onLong: 'refuse' })).refused[0]).toMatchObject({
      cause: 'prompt-too-long',
      message: expect.stringContaining('the prompt has 53 tokens and 30 are allowed'),
    });
    expect(run(cut({ maxPromptLength: 15 })).refused[0]?.cause).toBe('prompt-too-long');
    expect(run(cut({ onLong: 'refuse' }), 'y', 'short').rows.length).toBe(1);
    expect(run(cut({}), 'y'.repeat(33), 'short').rows.length).toBe(1);
    expect(run(cut({}), 'y'.repeat(34), 'short').refused[0]?.cause).toBe('completion-too-long');
  });

  it('holds its limits for all lengths', () => {
    const length = fc.integer({ min: 1, max: 60 });
    const onLong = fc.constantFrom('cut-prompt-start', 'refuse');
    fc.assert(
      fc.property(length, length, length, length, onLong, (p, c, maxLength, maxPromptLength, how) => {
        const policy = { maxLength, maxPromptLength, onLong: how as 'refuse' };
        const { rows, refused } = run(policy, 'y'.repeat(c), 'p'.repeat(p));
        expect(rows.length + refused.length).toBe(1);
        for (const row of rows) {
          expect(row.chosen.length).toBe(c + 1);
          expect(row.prompt.length + Math.max(row.chosen.length, row.rejected.length)).toBeLessThanOrEqual(
            maxLength,
          );
          expect(row.prompt.length).toBeLessThanOrEqual(maxPromptLength);
          expect(row.prompt.length + row.promptTokensCut).toBe(p + 1);
          expect(row.prompt[0]).toBe(256);
          if (row.promptTokensCut > 0) expect(row.prompt.length).toBeGreaterThanOrEqual(16);
        }
      }),
      { seed: 7 },
    );
  });

  it('applies to prompts for generation', () => {
    const prompts = [
      { id: 'x', prompt },
      { id: 'y', prompt: 'short' },
    ];
    const { rows, promptsCut } = tokenizePrompts(prompts, tokenizer, cut({}));
    expect(rows.map((row) => row.prompt.length)).toEqual([30, 6]);
    expect(promptsCut).toBe(1);
    expect(tokenizePrompts(prompts, tokenizer, cut({ onLong: 'refuse' })).refused).toMatchObject([
      { row: 0, id: 'x' },
    ]);
  });

  it('names a policy that is none', () => {
    expect(() => run(cut({ maxLength: 0 }))).toThrow(/maxLength must be a whole number/);
    expect(() => run(cut({ maxPromptLength: Number.NaN }))).toThrow(/maxPromptLength/);
  });
});

const stories = `${data}stories260K`;
describe.skipIf(!existsSync(stories))('stories260K (needs ../shared/data)', () => {
  interface Golden {
    readonly prompt: string;
    readonly chosen: string;
    readonly rejected: string;
    readonly prompt_ids: number[];
    readonly chosen_ids: number[];
    readonly rejected_ids: number[];
  }

  it('gives exactly the ids of the 64 golden rows', () => {
    const tokenizer = loadTokenizer(`${stories}/hf`);
    expect(tokenizer).toMatchObject({ bosId: 1, eosId: 2, padId: 2, vocabSize: 512, leadingIds: [1] });
    const golden = readFileSync(`${stories}/golden_logprobs.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Golden);
    expect(golden.length).toBe(64);
    const pairs = golden.map(({ prompt, chosen, rejected }, row) => pairOf(row, prompt, chosen, rejected));
    const { rows, refused, boundaryMerges } = tokenizePairs(pairs, tokenizer, wide, { vocabSize: 512 });
    expect([refused, boundaryMerges]).toEqual([[], 0]);
    expect(rows.map(({ prompt, chosen, rejected }) => [[...prompt], [...chosen], [...rejected]])).toEqual(
      golden.map((row) => [row.prompt_ids, row.chosen_ids, row.rejected_ids]),
    );
    for (const row of rows) expect(tokenizer.decode(row.prompt)).toBe(golden[row.row]?.prompt);
  });

  it('tokenizes or refuses all of helpful-base', async () => {
    const { pairs } = await readPairs(`${data}hh_rlhf_test/helpful-base.test.jsonl.gz`);
    const policy: TruncationPolicy = { maxLength: 512, maxPromptLength: 256, onLong: 'cut-prompt-start' };
    const { rows, refused, promptsCut, boundaryMerges } = tokenizePairs(
      pairs,
      loadTokenizer(`${stories}/hf`),
      policy,
    );
    expect([rows.length, refused.length, promptsCut]).toEqual([2251, 97, 1143]);
    expect(new Set(refused.map((row) => row.cause))).toEqual(new Set(['completion-too-long']));
    expect(rows.length + refused.length).toBe(pairs.length);
    expect(boundaryMerges).toBe(0);
    expect(promptsCut).toBe(rows.filter((row) => row.promptTokensCut > 0).length);
  });
});
