import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  argumentsOf,
  isDone,
  readRows,
  readText,
  start,
  tinyWorld,
  unitsOf,
  until,
  winnow,
  winnowOk,
} from './tiny-world.ts';

const world = tinyWorld('queue-run');
const script = join(import.meta.dirname, '..', 'examples', 'executors', 'background', 'queue.sh');
const ARMS = ['selected', 'full'];
const env = { WINNOW_CHECKPOINT_SECONDS: '0' };
const queued = [
  '--executor',
  'command',
  ...[
    'executor.pollSeconds=0.2',
    'executor.settleSeconds=2',
    'executor.cpus=1',
    `executor.command.submit=sh ${script} submit {script} {count} {dir}`,
    `executor.command.poll=sh ${script} poll {dir} {count}`,
    `executor.command.cancel=sh ${script} cancel {dir} {index}`,
    `executor.command.find=sh ${script} find {dir}`,
  ].flatMap((key) => ['--set', key]),
];
const argumentsTo = (out: string, more: readonly string[] = queued) =>
  argumentsOf('train', world, { out, seeds: 1, arms: ARMS.join(), more: ['--epochs', '4', ...more] });

/** What a run comes to, byte by byte. */
function resultOf(out: string): Record<string, string> {
  const files = [
    'scores.jsonl',
    'difficulty.jsonl',
    'selection/ledger.jsonl',
    ...ARMS.flatMap((arm) =>
      ['adapter_model.safetensors', 'order.jsonl'].map((file) => `arms/${arm}/${file}`),
    ),
  ];
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(out, file), 'latin1')]));
}

/** Batches of a run, oldest first. */
function batches(out: string): { name: string; tasks: { unit: string }[] }[] {
  const jobs = join(out, 'jobs');
  const names = existsSync(jobs)
    ? readdirSync(jobs).filter((name) => existsSync(join(jobs, name, 'batch.json')))
    : [];
  return names
    .map((name) => JSON.parse(readText(jobs, name, 'batch.json')))
    .sort((a: { atMs: number }, b: { atMs: number }) => a.atMs - b.atMs);
}

/** Process ids of the tasks that a queue has started on a kind of unit and that live. */
function tasksOf(out: string, kind: string): number[] {
  return unitsOf(out, kind)
    .filter((unit) => !isDone(unit))
    .flatMap((unit) => {
      const attempts = join(unit, 'attempts');
      const ids = existsSync(attempts) ? readdirSync(attempts) : [];
      return ids.flatMap((id) => {
        // With a checkpoint: it is in the middle of its work.
        if (!existsSync(join(attempts, id, 'attempt.json')) || !existsSync(join(attempts, id, 'checkpoints')))
          return [];
        return [(JSON.parse(readText(attempts, id, 'attempt.json')) as { pid: number }).pid];
      });
    })
    .filter((pid) => existsSync(`/proc/${pid}`));
}

const local = join(world.dir, 'local');
let expected: Record<string, string>;
beforeAll(async () => {
  await winnowOk(argumentsTo(local, []));
  expected = resultOf(local);
});

