import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { readTensorF32, type TensorEntry } from '../src/model/safetensors.ts';
import { argumentsOf, start, tinyWorld, unitsOf, until, winnow, winnowOk } from './tiny-world.ts';
import { difficultyOf, farthest, python, trl, trlEnv } from './trl.fixture.ts';

const world = tinyWorld('trl-fsdp2');
const env = { ...trlEnv, PYTHONPATH: join(import.meta.dirname, 'trl-fsdp-cpu') };

/** The configuration that comes along, for float32 on the CPU. */
function onCpu(): string {
  const file = join(world.dir, 'fsdp2.yaml');
  const shipped = readFileSync(join(import.meta.dirname, '../engines/trl/fsdp2.yaml'), 'utf8');
  writeFileSync(file, shipped.replace('mixed_precision: bf16', 'mixed_precision: "no"\nuse_cpu: true'));
  return file;
}

describe.skipIf(python === null)('a model shared out by FSDP2 (needs node scripts/python-env.mjs)', () => {
  const embedded = join(world.dir, 'embedded');
  const argumentsTo = (verb: string, out: string, more: readonly string[]) =>
    argumentsOf(verb, world, { out, seeds: 1, workers: 1, more });
  const shared = () => trl('trl.processes=2', `trl.parallel=${onCpu()}`);
  const full = ['--method', 'full', '--learning-rate', '0.0001', '--arms', 'selected'];
  beforeAll(() => winnowOk(argumentsTo('score', embedded, [])));

  it('is scored as the embedded engine does, and goes on from its checkpoint', async () => {
    const out = join(world.dir, 'shared');
    const run = start(argumentsTo('score', out, shared()), { env });
    await until('a checkpoint of a scoring run', () =>
      unitsOf(out, 'scoring').some((unit) => checkpointsIn(unit) > 0),
    );
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
    await winnowOk(argumentsTo('score', out, shared()), { env });
    expect(difficultyOf(out)).toHaveLength(difficultyOf(embedded).length);
    expect(farthest(out, embedded)).toBeLessThan(1e-3);
  }, 300_000);

  it('is trained whole, to the weights of one process', async () => {
    const [one, two] = [join(world.dir, 'one'), join(world.dir, 'two')];
    await winnowOk(argumentsTo('train', one, full));
    await winnowOk(argumentsTo('train', two, [...full, ...shared()]), { env });
    const [ours, theirs, before] = [
      join(one, 'arms', 'selected'),
      join(two, 'arms', 'selected'),
      world.model,
    ].map((dir) => openCheckpoint(dir).weights) as [Weights, Weights, Weights];
    expect([...theirs.keys()].sort()).toEqual([...ours.keys()].sort());
    for (const name of ours.keys())
      expect(apart(ours, theirs, name)).toBeLessThan(0.05 * apart(ours, before, name));
  }, 300_000);

  it('is refused where nothing shares it out', async () => {
    const more = trl('trl.processes=2', 'trl.parallel=fsdp2');
    const { code, stderr } = await winnow(argumentsTo('score', join(world.dir, 'no'), more), { env: trlEnv });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('it needs GPUs') });
  }, 300_000);
});

type Weights = ReturnType<typeof openCheckpoint>['weights'];

/** The largest difference of a tensor. */
function apart(a: Weights, b: Weights, name: string): number {
  const [one, other] = [a, b].map((weights) => readTensorF32(weights.get(name) as TensorEntry));
  return Math.max(...(one as Float32Array).map((value, i) => Math.abs(value - (other?.[i] ?? Number.NaN))));
}

function checkpointsIn(unit: string): number {
  const attempts = join(unit, 'attempts');
  return (existsSync(attempts) ? readdirSync(attempts) : []).filter((id) => {
    const folder = join(attempts, id, 'checkpoints');
    return (existsSync(folder) ? readdirSync(folder) : []).some((name) =>
      existsSync(join(folder, name, 'CHECKPOINT.json')),
    );
  }).length;
}
