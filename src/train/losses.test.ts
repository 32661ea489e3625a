import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { randomPairs, tinyCheckpoint } from '../policy/fixtures.ts';
import { accumulateGradient } from '../policy/gradient.ts';
import { type CompletionLogProb, completionLogProbs } from '../policy/log-probs.ts';
import { packPass } from '../policy/pack.ts';
import { openPolicy, type Policy, type Trained } from '../policy/policy.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { LOSSES, type PreferenceLoss, weighsTokens } from './losses.ts';
import { type LossSettings, type PairReference, pairLoss } from './pair-loss.ts';
import { scorePairs, trainPreference } from './preference.ts';
import { readTrainingState, writeTrainingState } from './state.ts';

const BETA = 0.1;
const LORA = {
  method: 'lora',
  rank: 4,
  alpha: 8,
  seed: 5,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
} as const;

/** A completion with these log-probabilities of its tokens. */
function completion(...byToken: number[]): CompletionLogProb {
  const sum = byToken.reduce((a, b) => a + b, 0);
  return { sum, evenSum: 0, tokens: byToken.length, byToken: Float64Array.from(byToken) };
}
const tokensOf = (length: number) => new Int32Array(length);

describe('the loss of a pair, by hand', () => {
  // β = 0.5. Chosen: log-ratios 0.5, 1, −1, 2 (sum 2.5). Rejected: 0.25, −0.5 (sum −0.25).
  const chosen = completion(-1, -2, -3, -1);
  const rejected = completion(-2, -1.5);
  const reference: PairReference = {
    chosen: -9.5,
    rejected: -3.25,
    tokens: { chosen: Float32Array.of(-1.5, -3, -2, -3), rejected: Float32Array.of(-2.25, -1) },
  };
  const pair = { id: 'a', chosen: tokensOf(4), rejected: tokensOf(2) };
  const of = (settings: LossSettings) => pairLoss(settings, 0.5)(pair, 0, [chosen, rejected], reference);
  const expected = (margin: number) => ({
    loss: Math.log(1 + Math.exp(-margin)),
    slope: -0.5 / (1 + Math.exp(margin)),
  });

  it('sigmoid: m = 0.5·(2.5 + 0.25) = 1.375', () => {
    const { loss, slope } = expected(1.375);
    const found = of({ name: 'sigmoid' });
    expect(found.loss).toBeCloseTo(loss, 12);
    expect(found.chosen).toBeCloseTo(slope, 12);
    expect(found.rejected).toBeCloseTo(-slope, 12);
  });
  it('LD-DPO, α = 0.25: m = 0.5·(1.5 + 0.25·1 + 0.25) = 1', () => {
    const { loss, slope } = expected(1);
    const found = of({ name: 'ld-dpo', alpha: 0.25 });
    expect(found.loss).toBeCloseTo(loss, 12);
    [1, 1, 0.25, 0.25].forEach((weight, t) => {
      expect((found.chosen as Float64Array)[t]).toBeCloseTo(weight * slope, 12);
    });
    expect(found.rejected).toBeCloseTo(-slope, 12);
    expect(of({ name: 'ld-dpo' }).loss).toBe(of({ name: 'ld-dpo', alpha: 0.5 }).loss);
  });
  it('R-DPO, α = 0.1: m = 1.375 + 0.1·(4 − 2) = 1.575; swapped, m = −1.575', () => {
    const { loss, slope } = expected(1.575);
    const found = of({ name: 'r-dpo', alpha: 0.1 });
    expect(found.loss).toBeCloseTo(loss, 12);
    expect(found.chosen).toBeCloseTo(slope, 12);
    const swapped = pairLoss({ name: 'r-dpo', alpha: 0.1 }, 0.5)(
      { id: 'a', chosen: tokensOf(2), rejected: tokensOf(4) },
      0,
      [rejected, chosen],
      { chosen: -3.25, rejected: -9.5 },
    );
    expect(swapped.loss).toBeCloseTo(expected(-1.575).loss, 12);
  });
  it('SamPO: two of the four tokens of the longer, the same under both policies', () => {
    const ratios = [0.5, 1, -1, 2];
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const found = of({ name: 'sampo', seed });
      const slopes = [...(found.chosen as Float64Array)];
      const drawn = slopes.flatMap((slope, t) => (slope === 0 ? [] : [t]));
      expect(drawn).toHaveLength(2);
      const margin = 0.5 * (drawn.reduce((sum, t) => sum + (ratios[t] as number), 0) + 0.25);
      expect(found.loss).toBeCloseTo(expected(margin).loss, 12);
      expect(found.rejected).toBeCloseTo(-expected(margin).slope, 12);
      seen.add(drawn.join());
    }
    expect(seen.size).toBe(6);
  });
  it('cDPO and rDPO, ε = 0.2: at m = 1.375', () => {
    const m = 1.375;
    const [own, other] = [Math.log(1 + Math.exp(-m)), Math.log(1 + Math.exp(m))];
    const sigma = 1 / (1 + Math.exp(-m));
    const smooth = of({ name: 'cdpo', alpha: 0.2 });
    expect(smooth.loss).toBeCloseTo(0.8 * own + 0.2 * other, 12);
    expect(smooth.chosen).toBeCloseTo(0.5 * (-0.8 * (1 - sigma) + 0.2 * sigma), 12);
    expect(smooth.rejected).toBeCloseTo(-(smooth.chosen as number), 12);
    const robust = of({ name: 'robust', alpha: 0.2 });
    expect(robust.loss).toBeCloseTo((0.8 * own - 0.2 * other) / 0.6, 12);
    expect(robust.chosen).toBeCloseTo((0.5 * (-0.8 * (1 - sigma) - 0.2 * sigma)) / 0.6, 12);
    for (const name of ['cdpo', 'robust'] as const) {
      expect(of({ name, alpha: 0 })).toEqual(of({ name: 'sigmoid' }));
      expect(of({ name }).loss).toBe(of({ name, alpha: 0.1 }).loss);
    }
    // Labels that are wrong in a fifth of the cases: rDPO's mean over them is DPO's over right ones.
    const swapped = pairLoss({ name: 'robust', alpha: 0.2 }, 0.5)(
      { id: 'a', chosen: tokensOf(2), rejected: tokensOf(4) },
      0,
      [rejected, chosen],
      { chosen: -3.25, rejected: -9.5 },
    );
    expect(0.8 * robust.loss + 0.2 * swapped.loss).toBeCloseTo(own, 12);
  });
  it('IPO: (2.5/4 + 0.25/2 − 1)² = 0.0625; at the target neither loss nor slope', () => {
    const found = of({ name: 'ipo' });
    expect(found.loss).toBeCloseTo(0.0625, 12);
    expect(found.chosen).toBeCloseTo((2 * -0.25) / 4, 12);
    expect(found.rejected).toBeCloseTo((-2 * -0.25) / 2, 12);
    const reached = pairLoss({ name: 'ipo' }, 2 / 3)(pair, 0, [chosen, rejected], reference);
    expect(reached.loss).toBeCloseTo(0, 12);
    expect(reached.chosen).toBeCloseTo(0, 12);
  });
  it('SimPO, β 2, γ/β 0.5: m = 2·(−7/4 + 3.5/2) − 1 = −1, whatever the reference and DPO’s β', () => {
    const { loss } = expected(-1);
    const found = of({ name: 'simpo' });
    expect(found.loss).toBeCloseTo(loss, 12);
    const slope = -2 / (1 + Math.exp(-1));
    expect(found.chosen).toBeCloseTo(slope / 4, 12);
    expect(found.rejected).toBeCloseTo(-slope / 2, 12);
    expect(pairLoss({ name: 'simpo' }, 9)(pair, 0, [chosen, rejected], { chosen: 1, rejected: 2 })).toEqual(
      found,
    );
    expect(of({ name: 'simpo', beta: 4, alpha: 0 }).loss).toBeCloseTo(Math.LN2, 12);
  });
  it('the anchor adds the mean negative log-likelihood of all chosen tokens: 7 / 4', () => {
    for (const name of Object.keys(LOSSES) as (keyof typeof LOSSES)[]) {
      const [plain, anchored] = [of({ name }), of({ name, anchorWeight: 2 })];
      expect(anchored.loss - plain.loss).toBeCloseTo(3.5, 12);
      expect(anchored.rejected).toEqual(plain.rejected);
      const slopes = (slope: number | Float64Array) =>
        typeof slope === 'number' ? [slope, slope, slope, slope] : [...slope];
      slopes(anchored.chosen).forEach((slope, t) => {
        expect(slope).toBeCloseTo((slopes(plain.chosen)[t] as number) - 0.5, 12);
      });
    }
  });
  it('asks for the tokens of the reference where it weighs them', () => {
    const { tokens: _, ...sums } = reference;
    const without = (settings: LossSettings) => () =>
      pairLoss(settings, 0.5)(pair, 0, [chosen, rejected], sums);
    expect(without({ name: 'ld-dpo' })).toThrow(/ld-dpo needs .* by token/);
    expect(without({ name: 'r-dpo' })).not.toThrow();
    expect(Object.keys(LOSSES).filter((name) => weighsTokens(name as keyof typeof LOSSES))).toEqual([
      'ld-dpo',
      'sampo',
    ]);
  });
});

