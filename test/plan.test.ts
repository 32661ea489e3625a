import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readJson } from '../src/base/json.ts';
import type { Outcome, Plan } from '../src/pipeline/plan.ts';
import { argumentsOf, scratch, stateOf, tinyPairs, tinyWorld, winnow, winnowOk } from './tiny-world.ts';

const world = tinyWorld('plan');
const arms = 'selected,random';

describe('the plan before a run', () => {
  const folder = join(world.dir, 'run');
  const options = { out: folder, arms, more: ['--learning-rate', '0.001', '--json'] };

  it('says time, memory and speed, and does none of the work', async () => {
    const { stdout } = await winnowOk(argumentsOf('plan', world, options));
    const plan = JSON.parse(stdout) as Plan;
    expect(stateOf(folder)).toEqual({});
    expect(plan).toEqual(readJson(join(folder, 'plan.json')));
    expect(plan.pairs + plan.heldOut).toBe(tinyPairs().length - 3);
    const units = Object.fromEntries(plan.stages.map((stage) => [stage.stage, stage.units]));
    expect(units).toMatchObject({ 'Reference log-probabilities': 1, 'Training the arms': 2, Evaluation: 5 });
    expect(Math.min(...Object.values(plan.tokensPerSecond))).toBeGreaterThan(0);
    expect(plan.seconds).toBeGreaterThan(0);
    expect(plan.secondsLeft).toBe(plan.seconds);
    expect(plan.between[0]).toBeLessThanOrEqual(plan.seconds);
    expect(plan.between[1]).toBeGreaterThanOrEqual(plan.seconds);
    // What a worker of this size takes is mostly Node and onnxruntime: generous, for other builds of these.
    const { need, measured } = plan.memory;
    if (process.platform === 'linux') expect(Math.abs(measured / need - 1)).toBeLessThan(0.5);
    expect(plan.keepsActivations).toBe(true);
  });

  it('the run holds it against what happened, and plans the same units', async () => {
    const { stderr } = await winnowOk(argumentsOf('run', world, options));
    expect(stderr).toMatch(/Plan: .* about /);
    expect(stderr).toMatch(/Expected .*, took /);
    const { outcome, stages } = readJson(join(folder, 'plan.json')) as Plan & { outcome: Outcome };
    expect(outcome.stages.map(({ stage }) => stage)).toEqual(stages.map(({ stage }) => stage));
    expect(outcome.tookSeconds).toBeGreaterThan(0);
    const planned = stages.reduce((sum, { units }) => sum + units, 0);
    expect(Object.keys(stateOf(folder))).toHaveLength(planned);
  });

  it('says what is done of a run that has begun', async () => {
    const { stdout } = await winnowOk(argumentsOf('plan', world, options));
    const plan = JSON.parse(stdout) as Plan;
    const done = Object.fromEntries(plan.stages.map(({ stage, units, done }) => [stage, [units, done]]));
    expect(done).toMatchObject({
      'Reference log-probabilities': [1, 1],
      'Scoring runs': [4, 4],
      'Training the arms': [2, 2],
      Evaluation: [5, null],
    });
    expect(plan.secondsLeft).toBeGreaterThan(0);
    expect(plan.secondsLeft).toBeLessThan(plan.seconds);
    const { stdout: text } = await winnowOk(
      argumentsOf('plan', world, { ...options, more: options.more.slice(0, 2) }),
    );
    expect(text).toMatch(/units of work, 7 done already, about .* of it left/);
    expect(text).toMatch(/Scoring runs +4 +4 /);
  });

  it('expects nothing of a run that is done already', async () => {
    const { stderr } = await winnowOk(argumentsOf('run', world, options));
    expect(stderr).not.toMatch(/Expected /);
  });

  it('is left out with --quiet', async () => {
    const out = join(world.dir, 'quiet');
    await winnowOk([...argumentsOf('score', world, { ...options, out }), '--quiet']);
    expect(existsSync(join(out, 'plan.json'))).toBe(false);
  });

  it('refuses before any work what does not fit into memory, with need and have', async () => {
    const out = join(world.dir, 'tight');
    const ended = await winnow([
      ...argumentsOf('score', world, { ...options, out }),
      '--memory-gb',
      '0.05',
      '--quiet',
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/need more memory than there is/);
    expect(ended.stderr).toMatch(/0\.05 GB/);
    expect(stateOf(out)).toEqual({});
  });
});

describe('winnow doctor', () => {
  const dir = scratch('doctor');

  it('looks at the machine and tries a model', async () => {
    const { stdout } = await winnowOk(['doctor', '--json', '--model', world.model, '--out', dir, '--quiet']);
    const { faults, findings } = JSON.parse(stdout);
    expect(faults).toBe(0);
    const by = new Map(findings.map((found: { what: string }) => [found.what, found]));
    expect([...by.keys()]).toEqual(expect.arrayContaining(['Node', 'cores', 'memory', 'engine', 'device']));
    expect(by.get('model')).toMatchObject({ state: 'ok', data: { modelType: 'llama', layers: 2 } });
    expect(by.get('engine')).toMatchObject({ state: 'ok' });
    expect(by.get('speed')).toMatchObject({ state: 'ok' });
    const { need } = (by.get('fit') as { data: { need: Record<string, { keeping: number }> } }).data;
    expect(need.lora?.keeping).toBeGreaterThan(need.scoring?.keeping as number);
  });

  it('names a model that is not there as a fault, and ends with 2', async () => {
    const ended = await winnow(['doctor', '--model', join(dir, 'none'), '--out', dir, '--quiet']);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toMatch(/^fault +model .*no such folder/m);
    expect(ended.stdout).toMatch(/^ok +engine/m);
  });
});
