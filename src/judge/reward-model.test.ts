import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import {
  initCheckpoint,
  llamaConfig,
  openCheckpoint,
  rewardConfig,
  type Weight,
  writeCheckpoint,
} from '../model/checkpoint.ts';
import { openSafetensors, readTensorF32, type TensorEntry } from '../model/safetensors.ts';
import { TINY } from '../policy/fixtures.ts';
import { CHATML, tinyFiles } from '../text/tiny.fixture.ts';
import { loadRewardModel, type RewardModel } from './reward-model.ts';

const GOLDEN = join(import.meta.dirname, '..', '..', 'test', 'parity', 'golden');
const SHAPE = { ...TINY, vocabSize: 261, maxPositions: 96, eosTokenIds: [257] };
const END = 257;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-reward-model-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
let models = 0;

/** The folder of a reward model with a tokenizer; lively weights, or those given. */
function writeModel({
  config = rewardConfig(llamaConfig(SHAPE), END),
  weights = lively(config),
  chatTemplate = CHATML as string | null,
} = {}): string {
  const dir = join(root, String(models++));
  writeCheckpoint(dir, config, weights);
  const files = tinyFiles(chatTemplate === null ? {} : { chatTemplate });
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(files.tokenizer));
  writeFileSync(join(dir, 'tokenizer_config.json'), JSON.stringify(files.config));
  return dir;
}

function lively(config: Parameters<typeof initCheckpoint>[0]): Map<string, Weight> {
  const weights = initCheckpoint(config, 3);
  for (const [name, { data }] of weights)
    if (!name.includes('norm')) for (let i = 0; i < data.length; i++) data[i] = 12 * (data[i] as number);
  return weights;
}

