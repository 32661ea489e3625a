import { describe, expect, it } from 'vitest';
import { llamaConfig } from '../model/checkpoint.ts';
import {
  assumedSequences,
  assumedSize,
  cardBytes,
  decoderSize,
  FORWARD,
  gpuHours,
  LADDER,
  pairSequences,
  SHAPES,
  scoringFlop,
  scoringRunFlop,
  sequenceFlop,
} from './gpu-cost.ts';

const pool = assumedSequences(61_135, 480);
const rung = (i: number) => (LADDER[i] as (typeof LADDER)[number]).setup;
const node = (flop: number, utilisation: number) => gpuHours(flop, 989e12, utilisation) / 8;

describe('FLOP of scoring', () => {
  // Computed apart, by hand, in the notes that this model was made from: EFLOP a run as published and with the reference
  // cached, then hours of the six on eight H100 at 20 %, both ways.
  it.each([
    [SHAPES['3b'], 2.54, 1.45, 2.67, 1.59],
    [7.62e9, 6.26, 3.58, 6.59, 3.93],
    [SHAPES['8b'], 6.6, 3.77, 6.95, 4.14],
    [9.24e9, 7.59, 4.34, 8.0, 4.76],
    [SHAPES['14b'], 12.14, 6.93, 12.8, 7.61],
  ])('%d parameters', (parameters, published, cached, hours, hoursCached) => {
    const size = assumedSize(parameters);
    expect(scoringRunFlop(size, pool, rung(0)) / 1e18).toBeCloseTo(published, 1);
    expect(scoringRunFlop(size, pool, rung(1)) / 1e18).toBeCloseTo(cached, 1);
    expect(Math.abs(node(scoringFlop(size, pool, rung(0)), 0.2) / hours - 1)).toBeLessThan(0.006);
    expect(Math.abs(node(scoringFlop(size, pool, rung(1)), 0.2) / hoursCached - 1)).toBeLessThan(0.006);
  });

  it('in forward passes over all pairs, of full training: 45 as released, 28, 16, 6', () => {
    const size = assumedSize(1e9);
    const pass = sequenceFlop(size, pool, FORWARD);
    // LoRA's backward pass is one forward pass, where the method's accounting takes two: 3, 3, 3 and 1 passes less.
    expect(LADDER.map(({ setup }) => scoringFlop(size, pool, setup) / pass)).toEqual(
      [45 - 3, 28 - 3, 16 - 3, 6 - 1].map((n) => expect.closeTo(n, 9)),
    );
    const full = LADDER.map(({ setup }) => scoringFlop(size, pool, { ...setup, method: 'full' }) / pass);
    expect(full).toEqual([45, 28, 16, 6].map((n) => expect.closeTo(n, 9)));
  });
});

describe('FLOP of a pass', () => {
  it('counts the prompt in both rows of a pair', () => {
    expect(pairSequences([{ prompt: 10, chosen: 3, rejected: 5 }])).toEqual({
      pairs: 1,
      tokens: 28,
      squares: 13 ** 2 + 15 ** 2,
    });
  });

  it('weights and attention by hand', () => {
    const config = llamaConfig({
      ...{ hiddenSize: 8, intermediateSize: 16, layers: 2, heads: 2, kvHeads: 1, headDim: 4, vocabSize: 10 },
      ...{ maxPositions: 32, rmsNormEps: 1e-5, ropeTheta: 1e4, tieWordEmbeddings: true },
      ...{ bosTokenId: null, eosTokenIds: [1] },
    });
    // q and o 64 each, k and v 32 each, three of the MLP 128 each: 576 a layer; the head 80.
    const size = decoderSize(config, 1);
    expect(size).toMatchObject({ weights: 2 * 576 + 80, attention: 16 });
    const of = { pairs: 1, tokens: 7, squares: 25 };
    const [linear, attention] = [2 * size.weights * 7, 4 * 16 * 25];
    expect(sequenceFlop(size, of, FORWARD)).toBe(linear + attention);
    const flop = (method: 'lora' | 'full', again: boolean) =>
      sequenceFlop(size, of, { gradient: true, method, again });
    expect(flop('lora', false)).toBe(2 * linear + 3 * attention);
    expect(flop('lora', true)).toBe(3 * linear + 4 * attention);
    expect(flop('full', true)).toBe(4 * linear + 4 * attention);
  });

  it('memory of cards', () => {
    const { lora, zero2, zero3 } = cardBytes(8.03e9, 8);
    expect([lora, zero2, zero3].map((bytes) => Math.round(bytes / 1e9))).toEqual([16, 30, 16]);
  });
});
