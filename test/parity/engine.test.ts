import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAdapter } from '../../src/model/adapter.ts';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { parseConfig } from '../../src/model/config.ts';
import { openSafetensors, readTensorF32, type TensorEntry } from '../../src/model/safetensors.ts';
import { embed, gatherPredicting, sharedFeeds } from '../../src/policy/forward.ts';
import { generate } from '../../src/policy/generate.ts';
import { accumulateGradient } from '../../src/policy/gradient.ts';
import type { CompletionLogProb } from '../../src/policy/log-probs.ts';
import { openPolicy, type Policy, type Trained } from '../../src/policy/policy.ts';
import type { HostTensor } from '../../src/tensor/program.ts';
import { packRows } from '../../src/text/rows.ts';
import type { TokenizedPair } from '../../src/text/tokenized.ts';
import { type PairReference, pairLoss } from '../../src/train/pair-loss.ts';
import { scorePairs, trainPreference } from '../../src/train/preference.ts';
import { dpoLoss, dpoSlope, implicitMargin } from '../../src/train/preference-loss.ts';

/**
 * Golden numbers of transformers, PEFT and TRL on tiny random checkpoints: `golden/versions.json` says which
 * versions, `generate.py` how they were made, `node scripts/parity.mjs` compares them afresh with Python.
 */
const GOLDEN = join(import.meta.dirname, 'golden');

interface GoldenPair {
  readonly prompt: number[];
  readonly chosen: number[];
  readonly rejected: number[];
  readonly chosenLogProb: number;
  readonly rejectedLogProb: number;
}
interface GoldenDpo {
  readonly meanLoss: number;
  readonly beta: number;
  readonly pairs: readonly {
    readonly chosenLogProb: number;
    readonly rejectedLogProb: number;
    readonly refChosenLogProb: number;
    readonly refRejectedLogProb: number;
    readonly loss: number;
  }[];
}
interface Golden {
  readonly ids: readonly number[][];
  readonly logitPositions: readonly number[][];
  readonly pairs: readonly GoldenPair[];
  readonly generation: readonly { readonly prompt: number[]; readonly tokens: number[] }[];
  readonly lora?: GoldenDpo;
  readonly full?: GoldenDpo;
}
interface GoldenTraining {
  readonly beta: number;
  readonly ldAlpha?: number;
  readonly anchorWeight?: number;
  readonly peakLearningRate: number;
  readonly steps: readonly {
    readonly loss: number;
    readonly learningRate: number;
    readonly gradNorm: number;
  }[];
  readonly pairLossesBefore: readonly number[];
  readonly pairLossesAfter: readonly number[];
  readonly pairs: readonly Pick<GoldenPair, 'prompt' | 'chosen' | 'rejected'>[];
}

const readJsonFile = <T>(...path: string[]) => JSON.parse(readFileSync(join(GOLDEN, ...path), 'utf8')) as T;
const tokenized = (pairs: readonly Pick<GoldenPair, 'prompt' | 'chosen' | 'rejected'>[]): TokenizedPair[] =>
  pairs.map(({ prompt, chosen, rejected }, row) => ({
    id: String(row),
    row,
    prompt: Int32Array.from(prompt),
    chosen: Int32Array.from(chosen),
    rejected: Int32Array.from(rejected),
    promptTokensCut: 0,
  }));

async function withPolicy<T>(
  folder: string,
  trained: Trained,
  use: (policy: Policy) => Promise<T>,
): Promise<T> {
  const policy = openPolicy(openCheckpoint(join(GOLDEN, folder)), { trained, threads: 1 });
  try {
    return await use(policy);
  } finally {
    await policy.dispose();
  }
}

/** A LoRA policy with the values that PEFT wrote. */
function withAdapter<T>(
  model: string,
  adapterFolder: string,
  use: (policy: Policy) => Promise<T>,
): Promise<T> {
  const adapter = readAdapter(join(GOLDEN, adapterFolder));
  const { rank, alpha, targetModules: targets } = adapter;
  return withPolicy(model, { method: 'lora', rank, alpha, targets, seed: 0 }, async (policy) => {
    for (const [module, { a, b }] of adapter.tensors) {
      policy.parameters.get(`${module}.lora_A`)?.data.set(a.data);
      policy.parameters.get(`${module}.lora_B`)?.data.set(b.data);
    }
    return use(policy);
  });
}

