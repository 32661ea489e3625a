import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../model/checkpoint.ts';
import { integersAreExact } from '../tensor/integer-products.ts';
import { packRows } from '../text/rows.ts';
import { randomRows, tinyCheckpoint } from './fixtures.ts';
import { accumulateGradient } from './gradient.ts';
import { completionLogProbs } from './log-probs.ts';
import { openPolicy, type Policy, type PolicyOptions, type Trained } from './policy.ts';

const exactHere = await integersAreExact();

const STORIES = '../shared/data/stories260K';
const disposals: (() => unknown)[] = [];
afterAll(async () => {
  for (const dispose of disposals) await dispose();
});

function tinyPolicy(
  trained: Trained,
  change = {},
  { dtype, ...options }: Partial<PolicyOptions> & { dtype?: 'F32' | 'BF16' | 'F16' } = {},
): Policy {
  const { checkpoint, dispose } = tinyCheckpoint(change, dtype);
  const policy = openPolicy(checkpoint, { trained, threads: 1, activationBytes: 1e9, ...options });
  disposals.push(async () => {
    await policy.dispose();
    dispose();
  });
  return policy;
}

const LORA = {
  method: 'lora',
  rank: 3,
  alpha: 6,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  seed: 5,
} as const;
const sums = (items: readonly { sum: number }[]) => items.map((item) => item.sum);

describe('log-probabilities', () => {
  it('a shared prompt gives what separate rows give', async () => {
    const policy = tinyPolicy({ method: 'none' });
    const rows = randomRows(5);
    const together = sums(await completionLogProbs(policy, packRows(rows)));
    const apart: number[] = [];
    for (const row of rows)
      for (const completion of row.completions)
        apart.push(
          ...sums(
            await completionLogProbs(policy, packRows([{ prompt: row.prompt, completions: [completion] }])),
          ),
        );
    for (let i = 0; i < apart.length; i++) expect(together[i]).toBeCloseTo(apart[i] as number, 4);
    expect(Math.min(...apart)).toBeLessThan(-5);
  });
  it('sum over all next tokens is 1', async () => {
    const policy = tinyPolicy({ method: 'none' }, { tieWordEmbeddings: true });
    const completions = Array.from({ length: 23 }, (_, token) => Int32Array.of(token));
    const logProbs = await completionLogProbs(
      policy,
      packRows([{ prompt: Int32Array.of(1, 4, 9), completions }]),
    );
    expect(sums(logProbs).reduce((total, logProb) => total + Math.exp(logProb), 0)).toBeCloseTo(1, 5);
  });
  it('a LoRA policy starts exactly as its checkpoint, a full one too', async () => {
    const batch = packRows(randomRows(4));
    const start = sums(await completionLogProbs(tinyPolicy({ method: 'none' }), batch));
    expect(sums(await completionLogProbs(tinyPolicy(LORA), batch))).toEqual(start);
    const full = sums(await completionLogProbs(tinyPolicy({ method: 'full' }), batch));
    full.forEach((sum, i) => {
      expect(sum).toBeCloseTo(start[i] as number, 5);
    });
  });
  it('weights that are held as float32 give the same numbers, bit by bit', async () => {
    const batch = packRows(randomRows(6), [7, 7, 7], true);
    for (const trained of [LORA, { method: 'none' } as const]) {
      const [mapped, held] = [false, true].map((holdWeights) =>
        tinyPolicy(trained, {}, { dtype: 'BF16', holdWeights }),
      ) as [Policy, Policy];
      expect(await completionLogProbs(held, batch)).toEqual(await completionLogProbs(mapped, batch));
      if (trained.method === 'none') continue;
      for (const policy of [mapped, held])
        await accumulateGradient(policy, batch, (items) => items.map((_, i) => (i % 2 === 0 ? 1 : -0.5)));
      for (const [name, { gradient }] of mapped.parameters)
        expect(held.parameters.get(name)?.gradient, name).toEqual(gradient);
      expect([...mapped.parameters.values()].some(({ gradient }) => gradient.some((g) => g !== 0))).toBe(
        true,
      );
    }
  });
  it.skipIf(!exactHere).each([
    ['int16', 1e-2],
    ['int8', 0.5],
  ] as const)(
    'products of integers (%s; need VNNI or AMX) score within %f nats, and training is as it was',
    async (precision, nats) => {
      const batch = packRows(randomRows(6));
      const [exact, rounded] = [{}, { precision }].map((options) => tinyPolicy(LORA, {}, options)) as [
        Policy,
        Policy,
      ];
      for (const policy of [exact, rounded])
        for (const [name, { data }] of policy.parameters)
          if (name.endsWith('lora_B')) for (let i = 0; i < data.length; i++) data[i] = Math.sin(i);
      // Scoring between steps of training, as scoring runs do it.
      const slopes = (items: readonly unknown[]) => items.map((_, i) => (i % 2 === 0 ? 1 : -0.5));
      for (let step = 0; step < 2; step++) {
        const [a, b] = [await completionLogProbs(exact, batch), await completionLogProbs(rounded, batch)];
        const apart = a.map(({ sum }, i) => Math.abs(sum - (b[i]?.sum as number)));
        expect(Math.max(...apart)).toBeLessThan(nats);
        expect(Math.max(...apart)).toBeGreaterThan(0);
        expect(await accumulateGradient(rounded, batch, slopes)).toEqual(
          await accumulateGradient(exact, batch, slopes),
        );
      }
      for (const [name, { gradient }] of exact.parameters)
        expect(rounded.parameters.get(name)?.gradient, name).toEqual(gradient);
    },
  );
  it('weights in half precision stay in the file and give nearly the same', async () => {
    const batch = packRows(randomRows(4));
    const exact = sums(await completionLogProbs(tinyPolicy({ method: 'none' }), batch));
    for (const dtype of ['F16', 'BF16'] as const) {
      const half = sums(await completionLogProbs(tinyPolicy({ method: 'none' }, {}, { dtype }), batch));
      half.forEach((sum, i) => {
        expect(Math.abs(sum - (exact[i] as number))).toBeLessThan(dtype === 'F16' ? 0.02 : 0.2);
        expect(sum).not.toBe(exact[i]);
      });
    }
  });
});