describe('the draws of SamPO', () => {
  const { longerWeights } = LOSSES.sampo as PreferenceLoss;
  it('take every position equally often', () => {
    const counts = new Float64Array(7);
    for (let seed = 0; seed < 7000; seed++)
      longerWeights?.(7, 3, 0, new Random(seed)).forEach((weight, t) => {
        counts[t] = (counts[t] as number) + weight;
      });
    // 3000 each; four standard deviations of a binomial count are 164.
    for (const count of counts) expect(Math.abs(count - 3000)).toBeLessThan(164);
  });
  it('depend on seed, epoch and pair alone', () => {
    const pair = { id: 'a', chosen: tokensOf(2), rejected: tokensOf(30) };
    const policy = [completion(-1, -1), completion(...new Array<number>(30).fill(-1))] as const;
    const reference = {
      chosen: -2,
      rejected: -30,
      tokens: { chosen: new Float32Array(2), rejected: new Float32Array(30) },
    };
    const drawn = (seed: number, epoch: number, id: string) =>
      pairLoss({ name: 'sampo', seed }, BETA)({ ...pair, id }, epoch, policy, reference).rejected;
    expect(drawn(1, 0, 'a')).toEqual(drawn(1, 0, 'a'));
    for (const other of [drawn(2, 0, 'a'), drawn(1, 1, 'a'), drawn(1, 0, 'b')])
      expect(other).not.toEqual(drawn(1, 0, 'a'));
  });
});