/** ‖a − b‖ / ‖b‖ over all tensors together. */
function relativeError(tensors: Iterable<readonly [Float32Array, Float32Array]>): number {
  let error = 0;
  let norm = 0;
  for (const [got, need] of tensors) {
    expect(got.length).toBe(need.length);
    for (let i = 0; i < need.length; i++) {
      error += ((got[i] as number) - (need[i] as number)) ** 2;
      norm += (need[i] as number) ** 2;
    }
  }
  expect(norm).toBeGreaterThan(0);
  return Math.sqrt(error / norm);
}

/** Logits [positions · V] of each golden sequence at its golden positions. */
async function allLogits(policy: Policy, golden: Golden): Promise<Float32Array[]> {
  const { config, programs } = policy;
  const allocate = (length: number) => new Float32Array(length);
  const out: Float32Array[] = [];
  for (const [i, ids] of golden.ids.entries()) {
    // One more token, of no importance, so that every token of the sequence predicts one.
    const row = {
      prompt: Int32Array.from(ids.slice(0, 1)),
      completions: [Int32Array.from([...ids.slice(1), 0])],
    };
    const batch = packRows([row]);
    const shared = sharedFeeds(policy, batch);
    let hidden = await embed(policy, batch);
    for (let layer = 0; layer < config.layers; layer++) {
      const program = await programs.score(layer, 1);
      hidden = (await program.run({ hidden, ...shared(layer), ...policy.layerFeeds(layer) }, allocate))
        .out as HostTensor;
    }
    const head = await programs.head('logits');
    const predicting = gatherPredicting(policy, hidden, batch, 0, ids.length);
    const logits = (await head.run({ hidden: predicting, ...policy.outerFeeds }, allocate)).logits
      ?.data as Float32Array;
    const V = config.vocabSize;
    const places = golden.logitPositions[i] as number[];
    out.push(Float32Array.from(places.flatMap((place) => [...logits.subarray(place * V, (place + 1) * V)])));
  }
  return out;
}

/** Adds the gradient of the mean DPO loss, and gives the losses. */
async function dpoGradient(
  policy: Policy,
  pairs: readonly TokenizedPair[],
  dpo: GoldenDpo,
): Promise<number[]> {
  const losses: number[] = [];
  const rows = pairs.map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] }));
  await accumulateGradient(policy, packRows(rows), (logProbs) =>
    dpo.pairs.flatMap(({ refChosenLogProb, refRejectedLogProb }, i) => {
      const [chosen, rejected] = [logProbs[2 * i]?.sum as number, logProbs[2 * i + 1]?.sum as number];
      const reference = { refChosen: refChosenLogProb, refRejected: refRejectedLogProb };
      const margin = implicitMargin({ chosen, rejected, ...reference }, dpo.beta);
      losses.push(dpoLoss(margin));
      const slope = (dpo.beta * dpoSlope(margin)) / dpo.pairs.length;
      return [slope, -slope];
    }),
  );
  return losses;
}

const ALL = [
  'llama',
  'llama-untied-bias',
  'llama-bf16',
  'llama-sharded',
  'llama3-rope',
  'mistral-sliding',
  'qwen2',
  'qwen2-bf16',
  'qwen3',
  'gemma2',
  'gemma3-text',
  'gemma3-linear-rope',
  'phi3',
  'phi3-longrope',
  'smollm3',
];

