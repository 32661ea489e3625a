import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { initCheckpoint, llamaConfig, openCheckpoint, writeCheckpoint } from '../model/checkpoint.ts';
import { randomPairs, TINY } from '../policy/fixtures.ts';
import { openPolicy } from '../policy/policy.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { scorePairs } from '../train/preference.ts';
import { needFinite } from './finite.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-finite-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = llamaConfig({ ...TINY, attentionBias: true, mlpBias: true });
const pairs = randomPairs(6, 4);
const names = [...initCheckpoint(config, 3).keys()];

describe('a model with one weight that is no number', () => {
  const cases = (['F32', 'F16', 'BF16'] as const).flatMap((dtype) =>
    [Number.NaN, Infinity, -Infinity].map((value) => [dtype, value] as const),
  );
  it.each(cases)('%s, %s, in any tensor: told with tensor and file', async (dtype, value) => {
    // Every tensor in one of the cases at least; the second layer is as the first.
    const some = names.filter((name, i) => !name.includes('layers.1.') && (dtype === 'F32' || i % 4 === 0));
    expect(some.length).toBeGreaterThan(3);
    for (const name of some) {
      const weights = initCheckpoint(config, 3);
      for (const { data } of weights.values())
        for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) || 0.1;
      const poisoned = weights.get(name)?.data as Float32Array;
      // Of the embedding, a token that is in a text.
      poisoned[name.includes('embed_tokens') ? (pairs[2]?.chosen[0] as number) * config.hiddenSize : 1] =
        value;
      writeCheckpoint(dir, config, weights, { dtype });
      const policy = openPolicy(openCheckpoint(dir), { trained: { method: 'none' }, threads: 1 });
      const scores = await scorePairs(policy, pairs);
      await policy.dispose();
      const told = () => {
        scores.forEach((score, i) => {
          needFinite(score, pairs[i] as TokenizedPair, { model: dir, start: true });
        });
      };
      expect(told, name).toThrow(
        `Its tensor ${name} in ${join(dir, 'model.safetensors')} holds ${value}: fetch the model again`,
      );
      expect(told).toThrow(/row \d: a log-probability of pair pair-\d is not a number under the start model/);
    }
  });
});

describe('needFinite', () => {
  it('lets numbers pass, and names pair and step of a training that ran away', () => {
    const pair = { id: 'abc', row: 7 };
    const scorer = { model: '/m', start: false, step: 12 };
    expect(() => needFinite({ chosen: -1, rejected: -2 }, pair, scorer)).not.toThrow();
    const told = () => needFinite({ chosen: -1, rejected: -Infinity }, pair, scorer);
    expect(told).toThrow(
      /row 7: .*pair abc is not a number under a trained model, after step 12.*"-Infinity"/,
    );
  });

  it('says of finite weights that are too large that they are', () => {
    const weights = initCheckpoint(config, 3);
    writeCheckpoint(dir, config, weights);
    const told = () =>
      needFinite({ chosen: Number.NaN, rejected: -2 }, { id: 'abc', row: 7 }, { model: dir, start: true });
    expect(told).toThrow(/weights are finite, but too large to compute with/);
  });
});
