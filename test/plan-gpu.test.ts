import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readJson } from '../src/base/json.ts';
import type { GpuPlan } from '../src/pipeline/gpu-plan.ts';
import { argumentsOf, readRows, stateOf, tinyWorld, winnow, winnowOk } from './tiny-world.ts';

const world = tinyWorld('plan-gpu');
const unitsOf = (plan: GpuPlan) =>
  Object.fromEntries(plan.stages.map(({ stage, units, done }) => [stage, [units, done]]));
const asked = async (args: readonly string[]) =>
  JSON.parse((await winnowOk([...args, '--json'])).stdout) as GpuPlan;

describe('winnow plan for engine trl', () => {
  const out = join(world.dir, 'trl');
  const options = {
    out,
    arms: 'selected,full,random,hardest',
    more: ['--engine', 'trl', '--checkpoints', '2'],
  };
  const args = argumentsOf('plan', world, options);
  // No Python is to be found.
  const env = { WINNOW_PYTHON: join(world.dir, 'no-python'), PATH: '' };

  it('says units, FLOP, hours and money, and starts nothing', async () => {
    const { stdout } = await winnowOk([...args, '--set', 'prices.gpuHour=2.5', '--json'], { env });
    const plan = JSON.parse(stdout) as GpuPlan;
    expect(stateOf(out)).toEqual({});
    expect(existsSync(join(out, 'units'))).toBe(false);
    expect(plan).toEqual(readJson(join(out, 'plan.json')));
    expect(unitsOf(plan)).toEqual({
      'Reference log-probabilities': [1, 0],
      'Scoring runs': [4, 0],
      'Training the arms': [4, null],
      Evaluation: [9, null],
    });
    expect(plan.speed).toMatchObject({ utilisation: 0.2, peak: 989e12, measured: false });
    const { stages, flop } = plan;
    expect(flop).toBeCloseTo(stages.reduce((sum, stage) => sum + stage.flop, 0));
    expect(plan.money).toBe(2.5 * (plan.hoursLeft as number));
    expect(plan.hoursLeft).toBe(plan.gpuHours);
  });

  it('tokens are those of the prepared pairs, each prompt in both sides', async () => {
    const plan = readJson(join(out, 'plan.json')) as GpuPlan;
    type Line = { readonly id: string; readonly role: string };
    const pool = new Set(
      readRows<Line>(out, 'pairs.jsonl').flatMap(({ id, role }) => (role === 'pool' ? [id] : [])),
    );
    expect(plan.pairs).toBe(pool.size);
    const tokens = join(
      out,
      'inputs',
      readdirSync(join(out, 'inputs')).find((name) => name.startsWith('tokens-')) ?? '',
    );
    type Tokens = { readonly id: string } & Record<'prompt' | 'chosen' | 'rejected', readonly number[]>;
    const counted = readRows<Tokens>(tokens)
      .filter(({ id }) => pool.has(id))
      .reduce((sum, row) => sum + 2 * row.prompt.length + row.chosen.length + row.rejected.length, 0);
    expect(plan.tokens).toBe(counted);
  });

  it('in words: what dominates, what is known later, what would be cheaper', async () => {
    const { stdout } = await winnowOk(args, { env });
    expect(stdout).toMatch(
      /Plan: .* 18 units of work, 0 done already, about .* at 20\.0 % of H100 \(assumed\)/,
    );
    expect(stdout).toMatch(/Stage +Units +Done +PFLOP +GPU hours +Left/);
    expect(stdout).toMatch(/known after scoring/);
    for (const set of ['difficulty.seeds=1', 'difficulty.checkpoints=1', 'arms=selected,full,random'])
      expect(stdout).toContain(`--set ${set}: `);
    expect(stdout).toContain('In money with --set prices.gpuHour=…');
  });

  it('a rate that is searched for leaves the scoring runs unknown', async () => {
    const plan = await asked([...args, '--learning-rate', '0.001,0.01', '--out', join(world.dir, 'search')]);
    expect(unitsOf(plan)).toMatchObject({
      'Choosing the learning rate': [2, null],
      'Scoring runs': [3, null],
    });
  });

  it('twice the utilisation is half of the hours', async () => {
    const twice = await asked([
      ...args,
      '--set',
      'trl.utilisation=0.4',
      '--set',
      'evaluation.maxNewTokens=1',
    ]);
    const once = await asked([...args, '--set', 'evaluation.maxNewTokens=1']);
    const scoring = ({ stages }: GpuPlan) => stages.find(({ stage }) => stage === 'Scoring runs')?.gpuHours;
    expect(2 * (scoring(twice) as number)).toBeCloseTo(scoring(once) as number, 15);
    const slow = await asked([...args, '--set', 'trl.gpu=100']);
    expect(slow.speed?.peak).toBe(1e14);
  });
});

describe('winnow plan for an executor that is not local', () => {
  it('names what the run folder has done, by the very units, and takes the speed from them', async () => {
    const out = join(world.dir, 'done');
    const options = { out, arms: 'selected,random' };
    const elsewhere = { ...options, more: ['--executor', 'slurm'] };
    const before = await asked(argumentsOf('plan', world, elsewhere));
    expect({ speed: before.speed, hours: before.gpuHours }).toEqual({ speed: null, hours: null });
    await winnowOk([...argumentsOf('score', world, options), '--quiet']);
    const scored = await asked(argumentsOf('plan', world, elsewhere));
    expect(unitsOf(scored)).toMatchObject({
      'Reference log-probabilities': [1, 1],
      'Scoring runs': [4, 4],
      'Training the arms': [2, 0],
    });
    expect(scored.speed?.measured).toBe(true);
    expect(scored.hoursLeft as number).toBeLessThan(scored.gpuHours as number);
    await winnowOk([...argumentsOf('train', world, options), '--quiet']);
    const trained = await asked(argumentsOf('plan', world, elsewhere));
    expect(unitsOf(trained)).toMatchObject({ 'Training the arms': [2, 2] });
    expect(trained.done).toBe(7);
    expect(Object.keys(stateOf(out))).toHaveLength(7);
  }, 120_000);
});

describe('winnow plan --shape', () => {
  it('needs neither model nor data', async () => {
    const paper = ['--seeds', '3', '--checkpoints', '5', '--set', 'evaluation.heldOut=0.0001'];
    const plan = await asked(['plan', '--shape', '8b', ...paper]);
    const [reference, scoring] = plan.stages;
    // 2N of 960 tokens a pair, and six runs of 3.77 EFLOP.
    expect((reference?.flop as number) / (2 * 8.03e9 * 960 * 61_135)).toBeCloseTo(1, 9);
    expect((scoring?.flop as number) / 6e18).toBeCloseTo(3.77, 2);
    const half = await asked(['plan', '--parameters', '4.015e9', ...paper, '--tokens-per-sequence', '480']);
    expect(half.stages[1]?.flop).toBeCloseTo((scoring?.flop as number) / 2, -9);
    const { stdout } = await winnowOk(['plan', '--shape', '8b', '--pairs', '1000']);
    expect(stdout).toContain('Assumed: 1,000 pairs, 480 tokens a sequence');
  });

  it.each([
    ['an unknown shape', ['--shape', '9x'], /no such shape/],
    ['both', ['--shape', '8b', '--parameters', '1e9'], /needs one of/],
    ['pairs alone', ['--pairs', '10'], /needs one of/],
    ['no number', ['--parameters', 'many'], /must be a number/],
    ['a model beside it', ['--shape', '8b', '--model', 'x'], /means nothing with --shape/],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await winnow(['plan', ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
