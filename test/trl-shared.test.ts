import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { argumentsOf, start, tinyWorld, unitsOf, until, winnow, winnowOk } from './tiny-world.ts';
import {
  apart,
  difficultyOf,
  farthest,
  python,
  trl,
  trlEnv,
  type Weights,
  weightsOf,
} from './trl.fixture.ts';

const world = tinyWorld('trl-shared');
const has = (module: string) =>
  python !== null && spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
const deepspeed = has('deepspeed');

/** How a model is shared out; what makes that work without a GPU; what it needs, and whether that is here. */
const WAYS = [
  [
    'fsdp2',
    { PYTHONPATH: join(import.meta.dirname, 'trl-fsdp-cpu') },
    'scripts/python-env.mjs',
    python !== null,
  ],
  ['zero2', { DS_ACCELERATOR: 'cpu' }, 'deepspeed beside it', deepspeed],
  ['zero3', { DS_ACCELERATOR: 'cpu' }, 'deepspeed beside it', deepspeed],
] as const;

/** The configuration that comes along, for float32 on the CPU. */
function onCpu(way: string): string {
  const file = join(world.dir, `${way}.yaml`);
  const shipped = readFileSync(join(import.meta.dirname, '../engines/trl', `${way}.yaml`), 'utf8');
  writeFileSync(file, shipped.replace('mixed_precision: bf16', 'mixed_precision: "no"\nuse_cpu: true'));
  return file;
}

const argumentsTo = (verb: string, out: string, more: readonly string[]) =>
  argumentsOf(verb, world, { out, seeds: 1, workers: 1, more });
const full = ['--method', 'full', '--learning-rate', '0.0001', '--arms', 'selected'];
const [scored, whole] = [join(world.dir, 'scored'), join(world.dir, 'whole')];

beforeAll(async () => {
  if (python === null) return;
  await winnowOk(argumentsTo('score', scored, []));
  await winnowOk(argumentsTo('train', whole, full));
}, 120_000);

describe.each(WAYS)('a model shared out by %s', (way, more, needs, there) => {
  const env = { ...trlEnv, ...more };
  const shared = () => trl('trl.processes=2', `trl.parallel=${onCpu(way)}`);

  it.skipIf(!there)(
    `is scored as by the embedded engine, and goes on from its checkpoint (needs ${needs})`,
    async () => {
      const out = join(world.dir, `${way}-scored`);
      const run = start(argumentsTo('score', out, shared()), { env });
      await until('a checkpoint of a scoring run', () =>
        unitsOf(out, 'scoring').some((unit) => checkpointsIn(unit) > 0),
      );
      run.process.kill('SIGINT');
      expect((await run.ended).code).toBe(130);
      await winnowOk(argumentsTo('score', out, shared()), { env });
      expect(difficultyOf(out)).toHaveLength(difficultyOf(scored).length);
      expect(farthest(out, scored)).toBeLessThan(1e-3);
    },
    300_000,
  );

  it.skipIf(!there)(
    `is trained whole, to the weights of the embedded engine (needs ${needs})`,
    async () => {
      const out = join(world.dir, `${way}-whole`);
      await winnowOk(argumentsTo('train', out, [...full, ...shared()]), { env });
      const [ours, theirs, before] = [
        join(whole, 'arms', 'selected'),
        join(out, 'arms', 'selected'),
        world.model,
      ].map(weightsOf) as [Weights, Weights, Weights];
      expect([...theirs.keys()].sort()).toEqual([...ours.keys()].sort());
      for (const name of ours.keys())
        expect(apart(ours, theirs, name)).toBeLessThan(0.05 * apart(ours, before, name));
    },
    300_000,
  );
});

it.skipIf(python === null)(
  'a model that nothing shares out is refused (needs scripts/python-env.mjs)',
  async () => {
    const more = trl('trl.processes=2', 'trl.parallel=fsdp2');
    const { code, stderr } = await winnow(argumentsTo('score', join(world.dir, 'no'), more), { env: trlEnv });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('it needs GPUs') });
  },
  300_000,
);

function checkpointsIn(unit: string): number {
  const attempts = join(unit, 'attempts');
  return (existsSync(attempts) ? readdirSync(attempts) : []).filter((id) => {
    const folder = join(attempts, id, 'checkpoints');
    return (existsSync(folder) ? readdirSync(folder) : []).some((name) =>
      existsSync(join(folder, name, 'CHECKPOINT.json')),
    );
  }).length;
}
