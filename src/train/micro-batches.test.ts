import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { TINY, tinyCheckpoint } from '../policy/fixtures.ts';
import { openPolicy, type Policy } from '../policy/policy.ts';
import { rowLength, type SharedPromptRow } from '../text/rows.ts';
import { microBatches, PASS_LIMITS } from './micro-batches.ts';

const { checkpoint, dispose } = tinyCheckpoint();
afterAll(async () => {
  await policy.dispose();
  dispose();
});

/** A real policy, for what its programs say they save; nothing is compiled before it runs. */
const policy: Policy = openPolicy(checkpoint, { trained: { method: 'full' }, threads: 1 });
const within = (bytes: number) => ({ ...PASS_LIMITS, bytes });

/** A row of `length` packed tokens: a prompt and two completions of one token, which take no place. */
const rowOf = (length: number): SharedPromptRow => ({
  prompt: new Int32Array(length).fill(1),
  completions: [Int32Array.of(1), Int32Array.of(1)],
});
const longestOf = (batch: readonly number[], lengths: readonly number[]) =>
  Math.max(...batch.map((i) => lengths[i] as number));
const savedBytes = (layers: number, rows: number, length: number) =>
  layers * policy.programs.savedBytes({ B: rows, T: length });

describe('micro-batches', () => {
  it('hold every row once, at most 2048 tokens with padding, and fit into memory where one row does', () => {
    const lengthList = fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 60 });
    // From less than one short row to more than a full pass.
    const memory = fc.integer({ min: 10, max: 36 }).map((power) => 2 ** power);
    fc.assert(
      fc.property(lengthList, memory, fc.boolean(), (lengths, bytes, forGradient) => {
        const batches = microBatches(policy, lengths.map(rowOf), forGradient, within(bytes));
        expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(256);
          if (batch.length === 1) continue;
          const longest = longestOf(batch, lengths);
          expect(batch.length * longest).toBeLessThanOrEqual(2048);
          const layers = forGradient ? TINY.layers : 1;
          expect(savedBytes(layers, batch.length, longest)).toBeLessThanOrEqual(bytes);
        }
      }),
      { seed: 40, numRuns: 50 },
    );
  });

  it('cuts by tokens: 2048 = 16 · 128, from short to long', () => {
    const lengths = [128, 10, ...Array.from({ length: 15 }, () => 128), 129];
    const batches = microBatches(policy, lengths.map(rowOf), true);
    expect(batches.map((batch) => batch.length)).toEqual([16, 2]);
    expect(batches[0]?.[0]).toBe(1);
    expect(batches[1]).toEqual([16, 17]);
  });

  it('cuts by attention scores: 4 heads · 512² each leave room for one row, 4 · 256² for five', () => {
    expect(microBatches(policy, [512, 512].map(rowOf), true)).toEqual([[0], [1]]);
    const sizes = microBatches(
      policy,
      Array.from({ length: 6 }, () => rowOf(256)),
      false,
    ).map(({ length }) => length);
    expect(sizes).toEqual([5, 1]);
  });

  it('cuts by memory: for a gradient every layer keeps its activations, for a score one works at a time', () => {
    const lengths = Array.from({ length: 12 }, () => 8);
    const oneRow = savedBytes(1, 1, 8);
    expect(oneRow).toBeGreaterThan(0);
    const sizes = (forGradient: boolean) =>
      microBatches(policy, lengths.map(rowOf), forGradient, within(6 * oneRow)).map(({ length }) => length);
    expect(sizes(false)).toEqual([6, 6]);
    expect(sizes(true)).toEqual([3, 3, 3, 3]);
  });

  it('gives a row that does not fit a pass of its own, and nothing for nothing', () => {
    expect(microBatches(policy, [5, 9000, 5].map(rowOf), true, within(1))).toEqual([[0], [2], [1]]);
    expect(microBatches(policy, [], true)).toEqual([]);
  });

  it('are the same whatever memory the policy was given: a resumed run adds in the same order', () => {
    const rows = Array.from({ length: 40 }, (_, i) => rowOf(20 + ((i * 37) % 90)));
    const tight: Policy = { ...policy, activationBytes: 1 };
    expect(microBatches(tight, rows, true)).toEqual(microBatches(policy, rows, true));
  });

  it('the stand-in rows have the lengths that they are named by', () => {
    expect([1, 7].map((length) => rowLength(rowOf(length)))).toEqual([1, 7]);
  });
});