describe('gradients', () => {
  /** Σ_i w_i · log π(y_i | x_i) with fixed weights of both signs. */
  const weight = (i: number) => ((i * 7) % 5) - 1.5;
  async function holdAgainstDifferences(policy: Policy) {
    const batch = packRows(randomRows(3, 9));
    await accumulateGradient(policy, batch, (logProbs) => logProbs.map((_, i) => weight(i)));
    const objective = async () =>
      sums(await completionLogProbs(policy, batch)).reduce((total, sum, i) => total + weight(i) * sum, 0);
    let error = 0;
    let norm = 0;
    for (const [name, { data, gradient }] of policy.parameters) {
      // A handful of elements of each tensor; all of them is minutes.
      for (let k = 0; k < 6; k++) {
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
    }
    expect(norm).toBeGreaterThan(1);
    expect(Math.sqrt(error / norm)).toBeLessThan(2e-3);
  }
  const lively = (policy: Policy) => {
    for (const [name, { data }] of policy.parameters)
      if (name.endsWith('lora_B'))
        for (let i = 0; i < data.length; i++) data[i] = 0.3 * Math.sin(i + name.length);
    return policy;
  };
  it.each([
    ['LoRA, activations kept', () => lively(tinyPolicy(LORA))],
    ['LoRA, activations computed again', () => lively(tinyPolicy(LORA, {}, { activationBytes: 0 }))],
    ['full, untied head', () => tinyPolicy({ method: 'full' })],
    [
      'full, tied head, biases',
      () => tinyPolicy({ method: 'full' }, { tieWordEmbeddings: true, attentionBias: true, mlpBias: true }),
    ],
    ['full, activations computed again', () => tinyPolicy({ method: 'full' }, {}, { activationBytes: 0 })],
  ])('agree with finite differences: %s', async (_, make) => {
    await holdAgainstDifferences(make());
  });
});

describe.skipIf(!existsSync(STORIES))('a real checkpoint (needs ../shared/data)', () => {
  it('meets the golden log-probabilities of 64 human pairs within 1e-3', async () => {
    const policy = openPolicy(openCheckpoint(`${STORIES}/hf`), { trained: { method: 'none' }, threads: 2 });
    const golden = readFileSync(`${STORIES}/golden_logprobs.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    let worst = 0;
    for (let from = 0; from < golden.length; from += 8) {
      const rows = golden.slice(from, from + 8);
      const batch = packRows(
        rows.map((row) => ({
          prompt: Int32Array.from(row.prompt_ids),
          completions: [Int32Array.from(row.chosen_ids), Int32Array.from(row.rejected_ids)],
        })),
      );
      const got = sums(await completionLogProbs(policy, batch));
      rows.forEach((row, i) => {
        worst = Math.max(
          worst,
          Math.abs((got[2 * i] as number) - row.logp_chosen),
          Math.abs((got[2 * i + 1] as number) - row.logp_rejected),
        );
      });
    }
    expect(worst).toBeLessThan(1e-3);
    await policy.dispose();
  });
});
