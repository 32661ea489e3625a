import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { initCheckpoint, llamaConfig, openCheckpoint, writeCheckpoint } from '../model/checkpoint.ts';
import { projections } from '../model/layer.ts';
import { randomRows, TINY, tinyCheckpoint } from '../policy/fixtures.ts';
import { accumulateGradient } from '../policy/gradient.ts';
import { packPass } from '../policy/pack.ts';
import { openPolicy, type Trained } from '../policy/policy.ts';
import { answeringBytes, loraParameters, ownBytes, workerMemory } from './memory.ts';

const { checkpoint, dispose } = tinyCheckpoint();
afterAll(() => dispose());
const LORA = {
  method: 'lora',
  rank: 3,
  alpha: 6,
  targets: [...projections(checkpoint.config).keys()],
  seed: 5,
} as const;
const none: Trained = { method: 'none' };
const rows = randomRows(20, 3);

describe('bytes of a worker, by hand', () => {
  it('LoRA trains r·(in + out) numbers a projection', () => {
    // q, o: 32; k, v: 24; gate, up, down: 40; two layers.
    expect(loraParameters(checkpoint, LORA)).toBe(2 * 3 * (2 * 32 + 2 * 24 + 3 * 40));
  });
  it('what is trained is there five times: value, two gradients, two moments', () => {
    const numbers = loraParameters(checkpoint, LORA);
    expect(workerMemory(checkpoint, LORA, rows).trained).toBe(4 * 5 * numbers);
    expect(workerMemory(checkpoint, { method: 'full' }, rows).trained).toBe(4 * 5 * checkpoint.parameters);
    expect(workerMemory(checkpoint, none, rows).trained).toBe(0);
  });
  it('mapped are the bytes of the weights, in their own dtype, and none that are trained in full', () => {
    const half = tinyCheckpoint({}, 'BF16');
    expect(workerMemory(checkpoint, LORA, rows).mapped).toBe(4 * checkpoint.parameters);
    expect(workerMemory(half.checkpoint, LORA, rows).mapped).toBe(2 * half.checkpoint.parameters);
    expect(workerMemory(checkpoint, { method: 'full' }, rows).mapped).toBe(0);
    half.dispose();
  });
  it('one pass of 1 row of 28 tokens: per layer its input and the gradient of it', () => {
    const one = [{ prompt: new Int32Array(20).fill(3), completions: [new Int32Array(6), new Int32Array(4)] }];
    const need = workerMemory(checkpoint, LORA, one);
    expect(need.again).toBe(4 * 28 * 16 * 2 * 2);
    expect(need.kept).toBeGreaterThan(need.again);
    expect(ownBytes(need, true) - ownBytes(need, false)).toBe(need.kept - need.again);
  });
  it('answers keep keys and values of every layer in two arenas', () => {
    const bytes = (newTokens: number) => answeringBytes(checkpoint, { rows: 5, promptTokens: 7, newTokens });
    expect(bytes(11) - bytes(1)).toBe(2 * 2 * 2 * 4 * 5 * 10 * 2 * 4);
  });
  it('more rows never need less', () => {
    const need = (count: number) => ownBytes(workerMemory(checkpoint, LORA, randomRows(count, 3)), true);
    expect(need(200)).toBeGreaterThan(need(1));
  });
});

describe('activations that are kept and those that are computed again', () => {
  it.each([['LoRA', LORA] as const, ['full', { method: 'full' }] as const])(
    'give equal bits: %s',
    async (_, trained) => {
      const results: number[][] = [];
      for (const activationBytes of [1e9, 0]) {
        const policy = openPolicy(checkpoint, { trained, threads: 1, activationBytes });
        for (const [name, { data }] of policy.parameters)
          if (name.endsWith('lora_B')) data.set(data.map((_, i) => 0.3 * Math.sin(i + name.length)));
        const logProbs = await accumulateGradient(policy, packPass(policy, rows.slice(0, 6)), (all) =>
          all.map((_, i) => (i % 3) - 0.7),
        );
        results.push([
          ...logProbs.map(({ sum }) => sum),
          ...[...policy.parameters.values()].flatMap(({ gradient }) => [...gradient]),
        ]);
        await policy.dispose();
      }
      expect(results[0]?.some((value) => value !== 0)).toBe(true);
      expect(results[1]).toEqual(results[0]);
    },
  );
  it('equal bits at the width of a real small model', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'winnow-bits-'));
    const config = llamaConfig({ ...TINY, hiddenSize: 128, intermediateSize: 344, headDim: 32 });
    writeCheckpoint(dir, config, initCheckpoint(config, 3));
    const results: number[][] = [];
    for (const activationBytes of [1e9, 0]) {
      const policy = openPolicy(openCheckpoint(dir), { trained: LORA, threads: 2, activationBytes });
      await accumulateGradient(policy, packPass(policy, randomRows(12, 8)), (all) => all.map(() => 0.5));
      results.push([...policy.parameters.values()].flatMap(({ gradient }) => [...gradient]));
      await policy.dispose();
    }
    expect(results[0]?.some((value) => value !== 0)).toBe(true);
    expect(results[1]).toEqual(results[0]);
    rmSync(dir, { recursive: true });
  });
});