async function withModel<T>(dir: string, use: (model: RewardModel) => Promise<T>, options = {}): Promise<T> {
  const model = await loadRewardModel(dir, options);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

const random = new Random('reward texts');
const TEXTS = [1, 3, 17, 40, 96].map((length) => Array.from({ length }, () => random.integer(256)));

/**
 * A causal model with w as the row v of its output embedding gives token v the logit that a reward model with the head w
 * gives as reward: the golden logits of transformers are rewards, too.
 */
describe.each(['llama', 'llama-untied-bias', 'qwen2', 'qwen3', 'gemma2', 'gemma3-text', 'phi3', 'smollm3'])(
  'a row of the output embedding as the head: %s',
  (name) => {
    it('rewards are the golden logits of that token', async () => {
      const language = openCheckpoint(join(GOLDEN, name));
      const { config } = language;
      const expected = JSON.parse(readFileSync(join(GOLDEN, name, 'expected.json'), 'utf8')) as {
        readonly ids: readonly number[][];
        readonly logitPositions: readonly number[][];
      };
      const logits = openSafetensors(join(GOLDEN, name, 'expected.safetensors')).tensors;
      const V = config.vocabSize;
      const embedding = readTensorF32(
        language.weights.get(
          config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight',
        ) as TensorEntry,
      );
      for (const token of [0, 5, V - 1]) {
        const D = config.hiddenSize;
        const head = { shape: [1, D], data: embedding.slice(token * D, (token + 1) * D) };
        const weights = new Map<string, Weight>([['score.weight', head]]);
        for (const [tensor, entry] of language.weights)
          if (tensor !== 'lm_head.weight')
            weights.set(tensor, { shape: entry.shape, data: readTensorF32(entry) });
        const dir = writeModel({ config: rewardConfig(config), weights });
        const rewards = await withModel(dir, (model) => model.score(expected.ids));
        expected.ids.forEach((_, i) => {
          const rows = readTensorF32(logits.get(`logits/${i}`) as TensorEntry);
          const last = ((expected.logitPositions[i] as number[]).length - 1) * V;
          const cap = config.logitSoftcap;
          const reward = rewards[i] as number;
          // The cap on logits is no part of a reward.
          const logit = cap === null ? reward : cap * Math.tanh(reward / cap);
          expect(Math.abs(logit - (rows[last + token] as number))).toBeLessThan(1e-3);
        });
      }
    });
  },
);

describe('scores', () => {
  it('do not depend on the order of texts, on what stands beside them, or on being asked for twice', async () => {
    await withModel(writeModel(), async (model) => {
      const all = await model.score(TEXTS);
      expect(await model.score(TEXTS)).toEqual(all);
      expect(new Set(all).size).toBe(TEXTS.length);
      const near = (got: ArrayLike<number>, need: readonly number[]) =>
        need.forEach((value, i) => {
          expect(Math.abs((got[i] as number) - value)).toBeLessThan(1e-5);
        });
      near(await model.score([...TEXTS].reverse()), [...all].reverse());
      for (const [i, text] of TEXTS.entries()) near(await model.score([text]), [all[i] as number]);
      // What lies behind a text's end is not seen.
      near(await model.score(TEXTS.slice(0, 4).map((text) => [...text, END, END])), [...all.slice(0, 4)]);
    });
  });

  it('of calls at once are those of calls in turn', async () => {
    await withModel(writeModel(), async (model) => {
      const inTurn = await model.score(TEXTS);
      const [first, ...others] = await Promise.all([
        model.score(TEXTS),
        ...TEXTS.map((text) => model.score([text])),
        model.score([[300]]).catch(() => 'refused'),
      ]);
      expect(first).toEqual(inTurn);
      TEXTS.forEach((_, i) => {
        expect(Math.abs((others[i] as Float64Array)[0]! - (inTurn[i] as number))).toBeLessThan(1e-5);
      });
      expect(others.at(-1)).toBe('refused');
    });
  });

  it('tell how far they are', async () => {
    const told: number[] = [];
    await withModel(writeModel(), (model) => model.score(TEXTS, (done) => told.push(done)));
    expect(told.at(-1)).toBe(TEXTS.length);
  });

  it.each([
    ['empty-text', [[1, 2], []], 1],
    ['empty-text', [[END, END]], 0],
    ['text-too-long', [[1], new Array(97).fill(1)], 1],
    ['id-out-of-vocabulary', [[1, 261]], 0],
    ['id-out-of-vocabulary', [[1, -1]], 0],
    ['id-out-of-vocabulary', [[1, 0.5]], 0],
    ['id-out-of-vocabulary', [[1, Number.NaN]], 0],
  ] as const)('%s: the row is named, and nothing is cut', async (code, texts, row) => {
    await withModel(writeModel(), async (model) => {
      await expect(model.score(texts)).rejects.toMatchObject({ kind: 'input', code, fields: { row } });
      expect(await model.score(TEXTS)).toHaveLength(TEXTS.length);
    });
  });

  it.each(['score.weight', 'model.layers.1.mlp.up_proj.weight'])('NaN in %s is told', async (tensor) => {
    const config = rewardConfig(llamaConfig(SHAPE), END);
    const weights = lively(config);
    (weights.get(tensor) as Weight).data[3] = Number.NaN;
    await withModel(writeModel({ config, weights }), async (model) => {
      await expect(model.score(TEXTS)).rejects.toMatchObject({
        kind: 'input',
        code: 'model-not-finite',
        fields: { tensor, remedy: expect.stringContaining('holds NaN') },
      });
    });
  });
});

describe('conversations', () => {
  it('are read in the model’s own chat template', async () => {
    await withModel(writeModel(), async (model) => {
      const asked = [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'why?' },
      ];
      const text =
        '<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\nso<|im_end|>\n';
      const ids = model.tokenizer.encode(text, { special: true });
      const [reward] = await model.score([ids]);
      expect(await model.rewardOf(asked, 'so')).toBe(reward);
      expect(await model.rewardOf(asked, 'no')).not.toBe(reward);
    });
  });

  it('of plain text end with EOS without a template, which is not read where it is the padding token', async () => {
    const asked = { prompt: 'why?', answer: ' so' };
    const rewards = (padTokenId: number | null) => {
      const config = rewardConfig(llamaConfig(SHAPE), padTokenId);
      const dir = writeModel({ config, chatTemplate: null });
      return withModel(dir, async (model) => {
        const ids = model.tokenizer.encode('why? so', { special: true });
        const [bare, ended] = await model.score([ids, [...ids, END]]);
        const [reward] = await model.rewardsOf([asked]);
        return { bare, ended, reward };
      });
    };
    const padded = await rewards(END);
    expect(padded.ended).toBe(padded.bare);
    const apart = await rewards(null);
    expect(Math.abs((apart.reward as number) - (apart.ended as number))).toBeLessThan(1e-5);
    expect(apart.ended).not.toBeCloseTo(apart.bare as number, 3);
  });

  it('that are too long are refused, or lose the start of their prompt where that is asked for', async () => {
    const dir = writeModel();
    const long = { prompt: 'x'.repeat(200), answer: 'so' };
    await withModel(dir, async (model) => {
      await expect(model.rewardsOf([{ prompt: 'a', answer: 'b' }, long])).rejects.toMatchObject({
        code: 'conversation-too-long',
        fields: { row: 1, got: expect.any(Number) },
      });
    });
    const cut = await withModel(dir, (model) => model.rewardsOf([long]), { onLong: 'cut-prompt-start' });
    expect(cut).toHaveLength(1);
    await withModel(
      dir,
      async (model) => {
        expect(model.maxLength).toBe(40);
        await expect(model.rewardsOf([{ prompt: 'a', answer: 'b'.repeat(60) }])).rejects.toThrow(
          /answers?.*never cut/,
        );
      },
      { onLong: 'cut-prompt-start', maxLength: 40 },
    );
  });

  it.each([0, 1.5, Number.NaN])('a most length of %s is none', async (maxLength) => {
    await expect(loadRewardModel(writeModel(), { maxLength })).rejects.toMatchObject({ code: 'bad-length' });
  });
});
