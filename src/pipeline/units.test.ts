import { describe, expect, it } from 'vitest';
import { llamaConfig } from '../model/checkpoint.ts';
import { TINY } from '../policy/fixtures.ts';
import { loadConfig } from '../run/config.ts';
import type { UnitResult } from '../run/done.ts';
import { unitId } from '../run/unit.ts';
import { fixedHyper } from './start.ts';
import { type Hyper, referenceUnit, scoringUnit, trainingUnit } from './units.ts';

const file = (hash: string) => ({ hash, path: `/nowhere/${hash}` });
const base = { modelDir: '/nowhere', modelHash: 'model', tokens: file('tokens') };

function hyperOf(overrides: Record<string, unknown>): Hyper {
  const checkpoint = { config: llamaConfig(TINY) } as Parameters<typeof fixedHyper>[1];
  return { ...fixedHyper(loadConfig(null, overrides), checkpoint, null, 1000), learningRate: 1e-3 };
}

/** Ids of the reference pass, of a scoring run and of an arm. */
function idsOf(overrides: Record<string, unknown> = {}): string[] {
  const hyper = hyperOf(overrides);
  const id = unitId(referenceUnit(base, { loss: hyper.loss }));
  const reference = { id, dir: '/nowhere', files: [{ path: 'log-probs.jsonl' }] } as unknown as UnitResult;
  const [training, seed] = [reference, 42];
  const parts = { part: 0, checkpoints: 1, precision: 'f32', trainOn: file('a'), score: file('b') } as const;
  const scoring = scoringUnit(base, { training, scoring: training }, { hyper, seed, ...parts });
  const arm = trainingUnit(base, training, { hyper, seed, order: file('order'), shuffleSeed: null });
  return [id, unitId(scoring), unitId(arm)];
}

describe('what units of training are known by', () => {
  it('units of plain DPO have the ids that run folders hold: another id is work done again', () => {
    const ids = ['reference-6c214237e1fe6441', 'scoring-8810f6f6a8679bfc', 'training-94721cf2136b7238'];
    expect(idsOf()).toEqual(ids);
    const defaults = { 'training.loss': 'sigmoid', 'training.lossAlpha': null, 'training.anchorWeight': 0 };
    expect(idsOf(defaults)).toEqual(ids);
  });

  it('a loss, its α and the anchor make other trainings; the reference pass changes with the tokens alone', () => {
    const given = [
      {},
      { 'training.anchorWeight': 1 },
      { 'training.loss': 'r-dpo' },
      { 'training.loss': 'r-dpo', 'training.lossAlpha': 0.02 },
      { 'training.loss': 'ld-dpo' },
      { 'training.loss': 'ld-dpo', 'training.lossAlpha': 0.3 },
      { 'training.loss': 'sampo' },
    ].map(idsOf);
    const [references, scorings, arms] = [0, 1, 2].map((kind) => given.map((ids) => ids[kind]));
    expect(new Set(scorings).size).toBe(7);
    expect(new Set(arms).size).toBe(7);
    expect(new Set(references?.slice(0, 4)).size).toBe(1);
    expect(new Set(references?.slice(4)).size).toBe(1);
    expect(references?.[4]).not.toBe(references?.[0]);
  });

  it('α is written out where the loss has one', () => {
    expect(hyperOf({ 'training.loss': 'ld-dpo' })).toMatchObject({ loss: 'ld-dpo', lossAlpha: 0.5 });
    expect(hyperOf({ 'training.loss': 'r-dpo' })).toMatchObject({ loss: 'r-dpo', lossAlpha: 0.01 });
    expect(hyperOf({ 'training.loss': 'sampo' })).not.toHaveProperty('lossAlpha');
    expect(hyperOf({ 'training.loss': 'simpo' })).toMatchObject({ lossAlpha: 0.5, lossBeta: 2 });
    expect(hyperOf({ 'training.loss': 'cdpo' })).toMatchObject({ lossAlpha: 0.1 });
    expect(hyperOf({ 'training.loss': 'ipo' })).not.toHaveProperty('lossAlpha');
    expect(hyperOf({})).not.toHaveProperty('lossBeta');
    expect(hyperOf({})).not.toHaveProperty('anchorWeight');
  });
});
