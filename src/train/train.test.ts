import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { machineError } from '../base/errors.ts';
import { randomPairs, tinyCheckpoint } from '../policy/fixtures.ts';
import { openPolicy, type Policy, type Trained } from '../policy/policy.ts';
import { adamWStep, newAdamW } from './adamw.ts';
import { trainLanguage } from './language.ts';
import type { Optimisation, TrainingHooks } from './optimise.ts';
import { scorePairs, trainPreference } from './preference.ts';
import { dpoLoss, dpoSlope, implicitMargin } from './preference-loss.ts';
import { learningRateAt } from './schedule.ts';
import { readTrainingState, writeTrainingState } from './state.ts';

const BASE: Optimisation = {
  learningRate: 1e-2,
  schedule: 'constant',
  warmupRatio: 0,
  maxGradNorm: 1,
  batchSize: 8,
  epochs: 30,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
};
const LORA = {
  method: 'lora',
  rank: 4,
  alpha: 8,
  seed: 5,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
} as const;

const pairs = randomPairs(8, 11);

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

async function train(
  policy: Policy,
  change: Partial<Optimisation> = {},
  hooks: TrainingHooks = {},
  beta = 0.1,
) {
  const reference = await withPolicy({ method: 'none' }, (start) => scorePairs(start, pairs));
  const job = { pairs, reference, beta, shuffleSeed: 3, optimisation: { ...BASE, ...change } };
  const state = await trainPreference(policy, job, hooks);
  const after = await scorePairs(policy, pairs);
  const losses = after.map((score, i) => {
    const ref = reference[i] as { chosen: number; rejected: number };
    return dpoLoss(implicitMargin({ ...score, refChosen: ref.chosen, refRejected: ref.rejected }, beta));
  });
  return { state, losses, mean: losses.reduce((a, b) => a + b, 0) / losses.length };
}

describe('DPO loss', () => {
  it('is ln 2 at margin 0, stable far out, and its slope is its derivative', () => {
    expect(dpoLoss(0)).toBeCloseTo(Math.LN2, 12);
    expect(dpoLoss(800)).toBe(0);
    expect(dpoLoss(-800)).toBe(800);
    for (const m of [-30, -2, -0.1, 0, 0.4, 3, 30])
      expect(dpoSlope(m)).toBeCloseTo((dpoLoss(m + 1e-5) - dpoLoss(m - 1e-5)) / 2e-5, 6);
  });
  it('swapping chosen and rejected turns m into −m', () => {
    const pair = { chosen: -10, rejected: -13, refChosen: -11, refRejected: -12 };
    const swapped = { chosen: -13, rejected: -10, refChosen: -12, refRejected: -11 };
    expect(implicitMargin(pair, 0.1)).toBeCloseTo(0.2, 12);
    expect(implicitMargin(swapped, 0.1)).toBe(-implicitMargin(pair, 0.1));
  });
});

