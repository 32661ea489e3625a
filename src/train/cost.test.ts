import { describe, expect, it } from 'vitest';
import { llamaConfig } from '../model/checkpoint.ts';
import { TINY } from '../policy/fixtures.ts';
import { packPass } from '../policy/pack.ts';
import type { Policy } from '../policy/policy.ts';
import { passFlop, passShape, passWork } from './cost.ts';

/** D 16, F 24, 2 layers, 4 heads of 4 over 2 key/value heads, V 23. */
const config = llamaConfig(TINY);
const row = (prompt: number, chosen: number, rejected: number) => ({
  prompt: new Int32Array(prompt).fill(3),
  completions: [new Int32Array(chosen).fill(4), new Int32Array(rejected).fill(5)],
});

/** q, o: 16·16; k, v: 16·8; gate, up, down: 16·24. By hand: 256 + 256 + 128 + 128 + 3·384 = 1,920. */
const WEIGHTS = 1920;
const none = { method: 'none' } as const;

describe('the shape of a pass', () => {
  it('is that of the batch that is packed', () => {
    const rows = [row(20, 6, 4), row(17, 3, 8)];
    const shape = passShape(config, rows);
    const batch = packPass({ config } as Policy, rows);
    expect(shape.tokens).toBe(batch.length);
    expect(shape.rows).toBe(2);
    expect(shape.predictions).toBe(batch.predictions.at.length);
    expect(shape.scores).toBe(batch.masks.reduce((sum, mask) => sum + mask.length, 0) / 2);
  });
  it('in segments of 20, 5 and 3: 20² + 5·25 + 3·23 scores; the last tokens predict nothing', () => {
    expect(passShape(config, [row(20, 6, 4)])).toEqual({
      rows: 1,
      tokens: 28,
      scores: 400 + 125 + 69,
      predictions: 10,
    });
  });
});

describe('FLOP of a pass, by hand', () => {
  const shape = { rows: 3, tokens: 10, scores: 100, predictions: 7 };
  const [n, s] = [30, 300];
  it('forward: 2 a weight and token, 4·d a head and score, 2·D·V a prediction', () => {
    expect(passFlop(config, shape, { trained: none, gradient: false })).toEqual({
      linear: 2 * 2 * n * WEIGHTS,
      attention: 2 * 4 * 4 * 4 * s,
      head: 2 * 16 * 23 * 7,
    });
  });
  it('LoRA of rank 3 on q and down: 3·(16 + 16) + 3·(24 + 16) = 216 numbers a layer', () => {
    const trained = { method: 'lora', rank: 3, alpha: 3, targets: ['q_proj', 'down_proj'], seed: 1 } as const;
    expect(passFlop(config, shape, { trained, gradient: false }).linear).toBe(2 * 2 * n * (WEIGHTS + 216));
    expect(passFlop(config, shape, { trained, gradient: true })).toEqual({
      linear: 2 * 2 * n * (2 * WEIGHTS + 3 * 216),
      attention: 2 * 14 * 4 * 4 * s,
      head: 2 * 2 * 16 * 23 * 7,
    });
  });
  it('full: every weight thrice; computing again adds one forward pass of the layers', () => {
    const trained = { method: 'full' } as const;
    const once = passFlop(config, shape, { trained, gradient: true });
    const again = passFlop(config, shape, { trained, gradient: true, again: true });
    const forward = passFlop(config, shape, { trained: none, gradient: false });
    expect(once.linear).toBe(3 * forward.linear);
    expect(once.head).toBe(4 * forward.head);
    expect(again.linear - once.linear).toBe(forward.linear);
    expect(again.attention - once.attention).toBe(forward.attention);
    expect(again.head).toBe(once.head);
  });
  it('work grows with every part', () => {
    const base = { linear: 1e9, attention: 1e9, head: 1e9 };
    const work = passWork(config, base);
    for (const key of ['linear', 'attention', 'head'] as const)
      expect(passWork(config, { ...base, [key]: 2e9 })).toBeGreaterThan(work);
  });
});
