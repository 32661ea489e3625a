import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scoreTexts } from '../../src/judge/reward-model.ts';
import { type Checkpoint, openRewardCheckpoint } from '../../src/model/checkpoint.ts';
import { openPolicy, type Policy, type PolicyOptions } from '../../src/policy/policy.ts';
import { textRewards } from '../../src/policy/rewards.ts';

/**
 * Rewards that transformers gives texts on tiny random reward models (`reward_models.py`), one of each architecture,
 * with and without padding inside and behind the text.
 */
const GOLDEN = join(import.meta.dirname, 'golden');
const MODELS = readdirSync(GOLDEN).filter((name) => name.startsWith('reward-'));

interface Golden {
  readonly padTokenId: number | null;
  readonly texts: readonly { readonly ids: number[]; readonly reward: number }[];
}

async function withModel<T>(
  name: string,
  use: (policy: Policy, checkpoint: Checkpoint, golden: Golden) => Promise<T>,
  options: Partial<PolicyOptions> = {},
): Promise<T> {
  const golden = JSON.parse(readFileSync(join(GOLDEN, name, 'expected.json'), 'utf8')) as Golden;
  const checkpoint = openRewardCheckpoint(join(GOLDEN, name));
  const policy = openPolicy(checkpoint, { trained: { method: 'none' }, threads: 1, ...options });
  try {
    return await use(policy, checkpoint, golden);
  } finally {
    await policy.dispose();
  }
}

function expectNear(got: ArrayLike<number>, { texts }: Golden): void {
  expect(got.length).toBe(texts.length);
  texts.forEach(({ reward }, i) => {
    expect(Math.abs((got[i] as number) - reward)).toBeLessThan(1e-4);
  });
}

it('every architecture has a golden reward model', () => {
  expect(MODELS).toHaveLength(10);
});

describe.each(MODELS)('transformers: %s', (name) => {
  it('rewards of texts, in one pass and one by one', async () => {
    await withModel(name, async (policy, checkpoint, golden) => {
      expect(checkpoint.config.reward).toEqual({ padTokenId: golden.padTokenId });
      const texts = golden.texts.map(({ ids }) => ids);
      // They tell texts apart: a head that read another token would not pass. (Of eight texts four end alike within
      // what windows let Mistral's last token see.)
      expect(new Set(golden.texts.map(({ reward }) => reward.toFixed(3))).size).toBeGreaterThanOrEqual(4);
      expectNear(await scoreTexts({ policy, checkpoint }, texts), golden);
      const alone: number[] = [];
      for (const ids of texts) alone.push(...(await scoreTexts({ policy, checkpoint }, [ids])));
      expectNear(alone, golden);
    });
  });
});

it('held weights give the same bits as mapped ones', async () => {
  const rewards = (holdWeights: boolean) =>
    withModel(
      'reward-llama-bf16',
      (policy, checkpoint, { texts }) =>
        scoreTexts(
          { policy, checkpoint },
          texts.map(({ ids }) => ids),
        ),
      { holdWeights },
    );
  expect(await rewards(true)).toEqual(await rewards(false));
});

it('of no texts, none', async () => {
  await withModel('reward-llama', async (policy, checkpoint) => {
    expect(await textRewards(policy, [])).toHaveLength(0);
    expect(await scoreTexts({ policy, checkpoint }, [])).toHaveLength(0);
  });
});