describe('a run in the hands of a queue', () => {
  it('comes to what it comes to on this machine, the scoring runs as one array', async () => {
    const out = join(world.dir, 'whole');
    const { stderr } = await winnowOk(argumentsTo(out));
    expect(resultOf(out)).toEqual(expected);
    expect(batches(out).map(({ tasks }) => tasks.map(({ unit }) => unit.split('-')[0]))).toEqual([
      ['reference'],
      ['scoring', 'scoring'],
      ['training', 'training'],
    ]);
    expect(stderr).toContain('Scoring runs: 2 ');
    // Once more: nothing is submitted.
    await winnowOk(argumentsTo(out));
    expect(batches(out)).toHaveLength(3);
  });

  it('goes on when its driver is killed: the next adopts what still runs', async () => {
    const out = join(world.dir, 'killed');
    const first = start(argumentsTo(out), { env });
    await until('a scoring run at work', () => tasksOf(out, 'scoring').length > 0);
    first.process.kill('SIGKILL');
    await first.ended;
    await winnowOk(argumentsTo(out), { env });
    expect(resultOf(out)).toEqual(expected);
    expect(batches(out).map(({ tasks }) => tasks.length)).toEqual([1, 2, 2]);
  });

  it('is left by Ctrl-C, seen by status, and taken back by cancel', async () => {
    const out = join(world.dir, 'left');
    const first = start(argumentsTo(out), { env });
    await until('a scoring run at work', () => tasksOf(out, 'scoring').length > 0);
    first.process.kill('SIGINT');
    const ended = await first.ended;
    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain('go on in the queue');
    const status = await winnowOk(['status', '--out', out]);
    expect(status.stdout).toMatch(/scoring-[0-9a-f]{16}\s+(running|done|queued)/);
    await winnowOk(['cancel', '--out', out]);
    await until('all tasks to end', () => tasksOf(out, '').length === 0);
    const after = JSON.parse((await winnowOk(['status', '--out', out, '--json'])).stdout);
    expect(after.units.every(({ state }: { state: string }) => ['done', 'cancelled'].includes(state))).toBe(
      true,
    );
    await winnowOk(argumentsTo(out));
    expect(resultOf(out)).toEqual(expected);
  });

  it('survives kill -9 of its workers, and why tells of each try', async () => {
    const out = join(world.dir, 'workers');
    const run = start(argumentsTo(out), { env });
    const [pid = 0] = await until('a scoring run at work', () => {
      const found = tasksOf(out, 'scoring');
      return found.length > 0 && found;
    });
    process.kill(pid, 'SIGKILL');
    expect((await run.ended).code).toBe(0);
    expect(resultOf(out)).toEqual(expected);
    const units = batches(out).flatMap(({ tasks }) => tasks.map(({ unit }) => unit));
    const again = units.find((unit, i) => units.indexOf(unit) < i);
    expect(again).toMatch(/^scoring-/);
    const why = await winnowOk(['why', again as string, '--out', out]);
    expect(why.stdout).toMatch(/try 1: failed .*exit code 137/);
    expect(why.stdout).toMatch(/try 2: done/);
    const logs = await winnowOk(['logs', (again as string).slice(0, 12), '--out', out]);
    expect(logs.stdout).toContain(again);
  });

  it('says what fails with its unit and where to look, and retry says what to do', async () => {
    const out = join(world.dir, 'broken');
    await winnowOk(argumentsOf('check', world, { out }).slice(0, 0).concat(['config']));
    const { code, stderr } = await winnow(
      argumentsTo(out, [...queued, '--set', 'executor.retries=1', '--set', 'executor.setup=[exit 9]']),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/unit reference-[0-9a-f]{16} failed after 2 tries: exit code 9/);
    const unit = /reference-[0-9a-f]{16}/.exec(stderr)?.[0] as string;
    expect((await winnowOk(['why', unit, '--out', out])).stdout).toContain('try 2: failed');
    expect((await winnowOk(['retry', unit, '--out', out])).stdout).toContain('winnow');
    await winnowOk(argumentsTo(out));
    expect(resultOf(out)).toEqual(expected);
    rmSync(out, { recursive: true });
  });

  it('tells a unit that is not there', async () => {
    const { code, stderr } = await winnow(['logs', 'scoring-ffffffffffffffff', '--out', local]);
    expect({ code, said: stderr.includes('no unit') }).toEqual({ code: 2, said: true });
  });
});

it('a run on this machine has a status, too', async () => {
  const { units } = JSON.parse((await winnowOk(['status', '--out', local, '--json'])).stdout);
  expect(units).toHaveLength(5);
  expect(new Set(units.map(({ state }: { state: string }) => state))).toEqual(new Set(['done']));
  expect(readRows(local, 'scores.jsonl').length).toBeGreaterThan(0);
});