async function withPolicy<T>(trained: Trained, use: (policy: Policy) => Promise<T>): Promise<T> {
  const { checkpoint, dispose } = tinyCheckpoint();
  const policy = openPolicy(checkpoint, { trained, threads: 1 });
  try {
    return await use(policy);
  } finally {
    await policy.dispose();
    dispose();
  }
}

const pairs = randomPairs(6, 11);
const referenceOf = (some: readonly TokenizedPair[]) =>
  withPolicy({ method: 'none' }, (start) => scorePairs(start, some, undefined, { byToken: true }));

describe('log-probabilities by token', () => {
  it('add up to the sums, and are there only where they are asked for', async () => {
    const scores = await referenceOf(pairs);
    scores.forEach(({ chosen, rejected, tokens }, i) => {
      expect(tokens?.chosen).toHaveLength(pairs[i]?.chosen.length as number);
      expect(tokens?.chosen.reduce((sum, logProb) => sum + logProb, 0)).toBe(chosen);
      expect(tokens?.rejected.reduce((sum, logProb) => sum + logProb, 0)).toBe(rejected);
    });
    const plain = await withPolicy({ method: 'none' }, (start) => scorePairs(start, pairs));
    expect(plain).toEqual(scores.map(({ tokens: _, ...sums }) => sums));
    for (const score of plain) expect(score).not.toHaveProperty('tokens');
  });
});

describe('gradients through the policy', () => {
  const CASES: readonly LossSettings[] = [
    { name: 'sigmoid', anchorWeight: 0.7 },
    { name: 'ld-dpo', alpha: 0.3 },
    { name: 'r-dpo', alpha: 0.2 },
    { name: 'sampo', seed: 4 },
    { name: 'ld-dpo', alpha: 0.3, anchorWeight: 0.7 },
    { name: 'cdpo', alpha: 0.2 },
    { name: 'robust', alpha: 0.2 },
    { name: 'ipo' },
    { name: 'simpo', anchorWeight: 0.3 },
  ];
  it.each([
    ['LoRA', LORA],
    ['full', { method: 'full' } as const],
  ])('agree with finite differences of every loss: %s', async (_, trained) => {
    const reference = await referenceOf(pairs);
    await withPolicy(trained, async (policy) => {
      for (const [name, { data }] of policy.parameters)
        if (name.endsWith('lora_B'))
          for (let i = 0; i < data.length; i++) data[i] = 0.3 * Math.sin(i + name.length);
      const batch = packPass(
        policy,
        pairs.map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] })),
      );
      for (const settings of CASES) {
        const losses = (logProbs: readonly CompletionLogProb[]) =>
          pairs.map((pair, i) =>
            pairLoss(settings, 0.5)(
              pair,
              0,
              logProbs.slice(2 * i, 2 * i + 2) as [CompletionLogProb, CompletionLogProb],
              reference[i] as PairReference,
            ),
          );
        const objective = async () =>
          losses(await completionLogProbs(policy, batch)).reduce((sum, { loss }) => sum + loss, 0);
        for (const { gradient } of policy.parameters.values()) gradient.fill(0);
        await accumulateGradient(policy, batch, (logProbs) =>
          losses(logProbs).flatMap(({ chosen, rejected }) => [chosen, rejected]),
        );
        let [error, norm] = [0, 0];
        for (const [name, { data, gradient }] of policy.parameters)
          for (let k = 0; k < 3; k++) {
            const i = (k * 37 + name.length) % data.length;
            const at = data[i] as number;
            const h = 4e-3;
            data[i] = at + h;
            const up = await objective();
            data[i] = at - h;
            const down = await objective();
            data[i] = at;
            const numeric = (up - down) / (2 * h);
            error += (numeric - (gradient[i] as number)) ** 2;
            norm += numeric ** 2;
          }
        expect(norm).toBeGreaterThan(0.01);
        expect(Math.sqrt(error / norm), JSON.stringify(settings)).toBeLessThan(4e-3);
      }
    });
  });
});

