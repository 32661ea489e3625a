import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { openCheckpoint } from '../model/checkpoint.ts';
import { packRows } from '../text/rows.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { tinyCheckpoint } from './fixtures.ts';
import { type Generation, generate, sample } from './generate.ts';
import { completionLogProbs } from './log-probs.ts';
import { openPolicy } from './policy.ts';

const STORIES = '../shared/data/stories260K';
const greedy = { maxNewTokens: 12, temperature: 0, topP: 1, seed: 1, stopIds: [] };
const prompts = [Int32Array.of(1, 5, 7), Int32Array.of(1), Int32Array.of(1, 9, 9, 3, 4, 12)];

describe('generate', () => {
  it('greedy, cached and batched: each token is the likeliest by a plain forward pass', async () => {
    const { checkpoint, dispose } = tinyCheckpoint();
    const policy = openPolicy(checkpoint, { trained: { method: 'none' }, threads: 1 });
    const generations = await generate(policy, prompts, greedy);
    for (const [i, prompt] of prompts.entries()) {
      const { tokens, ended } = generations[i] as { tokens: Int32Array; ended: boolean };
      expect(tokens.length).toBe(12);
      expect(ended).toBe(false);
      for (let t = 0; t < tokens.length; t++) {
        const all = Array.from({ length: 23 }, (_, v) => Int32Array.of(v));
        const context = Int32Array.of(...prompt, ...tokens.subarray(0, t));
        const next = await completionLogProbs(policy, packRows([{ prompt: context, completions: all }]));
        const best = next.reduce(
          (top, item, v) => (item.sum > (next[top] as { sum: number }).sum ? v : top),
          0,
        );
        expect(tokens[t]).toBe(best);
      }
    }
    await policy.dispose();
    dispose();
  });
  it('sampled text depends on the seed and the place of the prompt, not on the batch', async () => {
    const { checkpoint, dispose } = tinyCheckpoint();
    const policy = openPolicy(checkpoint, { trained: { method: 'none' }, threads: 1 });
    const options = { ...greedy, temperature: 1, topP: 0.95 };
    const together = await generate(policy, prompts, options);
    expect(await generate(policy, prompts, { ...options, batchRows: 1 })).toEqual(together);
    expect(await generate(policy, prompts, { ...options, seed: 2 })).not.toEqual(together);
    await policy.dispose();
    dispose();
  });
  it('stops at stop tokens and at the end of the context', async () => {
    const { checkpoint, dispose } = tinyCheckpoint({ maxPositions: 8 });
    const policy = openPolicy(checkpoint, { trained: { method: 'none' }, threads: 1 });
    const [free] = (await generate(policy, [prompts[0] as Int32Array], greedy)) as [Generation];
    expect(free).toMatchObject({ ended: false });
    expect(free.tokens.length).toBe(5);
    const stop = free.tokens[2] as number;
    const [stopped] = (await generate(policy, [prompts[0] as Int32Array], {
      ...greedy,
      stopIds: [stop],
    })) as [Generation];
    expect(stopped.ended).toBe(true);
    expect([...stopped.tokens]).toEqual([...free.tokens].slice(0, free.tokens.indexOf(stop)));
    await policy.dispose();
    dispose();
  });
});

describe('sample', () => {
  const logits = Float32Array.of(0, Math.log(2), Math.log(5), Math.log(2));
  const counts = (options: { temperature: number; topP: number }) => {
    const random = new Random(4, 'sample');
    const count = [0, 0, 0, 0];
    for (let i = 0; i < 20_000; i++) count[sample(logits, options, random)]!++;
    return count.map((n) => n / 20_000);
  };
  it('follows softmax(logits / temperature)', () => {
    [0.1, 0.2, 0.5, 0.2].forEach((p, v) => {
      expect(counts({ temperature: 1, topP: 1 })[v]).toBeCloseTo(p, 1.7);
    });
    [1, 4, 25, 4].forEach((p, v) => {
      expect(counts({ temperature: 0.5, topP: 1 })[v]).toBeCloseTo(p / 34, 1.7);
    });
  });
  it('keeps to the nucleus', () => {
    expect(counts({ temperature: 1, topP: 0.5 })).toEqual([0, 0, 1, 0]);
    const nucleus = counts({ temperature: 1, topP: 0.7 });
    expect(nucleus[0]).toBe(0);
    expect(nucleus[3]).toBe(0);
    expect(nucleus[1]).toBeCloseTo(2 / 7, 1.7);
  });
  it('takes the likeliest at temperature 0', () => {
    expect(sample(logits, { temperature: 0, topP: 1 }, new Random(1))).toBe(2);
  });
});

describe.skipIf(!existsSync(STORIES))('a real checkpoint (needs ../shared/data)', () => {
  it('tells the documented story', async () => {
    const policy = openPolicy(openCheckpoint(`${STORIES}/hf`), { trained: { method: 'none' }, threads: 2 });
    const tokenizer = loadTokenizer(`${STORIES}/hf`);
    const documented = /\n(Once upon a time[\s\S]*?)\n```/.exec(
      readFileSync(`${STORIES}/stories260K.upstream.md`, 'utf8'),
    )?.[1];
    const [story] = (await generate(policy, [Int32Array.of(1)], {
      ...greedy,
      maxNewTokens: 257,
      stopIds: [1, 2],
    })) as [Generation];
    const text = tokenizer.decode([...story.tokens]).trim();
    expect(documented?.length).toBeGreaterThan(500);
    expect(text.startsWith(documented as string)).toBe(true);
    await policy.dispose();
  });
});