describe('training', () => {
  it.each([
    ['LoRA', LORA],
    ['full', { method: 'full' } as const],
  ])('%s: starts at ln 2 for every pair and overfits 8 pairs to near-zero loss', async (_, trained) => {
    await withPolicy(trained, async (policy) => {
      const untrained = await train(policy, { epochs: 0 });
      for (const loss of untrained.losses) expect(Math.abs(loss - Math.LN2)).toBeLessThan(1e-6);
    });
    const { mean, state } = await withPolicy(trained, (policy) =>
      // The frozen head bounds what adapters can reach: a larger β asks for less.
      train(policy, { epochs: 100 }, {}, 0.5),
    );
    expect(mean).toBeLessThan(0.01);
    expect(state.records).toHaveLength(100);
    expect(state.records[0]?.loss).toBeCloseTo(Math.LN2, 6);
  });
  it('gradient accumulation over passes equals one pass', async () => {
    const whole = await withPolicy(LORA, (policy) => train(policy, { epochs: 3 }));
    const { checkpoint, dispose } = tinyCheckpoint();
    // So little memory that every row is a pass of its own and activations are computed again.
    const policy = openPolicy(checkpoint, { trained: LORA, threads: 1, activationBytes: 1 });
    const apart = await train(policy, { epochs: 3 });
    apart.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(whole.losses[i] as number, 4);
    });
    await policy.dispose();
    dispose();
  });
  it('weights count pairs as often: 1 as none, 2 and 0.5 as in the sum, in loss and gradient', async () => {
    const one = { epochs: 1, batchSize: 4, maxGradNorm: 1e9 };
    const trained = (weights?: readonly number[]) =>
      withPolicy(LORA, async (policy) => {
        const reference = await withPolicy({ method: 'none' }, (start) => scorePairs(start, pairs));
        const weighed = weights === undefined ? {} : { weights };
        const optimisation = { ...BASE, ...one };
        const job = {
          pairs: pairs.slice(0, 4),
          reference,
          ...weighed,
          beta: 0.1,
          shuffleSeed: null,
          optimisation,
        };
        return (await trainPreference(policy, job)).records;
      });
    const [plain, ones] = [await trained(), await trained([1, 1, 1, 1])];
    expect(ones).toEqual(plain);
    // At the start every loss is ln 2, so the step's loss is the mean weight of it; AdamW's first step shows the norm.
    const [some] = await trained([2, 0.5, 1, 0.25]);
    expect(some?.loss).toBeCloseTo((3.75 / 4) * Math.LN2, 6);
    const [doubled] = await trained([2, 2, 2, 2]);
    expect(doubled?.gradNorm).toBeCloseTo(2 * (plain[0]?.gradNorm as number), 4);
    // A pair alone that counts: as a batch in which the others have no slope.
    const [first] = await trained([4, 1e-12, 1e-12, 1e-12]);
    const [last] = await trained([1e-12, 1e-12, 1e-12, 4]);
    expect(first?.gradNorm).not.toBeCloseTo(last?.gradNorm as number, 4);
  });

  it('resumed from any step, it gives bit for bit what an uninterrupted run gives', async () => {
    const options = { epochs: 6, batchSize: 3, schedule: 'cosine', warmupRatio: 0.1 } as const;
    const whole = await withPolicy(LORA, (policy) => train(policy, options));
    expect(whole.state.records).toHaveLength(18);
    for (const stopAt of [1, 7, 17]) {
      const dir = mkdtempSync(join(tmpdir(), 'winnow-state-'));
      await withPolicy(LORA, (policy) =>
        train(policy, options, {
          afterStep: async (state) => {
            if (state.adam.step !== stopAt) return;
            writeTrainingState(dir, policy, state);
            throw new Error('stopped');
          },
        }),
      ).catch((error: Error) => expect(error.message).toBe('stopped'));
      const resumed = await withPolicy(LORA, (policy) =>
        train(policy, options, { resume: readTrainingState(dir, policy) }),
      );
      expect(resumed.losses).toEqual(whole.losses);
      expect(resumed.state.records).toEqual(whole.state.records);
    }
  });
  it('a diverging run ends with an error that names the step', async () => {
    const run = withPolicy({ method: 'full' }, (policy) => train(policy, { learningRate: 1e30, epochs: 20 }));
    await expect(run).rejects.toThrow(/diverged at step \d+.*pair-\d \(row \d\)/);
  });
  it('a pair whose loss is no number is named, with the step', async () => {
    const run = withPolicy(LORA, async (policy) => {
      const reference = pairs.map((_, i) => ({ chosen: i === 5 ? Number.NaN : -9, rejected: -9 }));
      const job = { pairs, reference, beta: 0.1, shuffleSeed: null, optimisation: { ...BASE, batchSize: 4 } };
      return trainPreference(policy, job);
    });
    await expect(run).rejects.toMatchObject({
      code: 'diverged',
      fields: {
        step: 2,
        notFinite: ['pair-5 (row 5)'],
        pairs: [4, 5, 6, 7].map((i) => `pair-${i} (row ${i})`),
      },
    });
    await expect(run).rejects.toThrow(/the loss of these is no number: pair-5 \(row 5\)/);
  });
  it('a gradient that is no number, though the loss is one, ends it before it becomes a weight', async () => {
    for (const value of [Number.NaN, Infinity])
      await withPolicy(LORA, async (policy) => {
        const backward = policy.programs.backward.bind(policy.programs);
        let calls = 0;
        policy.programs.backward = async (...place) => {
          const program = await backward(...place);
          const second = calls++ >= 2; // two layers a step
          return {
            ...program,
            run: async (feeds, allocate) => {
              const grads = await program.run<string>(feeds, allocate);
              if (second) (grads['d.self_attn.q_proj.lora_B']?.data as Float32Array)[3] = value;
              return grads;
            },
          };
        };
        const weights = () => [...policy.parameters.values()].map(({ data }) => [...data]);
        let before: number[][] = [];
        const options = { batchSize: 4, epochs: 1 };
        const run = train(policy, options, {
          afterStep: async () => {
            before = weights();
          },
        });
        await expect(run).rejects.toThrow(
          new RegExp(
            `diverged at step 2: loss 0\\.\\d+, gradient norm ${value}; its batch: pair-\\d \\(row \\d\\), `,
          ),
        );
        await expect(run).rejects.toMatchObject({ code: 'diverged', fields: { step: 2, notFinite: [] } });
        await run.catch(({ fields }) => expect(fields.pairs).toHaveLength(4));
        expect(weights()).toEqual(before);
      });
  });
  it('supervised training lowers the loss of its texts', async () => {
    await withPolicy({ method: 'full' }, async (policy) => {
      const texts = pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen }));
      const { records } = await trainLanguage(policy, texts, 1, { ...BASE, epochs: 40, batchSize: 4 });
      expect(records.at(-1)?.loss).toBeLessThan(0.25 * (records[0]?.loss as number));
    });
  });
});