describe.each(ALL)('transformers: %s', (name) => {
  const golden = readJsonFile<Golden>(name, 'expected.json');
  const tensors = openSafetensors(join(GOLDEN, name, 'expected.safetensors')).tensors;

  it('config.json of transformers 4 and 5 says the same', () => {
    const parse = (file: string) => {
      const { source: _, ...config } = parseConfig(readJsonFile(name, file), file);
      return config;
    };
    expect(parse('config.v4.json')).toEqual(parse('config.json'));
  });

  it('logits', async () => {
    const logits = await withPolicy(name, { method: 'none' }, (policy) => allLogits(policy, golden));
    logits.forEach((rows, i) => {
      const need = readTensorF32(tensors.get(`logits/${i}`) as TensorEntry);
      expect(rows.length).toBe(need.length);
      need.forEach((value, n) => {
        expect(Math.abs((rows[n] as number) - value)).toBeLessThan(1e-3);
      });
    });
  });

  it('sequence log-probabilities', async () => {
    const scores = await withPolicy(name, { method: 'none' }, (policy) =>
      scorePairs(policy, tokenized(golden.pairs)),
    );
    golden.pairs.forEach((pair, i) => {
      expect(Math.abs((scores[i]?.chosen as number) - pair.chosenLogProb)).toBeLessThan(1e-3);
      expect(Math.abs((scores[i]?.rejected as number) - pair.rejectedLogProb)).toBeLessThan(1e-3);
    });
  });

  it('greedy generation with a cache', async () => {
    const prompts = golden.generation.map(({ prompt }) => Int32Array.from(prompt));
    const options = { maxNewTokens: 12, temperature: 0, topP: 1, seed: 0, stopIds: [] };
    const generations = await withPolicy(name, { method: 'none' }, (policy) =>
      generate(policy, prompts, options),
    );
    expect(generations.map(({ tokens }) => [...tokens])).toEqual(
      golden.generation.map(({ tokens }) => tokens),
    );
  });
});

describe.each(['llama', 'qwen2', 'qwen3', 'gemma2', 'phi3'])('PEFT: %s', (name) => {
  const golden = readJsonFile<Golden>(name, 'expected.json');
  const tensors = openSafetensors(join(GOLDEN, name, 'expected.safetensors')).tensors;
  const expected = (name: string) => readTensorF32(tensors.get(name) as TensorEntry);
  const pairs = tokenized(golden.pairs);

  it('a PEFT adapter gives equal log-probabilities, losses and gradients', async () => {
    const dpo = golden.lora as GoldenDpo;
    await withAdapter(name, `${name}/adapter`, async (policy) => {
      const scores = await scorePairs(policy, pairs);
      dpo.pairs.forEach((pair, i) => {
        expect(Math.abs((scores[i]?.chosen as number) - pair.chosenLogProb)).toBeLessThan(1e-3);
        expect(Math.abs((scores[i]?.rejected as number) - pair.rejectedLogProb)).toBeLessThan(1e-3);
      });
      const losses = await dpoGradient(policy, pairs, dpo);
      dpo.pairs.forEach(({ loss }, i) => {
        expect(Math.abs((losses[i] as number) - loss)).toBeLessThan(1e-4);
      });
      const error = relativeError(
        [...policy.parameters].map(([parameter, { gradient }]) => [
          gradient,
          expected(`loraGradient/base_model.model.${parameter}.weight`),
        ]),
      );
      expect(error).toBeLessThan(1e-3);
    });
  });
});

describe.each([
  ...['llama', 'llama-untied-bias', 'llama3-rope', 'mistral-sliding', 'qwen2', 'qwen3', 'gemma2'],
  ...['gemma3-text', 'phi3', 'phi3-longrope', 'smollm3'],
])('torch.autograd: %s', (name) => {
  const golden = readJsonFile<Golden>(name, 'expected.json');
  const tensors = openSafetensors(join(GOLDEN, name, 'expected.safetensors')).tensors;
  const expected = (tensor: string) => readTensorF32(tensors.get(tensor) as TensorEntry);
  const pairs = tokenized(golden.pairs);
  const folder = existsSync(join(GOLDEN, name, 'perturbed')) ? `${name}/perturbed` : name;

  it('full training gives equal gradients of every weight', async () => {
    await withPolicy(folder, { method: 'full' }, async (policy) => {
      const dpo = golden.full as GoldenDpo;
      const losses = await dpoGradient(policy, pairs, dpo);
      dpo.pairs.forEach(({ loss }, i) => {
        expect(Math.abs((losses[i] as number) - loss)).toBeLessThan(1e-4);
      });
      const error = relativeError(
        [...policy.parameters].map(([weight, { gradient }]) => [
          gradient,
          expected(`fullGradient/${weight}`),
        ]),
      );
      expect(error).toBeLessThan(1e-3);
    });
  });
});

