import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../base/hash.ts';
import type { TokenizedPair } from '../../text/tokenized.ts';
import { TRL_ENGINE } from '../version.ts';
import { cutStep, takenBySteps, trainingRows } from './batches.ts';

it('knows a worker of other numbers by another engine', () => {
  const worker = readFileSync(join(import.meta.dirname, '../../../engines/trl/worker.py'));
  // After a change of worker.py: raise TRL_ENGINE where results change, then put its hash here.
  expect([TRL_ENGINE, sha256(worker)]).toEqual([
    'trl/2',
    '1b7ebb1d6432ef4457c2db824135ad3d930be24d5868cecf63b65ae4ddf4a118',
  ]);
});

const pairs = Array.from({ length: 7 }, (_, i) => ({
  id: `p${i}`,
  prompt: Int32Array.of(i),
  chosen: Int32Array.of(10 + i),
  rejected: Int32Array.of(20 + i),
})) as unknown as TokenizedPair[];
const reference = new Map(
  pairs.map(({ id }, i) => [
    id,
    { id, row: i, chosen: -i, rejected: -2 * i, chosenEven: 0, rejectedEven: 0 },
  ]),
);

describe('a step', () => {
  it('is cut so that nothing of it is lost, whatever the processes and the memory', () => {
    expect(cutStep(64, { processes: 1, microBatch: 'auto', halvings: 0 })).toEqual({
      microBatch: 4,
      accumulation: 16,
      perStep: 64,
    });
    expect(cutStep(64, { processes: 8, microBatch: 'auto', halvings: 1 })).toEqual({
      microBatch: 2,
      accumulation: 4,
      perStep: 64,
    });
    expect(cutStep(4, { processes: 3, microBatch: 8, halvings: 5 })).toEqual({
      microBatch: 1,
      accumulation: 2,
      perStep: 6,
    });
  });

  it('is the mean of its own pairs, filled up with pairs of weight 0', () => {
    const hyper = { batchSize: 4, epochs: 2 };
    const weights = [1, 2, 1, 1, 1, 1, 1];
    const rows = [...trainingRows({ pairs, reference, weights, shuffleSeed: null, hyper }, { perStep: 6 })];
    expect(rows.map(({ row }) => row)).toEqual([
      ...[0, 1, 2, 3, -1, -1, 4, 5, 6, -1, -1, -1],
      ...[7, 8, 9, 10, -1, -1, 11, 12, 13, -1, -1, -1],
    ]);
    expect(rows.every(({ mixed }) => mixed)).toBe(true);
    const step = (k: number) => rows.slice(6 * k, 6 * k + 6);
    expect(step(0).map(({ weight }) => weight)).toEqual([1.5, 3, 1.5, 1.5, 0, 0]);
    expect(step(1).map(({ prompt_ids }) => prompt_ids[0])).toEqual([4, 5, 6, 4, 4, 4]);
    expect(step(1).map(({ weight }) => weight)).toEqual([2, 2, 2, 0, 0, 0]);
    expect(step(1)[2]).toMatchObject({ ref_chosen_logps: -6, ref_rejected_logps: -12 });
  });

  it('of a shuffled epoch is that of the embedded engine, each epoch anew', () => {
    const job = { pairs, reference, shuffleSeed: 5, hyper: { batchSize: 7, epochs: 2 } };
    const rows = [...trainingRows(job, { perStep: 7 })];
    expect(rows.some(({ mixed }) => mixed)).toBe(false);
    const order = rows.map(({ prompt_ids }) => prompt_ids[0]);
    const [first, second] = [order.slice(0, 7), order.slice(7)];
    expect([...first].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(second).not.toEqual(first);
  });
});

it('what the ranks took is put together pass by pass', () => {
  const line = (step: number, rows: number[][]) => ({ step, rows, loss: 0, learningRate: 0, gradNorm: 0 });
  const taken = takenBySteps([
    [
      line(1, [
        [0, 1],
        [4, 5],
      ]),
      line(2, [
        [8, 9],
        [12, 13],
      ]),
    ],
    [
      line(1, [
        [2, 3],
        [6, 7],
      ]),
      line(2, [
        [10, 11],
        [14, 15],
      ]),
    ],
  ]);
  expect(taken.get(1)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(taken.get(2)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
});