describe('training', () => {
  const optimisation = {
    learningRate: 1e-2,
    schedule: 'constant',
    warmupRatio: 0,
    maxGradNorm: 1,
    batchSize: 2,
    epochs: 3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
  } as const;
  async function train(
    loss: LossSettings | null,
    some: readonly TokenizedPair[] = pairs,
    trained: Trained = LORA,
  ) {
    const reference = await referenceOf(some);
    return withPolicy(trained, async (policy) => {
      const job = { pairs: some, reference, beta: BETA, shuffleSeed: 3, optimisation };
      const state = await trainPreference(policy, loss === null ? job : { ...job, loss });
      const weights = [...policy.parameters.values()].map(({ data }) => Array.from(data));
      return { records: state.records, weights };
    });
  }
  /** The same pairs with completions of one length. */
  const level = pairs.map((pair) => {
    const length = Math.min(pair.chosen.length, pair.rejected.length);
    return { ...pair, chosen: pair.chosen.slice(0, length), rejected: pair.rejected.slice(0, length) };
  });

  it.each([
    ['LoRA', LORA],
    ['full', { method: 'full' } as const],
  ])('%s: what corrects nothing is DPO bit for bit, what corrects something is not', async (_, trained) => {
    const plain = await train(null, pairs, trained);
    expect(await train({ name: 'ld-dpo', alpha: 1 }, pairs, trained)).toEqual(plain);
    expect(await train({ name: 'r-dpo', alpha: 0 }, pairs, trained)).toEqual(plain);
    expect(await train({ name: 'sigmoid', anchorWeight: 0 }, pairs, trained)).toEqual(plain);
    for (const loss of [
      { name: 'ld-dpo' },
      { name: 'r-dpo' },
      { name: 'sampo' },
      { name: 'sigmoid', anchorWeight: 0.1 },
    ] as const)
      expect((await train(loss, pairs, trained)).weights).not.toEqual(plain.weights);
  });
  it('completions of one length: every loss is DPO', async () => {
    const plain = await train(null, level);
    for (const name of ['ld-dpo', 'r-dpo', 'sampo'] as const)
      expect(await train({ name }, level)).toEqual(plain);
  });
  it('SamPO: a seed gives the same training, another seed another; resumed as uninterrupted', async () => {
    const whole = await train({ name: 'sampo', seed: 1 });
    expect(await train({ name: 'sampo', seed: 1 })).toEqual(whole);
    expect((await train({ name: 'sampo', seed: 2 })).weights).not.toEqual(whole.weights);
    const reference = await referenceOf(pairs);
    const loss = { name: 'sampo', seed: 1 } as const;
    const job = { pairs, reference, beta: BETA, loss, shuffleSeed: 3, optimisation };
    for (const stopAt of [1, 4, 8]) {
      const dir = mkdtempSync(join(tmpdir(), 'winnow-state-'));
      const stopped = withPolicy(LORA, (policy) =>
        trainPreference(policy, job, {
          afterStep: async (state) => {
            if (state.adam.step !== stopAt) return;
            writeTrainingState(dir, policy, state);
            throw new Error('stopped');
          },
        }),
      );
      await expect(stopped).rejects.toThrow('stopped');
      await withPolicy(LORA, async (policy) => {
        const { records } = await trainPreference(policy, job, { resume: readTrainingState(dir, policy) });
        expect(records).toEqual(whole.records);
        expect([...policy.parameters.values()].map(({ data }) => Array.from(data))).toEqual(whole.weights);
      });
      rmSync(dir, { recursive: true, force: true });
    }
  });
  it('the anchor holds the chosen completion up', async () => {
    const change = async (loss: LossSettings) => {
      const reference = await referenceOf(pairs);
      return withPolicy(LORA, async (policy) => {
        const longer = { ...optimisation, epochs: 20 };
        const job = { pairs, reference, beta: BETA, loss, shuffleSeed: 3, optimisation: longer };
        await trainPreference(policy, job);
        const after = await scorePairs(policy, pairs);
        return after.reduce((sum, { chosen }, i) => sum + chosen - (reference[i]?.chosen as number), 0);
      });
    };
    const [plain, anchored] = [
      await change({ name: 'sigmoid' }),
      await change({ name: 'sigmoid', anchorWeight: 1 }),
    ];
    expect(anchored).toBeGreaterThan(Math.max(0, plain));
  });
});