describe('TRL: ten steps of DPOTrainer', () => {
  async function holdTraining(name: string, policy: Policy, golden: GoldenTraining): Promise<void> {
    const pairs = tokenized(golden.pairs);
    const { ldAlpha: alpha, anchorWeight } = golden;
    const loss = { name: alpha === undefined ? 'sigmoid' : 'ld-dpo', alpha, anchorWeight } as const;
    const byToken = { byToken: true };
    const reference = await withPolicy(name, { method: 'none' }, (start) =>
      scorePairs(start, pairs, undefined, byToken),
    );
    const losses = async () =>
      (await scorePairs(policy, pairs, undefined, byToken)).map((score, i) => {
        const sides = (['chosen', 'rejected'] as const).map((side) => ({
          sum: score[side],
          evenSum: Number.NaN,
          tokens: pairs[i]?.[side].length as number,
          byToken: Float64Array.from(score.tokens?.[side] as Float32Array),
        })) as [CompletionLogProb, CompletionLogProb];
        const ofPair = pairLoss(loss, golden.beta);
        return ofPair(pairs[i] as TokenizedPair, 0, sides, reference[i] as PairReference).loss;
      });
    const near = (got: readonly number[], need: readonly number[]) =>
      need.forEach((value, i) => {
        expect(Math.abs((got[i] as number) - value)).toBeLessThan(1e-4);
      });
    near(await losses(), golden.pairLossesBefore);
    const { records } = await trainPreference(policy, {
      pairs,
      reference,
      beta: golden.beta,
      loss,
      shuffleSeed: null,
      optimisation: {
        learningRate: golden.peakLearningRate,
        schedule: 'cosine',
        warmupRatio: 0.1,
        maxGradNorm: 1,
        batchSize: 2,
        epochs: 1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0,
      },
    });
    near(
      records.map(({ loss }) => loss),
      golden.steps.map(({ loss }) => loss),
    );
    records.forEach(({ learningRate, gradNorm }, i) => {
      const step = golden.steps[i] as GoldenTraining['steps'][number];
      expect(learningRate).toBeCloseTo(step.learningRate, 12);
      expect(Math.abs(gradNorm / step.gradNorm - 1)).toBeLessThan(1e-3);
    });
    near(await losses(), golden.pairLossesAfter);
  }

  it.each([
    ['llama', 'trl-lora'],
    ['qwen2', 'trl-lora'],
    ['llama', 'trl-lora-ld'],
    ['llama', 'trl-lora-anchor'],
  ])('LoRA: losses, rates, gradient norms and the adapter afterwards (%s, %s)', async (name, training) => {
    const golden = readJsonFile<GoldenTraining>(name, training, 'expected.json');
    expect(golden.steps).toHaveLength(10);
    await withAdapter(name, `${name}/trl-lora/before`, async (policy) => {
      await holdTraining(name, policy, golden);
      for (const [module, { a, b }] of readAdapter(join(GOLDEN, name, training, 'after')).tensors)
        for (const [suffix, { data }] of [
          ['lora_A', a],
          ['lora_B', b],
        ] as const) {
          const got = policy.parameters.get(`${module}.${suffix}`)?.data as Float32Array;
          data.forEach((value, i) => {
            if (Math.abs((got[i] as number) - value) > 1e-4)
              throw new Error(`${module}.${suffix}[${i}]: ${got[i]}, not ${value}`);
          });
        }
    });
  });

  it.each(['trl-full', 'trl-full-ld', 'trl-full-anchor'])(
    'full: losses, rates, gradient norms and the weights afterwards (llama, %s)',
    async (training) => {
      const golden = readJsonFile<GoldenTraining>('llama', training, 'expected.json');
      await withPolicy('llama', { method: 'full' }, async (policy) => {
        await holdTraining('llama', policy, golden);
        const after = openCheckpoint(join(GOLDEN, 'llama', training, 'after'));
        for (const [name, { data }] of policy.parameters)
          readTensorF32(after.weights.get(name) as TensorEntry).forEach((value, i) => {
            if (Math.abs((data[i] as number) - value) > 1e-4)
              throw new Error(`${name}[${i}]: ${data[i]}, not ${value}`);
          });
      });
    },
  );
});
