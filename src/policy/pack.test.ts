import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../model/checkpoint.ts';
import { packRows, rowSegments, wholeRows } from '../text/rows.ts';
import { randomRows, tinyCheckpoint } from './fixtures.ts';
import { accumulateGradient } from './gradient.ts';
import { completionLogProbs } from './log-probs.ts';
import { packPass } from './pack.ts';
import { openPolicy, type Policy, type Trained } from './policy.ts';

const GOLDEN = join(import.meta.dirname, '../../test/parity/golden');

/** Log-probabilities and all gradients of Σ w·log π, in segments and in plain rows. */
async function both(open: () => Policy, rows: ReturnType<typeof randomRows>) {
  const results: { sums: number[]; gradients: number[] }[] = [];
  const apart = packRows(rows, rowSegments(rows) as number[], true);
  for (const batch of [packRows(rows), apart, packRows(rows, wholeRows(rows, 3))]) {
    const policy = open();
    const logProbs = await completionLogProbs(policy, batch);
    await accumulateGradient(policy, batch, (all) => all.map((_, i) => (i % 3) - 0.7));
    results.push({
      sums: logProbs.map(({ sum }) => sum),
      gradients: [...policy.parameters.values()].flatMap(({ gradient }) => [...gradient]),
    });
    await policy.dispose();
  }
  const [plain, ...others] = results as [(typeof results)[0], ...typeof results];
  const largest = Math.max(...plain.gradients.map(Math.abs));
  expect(largest).toBeGreaterThan(0);
  for (const { sums, gradients } of others) {
    sums.forEach((sum, i) => {
      expect(Math.abs(sum - (plain.sums[i] as number))).toBeLessThan(1e-4);
    });
    gradients.forEach((value, i) => {
      expect(Math.abs(value - (plain.gradients[i] as number))).toBeLessThan(1e-5 * largest);
    });
  }
}

describe('rows in segments give what plain rows give', () => {
  const full: Trained = { method: 'full' };
  it.each([
    ['kept activations', 1e9],
    ['activations computed again', 0],
  ])('Llama, %s', async (_, activationBytes) => {
    const { checkpoint, dispose } = tinyCheckpoint();
    await both(
      () => openPolicy(checkpoint, { trained: full, threads: 1, activationBytes }),
      randomRows(5, 3),
    );
    dispose();
  });
  // Windows shorter than the rows, soft caps, head norms, fused projections.
  it.each(['mistral-sliding', 'gemma2', 'gemma3-text', 'phi3'])('%s', async (name) => {
    const checkpoint = openCheckpoint(join(GOLDEN, name));
    const rows = randomRows(3, 4, checkpoint.config.vocabSize).map(({ prompt, completions }) => ({
      prompt: Int32Array.from({ length: 12 }, (_, t) => prompt[t % prompt.length] as number),
      completions: completions.map((completion) => Int32Array.from([...completion, 5, 6, 7, 8])),
    }));
    await both(() => openPolicy(checkpoint, { trained: full, threads: 1 }), rows);
  });
});

describe('packPass', () => {
  const row = (prompt: number, chosen: number, rejected: number) => ({
    prompt: new Int32Array(prompt).fill(3),
    completions: [new Int32Array(chosen).fill(4), new Int32Array(rejected).fill(5)],
  });
  it('takes segments where the scores saved outweigh the padding', () => {
    const { checkpoint, dispose } = tinyCheckpoint();
    const policy = openPolicy(checkpoint, { trained: { method: 'none' }, threads: 1 });
    expect(packPass(policy, [row(200, 251, 201)]).segments).toEqual([200, 250, 200]);
    // One long prompt and one long completion: segments would hold both lengths in both rows.
    expect(packPass(policy, [row(400, 10, 10), row(10, 400, 10)]).segments).toEqual([418, 1, 1]);
    const { prompt, completions } = row(5, 6, 7);
    expect(packPass(policy, [{ prompt, completions: completions.slice(1) }]).segments).toEqual([11]);
    dispose();
  });
});