describe('a pass that does not fit into memory', () => {
  const noMemory = () => machineError('out-of-memory', 'the engine could not allocate memory');
  /** Lets the backward passes numbered `failing` of all layers fail, from 0. */
  function starve(policy: Policy, failing: (call: number) => boolean): () => number {
    let calls = 0;
    const backward = policy.programs.backward.bind(policy.programs);
    policy.programs.backward = async (...place) => {
      if (failing(calls++)) throw noMemory();
      return backward(...place);
    };
    return () => calls;
  }
  const oneStep = async (prepare: (policy: Policy) => () => number) =>
    withPolicy(LORA, async (policy) => {
      const calls = prepare(policy);
      const { state } = await train(policy, { epochs: 1 });
      return {
        record: state.records[0],
        calls: calls(),
        data: [...policy.parameters.values()].map(({ data }) => data),
      };
    });

  it('is halved, and gives the same step', async () => {
    const whole = await oneStep((policy) => starve(policy, () => false));
    // The second layer's gradients are gathered already when the first layer's pass fails.
    const starved = await oneStep((policy) => starve(policy, (call) => call === 1));
    expect([whole.calls, starved.calls]).toEqual([2, 6]);
    expect(starved.record?.gradNorm).toBeCloseTo(whole.record?.gradNorm as number, 5);
    starved.data.forEach((data, p) => {
      data.forEach((value, i) => {
        expect(Math.abs(value - (whole.data[p]?.[i] as number))).toBeLessThan(1e-4);
      });
    });
  });

  it('ends with what was needed and what there was, when half does not fit either', async () => {
    const run = oneStep((policy) => starve(policy, () => true));
    await expect(run).rejects.toMatchObject({ kind: 'machine', code: 'out-of-memory' });
    await expect(run).rejects.toThrow(/a pass of 4 rows of \d+ tokens .*need "about 1 MB.*MB free/);
  });

  it('is no error of memory when something else fails', async () => {
    const run = withPolicy(LORA, async (policy) => {
      policy.programs.backward = async () => {
        throw new Error('something else');
      };
      return train(policy, { epochs: 1 });
    });
    await expect(run).rejects.toThrow('something else');
  });
});

describe('AdamW', () => {
  it('follows torch.optim.AdamW (values by hand for two steps)', () => {
    const data = Float32Array.of(1);
    const gradient = Float32Array.of(0.5);
    const parameters = new Map([['w', { shape: [1], data, gradient }]]);
    const state = newAdamW(parameters);
    const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
    adamWStep(parameters, state, 0.01, 1, options);
    // First step: bias-corrected m / √v is the sign of the gradient.
    expect(data[0]).toBeCloseTo(1 * (1 - 0.001) - 0.01, 6);
    expect(gradient[0]).toBe(0);
    const before = data[0] as number;
    gradient[0] = -0.25;
    adamWStep(parameters, state, 0.01, 1, options);
    const m = (0.9 * 0.05 + 0.1 * -0.25) / (1 - 0.81);
    const v = (0.999 * 0.00025 + 0.001 * 0.0625) / (1 - 0.998001);
    expect(data[0]).toBeCloseTo(before * 0.999 - (0.01 * m) / (Math.sqrt(v) + 1e-8), 6);
  });
});

describe('schedule', () => {
  it('warms up from zero and falls along a cosine to zero, as transformers does', () => {
    const schedule = { name: 'cosine', learningRate: 2, totalSteps: 20, warmupRatio: 0.1 } as const;
    const rates = Array.from({ length: 20 }, (_, step) => learningRateAt(schedule, step));
    expect(rates.slice(0, 3)).toEqual([0, 1, 2]);
    expect(rates[11]).toBeCloseTo(1, 12);
    expect(rates[19]).toBeCloseTo(1 + Math.cos((Math.PI * 17) / 18), 12);
  });
});
