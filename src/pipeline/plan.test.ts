import { describe, expect, it } from 'vitest';
import { loadConfig } from '../run/config.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { makespan, measuredWith, together } from './forecast.ts';
import { type ProbeResult, pairTokens, probePairs, probeRounds, representatives } from './probe.ts';
import { lanes, type Needs, needMemory } from './resources.ts';

const pair = (row: number, tokens: number): TokenizedPair => ({
  id: String(row),
  row,
  prompt: new Int32Array(tokens - 2),
  chosen: new Int32Array(1),
  rejected: new Int32Array(1),
  promptTokensCut: 0,
});

describe('the sample of the probe', () => {
  it('has the mean length of all, whatever the order', () => {
    const lengths = [50, 10, 40, 20, 30, 60, 70, 80, 90, 100, 110, 120];
    const all = lengths.map((length, row) => pair(row, length));
    const mean = (pairs: readonly (typeof all)[number][]) =>
      pairs.reduce((sum, one) => sum + pairTokens(one), 0) / pairs.length;
    expect(mean(representatives(all, pairTokens, 12))).toBe(mean(all));
    expect(Math.abs(mean(representatives(all, pairTokens, 4)) - mean(all))).toBeLessThan(6);
    expect(representatives(all, pairTokens, 1)[0]?.row).toBe(6);
    expect(representatives(all.slice(0, 2), pairTokens, 9)).toHaveLength(2);
  });
  it('is smaller for larger models, and at least one pair and a few tokens', () => {
    expect(probePairs(1e5, 100)).toBe(40);
    expect(probePairs(5e8, 400)).toBe(1);
    expect(probePairs(7e9, 400)).toBe(1);
    expect(probePairs(1.6e7, 300)).toBeGreaterThan(1);
    expect(probeRounds(1e5, 12)).toBe(12);
    expect(probeRounds(7e9, 256)).toBe(8);
  });
});

describe('makespan', () => {
  it('is the time until the last of the workers is done', () => {
    expect(makespan([3, 3, 3], 1)).toBe(9);
    expect(makespan([3, 3, 3], 2)).toBe(6);
    expect(makespan([5, 1, 1, 1], 2)).toBe(5);
    expect(makespan([2, 2], 8)).toBe(2);
    expect(makespan([], 2)).toBe(0);
  });
});

describe('speed by the number of busy workers', () => {
  const result = (score: number): ProbeResult => ({
    seconds: {
      startScore: 1,
      startTrain: 1,
      startAnswer: 1,
      score,
      train: 2,
      step: 0,
      prompts: 1,
      round: 1,
      rounded: score,
      startRounded: 0,
    },
    prompts: 4,
    rounds: 3,
    ended: true,
    aliveSeconds: 5,
    peakBytes: 7,
  });
  const busy = together([result(6), result(10)], 5.5);
  const alone = together([result(2)], null);
  it('is the mean of those that measured together', () => {
    expect(busy).toMatchObject({ seconds: { score: 8, train: 2 }, overhead: 0.5, peakBytes: 7, ended: true });
  });
  it('lies between the two that were measured, in equal ratios', () => {
    const rates = { busy, alone, workers: 16, scoring: 1, epoch: 1, promptTokens: 1 };
    expect([1, 16, 99].map((count) => measuredWith(rates, count).score)).toEqual([2, 8, 8]);
    expect(measuredWith(rates, 4).score).toBeCloseTo(4, 9);
    expect(measuredWith({ ...rates, workers: 1, alone: busy }, 1).score).toBe(8);
    expect(measuredWith(rates, 4).step).toBe(0);
  });
});

describe('lanes', () => {
  const GB = 1e9;
  const config = { workers: 'auto', threads: 'auto', memoryGB: 10 } as const;
  const needs: Needs = { mapped: GB, saving: 3 * GB, again: 2 * GB };
  it('never are more than units or fit, nor fewer than one', () => {
    expect(lanes(config, needs, 1)).toMatchObject({ workers: 1, workBytes: 7 * GB });
    expect(lanes(config, needs, 100).workers).toBeLessThanOrEqual(3);
    expect(lanes({ ...config, memoryGB: 0.1 }, needs, 8).workers).toBe(1);
    expect(lanes(config, needs, 100).threads).toBeGreaterThanOrEqual(1);
  });
  it('keep activations where one worker can, and compute them again where none can', () => {
    expect(lanes({ ...config, memoryGB: 4 }, needs, 1)).toMatchObject({ workers: 1, workBytes: GB });
    expect(lanes({ ...config, memoryGB: 3.5 }, needs, 8)).toMatchObject({
      workers: 1,
      workBytes: 0.5 * GB,
    });
  });
  it('are what the user says, and share what there is', () => {
    expect(lanes({ ...config, workers: 3, threads: 2 }, needs, 9)).toEqual({
      workers: 3,
      threads: 2,
      workBytes: GB,
    });
  });
  it('of the engine trl have GPUs of their own', () => {
    const saved = process.env.CUDA_VISIBLE_DEVICES;
    const shared = (visible: string, units: number, more: object = {}) => {
      process.env.CUDA_VISIBLE_DEVICES = visible;
      const { engine, trl, executor } = loadConfig(null, { engine: 'trl', ...more });
      const { workers, gpus } = lanes({ ...config, engine, trl, executor }, needs, units);
      return { workers, gpus };
    };
    try {
      expect(shared('0,1,2,3', 6)).toEqual({ workers: 4, gpus: ['0', '1', '2', '3'] });
      expect(shared('0,1,2,3', 2)).toMatchObject({ workers: 2 });
      expect(shared('0,1,2,3,4', 6, { 'trl.processes': 2 })).toEqual({ workers: 2, gpus: ['0,1', '2,3'] });
      // Fewer than one unit asks for: they are its all the same, and torchrun says what is wrong.
      expect(shared('0', 6, { 'trl.processes': 2 })).toEqual({ workers: 1, gpus: ['0'] });
      expect(shared('', 6)).toEqual({ workers: 1, gpus: [] });
    } finally {
      if (saved === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
      else process.env.CUDA_VISIBLE_DEVICES = saved;
    }
  });
  it('that do not fit are an error with need and have', () => {
    expect(() => needMemory(config, needs)).not.toThrow();
    expect(() => needMemory({ ...config, memoryGB: 2 }, needs)).toThrow(/need.*3\.0 GB/s);
    expect(() => needMemory({ ...config, workers: 5 }, needs)).toThrow(/5 workers.*11\.0 GB/s);
  });
});
