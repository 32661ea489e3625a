import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writePrompts } from '../src/pipeline/inputs.ts';
import { prepare } from '../src/pipeline/prepare.ts';
import { queueSettings } from '../src/pipeline/queue-settings.ts';
import { answersUnit } from '../src/pipeline/units.ts';
import { VERSION } from '../src/pipeline/version.ts';
import { dispatchUnits } from '../src/run/dispatch.ts';
import { FakeQueue } from '../src/run/fake-queue.fixture.ts';
import { openRun } from '../src/run/folder.ts';
import {
  attemptAtWork,
  configOf,
  contextOf,
  endingsOf,
  expectOneResultEach,
  failureOf,
  scoresBy,
  unitOf,
} from './queue-world.ts';
import { fill, mountTmpfs, unmount } from './small-disk.ts';
import { CLI, isDone, readText, tinyWeights, tinyWorld, unitsOf, until, writeModel } from './tiny-world.ts';

// A checkpoint after every step, so that each death falls into the middle of one's life.
process.env.WINNOW_CHECKPOINT_SECONDS = '0';

const world = tinyWorld('queue-faults');
let queue: FakeQueue;
let expected: string;
let runs = 0;
const fresh = () => join(world.dir, `run-${runs++}`);

beforeAll(async () => {
  queue = new FakeQueue();
  expected = await scoresBy(queue, world, fresh());
  expect(expected.split('\n').length).toBeGreaterThan(40);
});
beforeEach(() => {
  queue = new FakeQueue();
});
afterEach(() => queue.close());

/** Starts a run, and gives its end with what has been learnt of it meanwhile. */
function begin(out: string, keys: Readonly<Record<string, unknown>> = {}) {
  const ended = scoresBy(queue, world, out, { keys });
  // Looked at later.
  ended.catch(() => {});
  return ended;
}

/** The process of a task on a unit of this kind that is at work. */
function atWork(out: string, kind: string, midway = true) {
  for (const task of queue.running()) {
    const unit = unitOf(out, task);
    const attempt = unit.kind === kind ? attemptAtWork(unit.dir, midway) : undefined;
    if (attempt !== undefined) return { task, unit, attempt, process: task.child as ChildProcess };
  }
  return undefined;
}

describe('workers of the embedded engine in a queue, whatever happens to them', () => {
  it('preempted before and after the first checkpoint, killed with half a checkpoint and a line cut short, two at once: the same scores, once', async () => {
    const out = fresh();
    const run = begin(out);
    const first = await until('the reference at work', () => atWork(out, 'reference', false));
    first.process.kill('SIGTERM');

    const preempted = await until('a scoring run at work', () => atWork(out, 'scoring'));
    preempted.process.kill('SIGTERM');
    const killed = await until('another at work', () => {
      const found = atWork(out, 'scoring');
      return found?.unit.id === preempted.unit.id ? undefined : found;
    });
    killed.process.kill('SIGKILL');
    const half = join(killed.attempt, 'checkpoints', 'step-000999');
    mkdirSync(half, { recursive: true });
    writeFileSync(join(half, 'training.json'), '{"step":999,"rec');
    writeFileSync(join(killed.attempt, 'scores.jsonl'), '{"id":"cut sh');
    appendFileSync(join(killed.attempt, 'events.jsonl'), '{"done":99,"tot');
    // A second copy of each, that no queue knows of.
    const copies = [preempted, killed].map(({ unit }) =>
      spawn(process.execPath, [CLI, 'worker', unit.dir], {
        stdio: 'ignore',
        env: { ...process.env, WINNOW_DETACHED: '1', WINNOW_THREADS: '1', WINNOW_DEVICE: 'cpu' },
      }),
    );
    const ends = copies.map((copy) => new Promise((resolve) => copy.on('exit', resolve)));
    expect(await run).toBe(expected);
    expect(await Promise.all(ends)).toEqual([0, 0]);
    expect(endingsOf(out, 'scoring').sort()).toEqual(['failed', 'stopped']);
    await until('the losers gone', () =>
      unitsOf(out).every((unit) => readdirSync(join(unit, 'attempts')).length === 1),
    );
    expectOneResultEach(out);
  });

  it('killed after DONE.json: done, and not done again', async () => {
    const out = fresh();
    const run = begin(out);
    await until('the reference done', () => unitsOf(out, 'reference').some(isDone));
    for (const { child } of queue.running()) child?.kill('SIGKILL');
    expect(await run).toBe(expected);
    expect(endingsOf(out, 'reference')).toEqual([]);
  });

  it('on a node that dies, with a queue that then says so, forgets all, tells stale states and cannot be reached', async () => {
    const out = fresh();
    const run = begin(out);
    const dead = await until('a scoring run at work', () => atWork(out, 'scoring'));
    dead.task.lie = { state: 'running', node: 'gone' };
    dead.process.kill('SIGKILL');
    queue.unreachable = 3;
    // As another machine's: nothing but its silence tells.
    const file = join(dead.attempt, 'attempt.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readText(file)), machine: 'gone' }));
    const long = new Date(Date.now() - 3_600_000);
    utimesSync(file, long, long);
    // The living ones are forgotten, and go on.
    for (const task of queue.running()) if (task !== dead.task) task.lie = { state: 'ended' };
    dead.task.lie = { state: 'ended', node: 'gone', says: 'NODE_FAIL' };
    queue.onStart = (task) => {
      task.lie = { state: 'queued' };
    };
    expect(await run).toBe(expected);
    expect(endingsOf(out, 'scoring')).toEqual(['lost']);
    expect(queue.tasks).toHaveLength(4);
  });

  it('whose results a file system shows late, the record before the rows: they are waited for', async () => {
    const out = fresh();
    const run = begin(out, { 'executor.settleSeconds': 20 });
    const hidden: string[] = [];
    const hide = setInterval(() => {
      for (const unit of unitsOf(out, 'scoring').filter(isDone)) {
        const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
        const rows = join(unit, 'attempts', attempt, 'scores.jsonl');
        if (hidden.includes(rows)) continue;
        hidden.push(rows);
        renameSync(rows, `${rows}.late`);
        setTimeout(() => renameSync(`${rows}.late`, rows), 1_500);
      }
    }, 1);
    const scores = await run.finally(() => clearInterval(hide));
    expect(scores).toBe(expected);
    expect(hidden).toHaveLength(2);
    expect(queue.tasks).toHaveLength(3);
  });

  it('out of memory: the same unit with half of it, the same scores', async () => {
    const out = fresh();
    const told = join(world.dir, 'told.txt');
    const setup = [
      `case "$unit" in scoring-*) echo "$WINNOW_HALVINGS $WINNOW_WORK_BYTES" >> '${told}'; [ "$WINNOW_HALVINGS" -ge 2 ] || exit 87;; esac`,
    ];
    expect(await scoresBy(queue, world, out, { keys: { 'executor.setup': setup } })).toBe(expected);
    expect(endingsOf(out, 'scoring')).toEqual(['memory', 'memory', 'memory', 'memory']);
    expect(unitsOf(out, 'scoring')).toHaveLength(2);
    expect(
      readText(told)
        .trim()
        .split('\n')
        .map((line) => line.trim())
        .sort(),
    ).toEqual(['0', '0', '1', '1', '2', '2']);
  });

  it('NaN: no second try, and an error that names unit, cause and log', async () => {
    const out = fresh();
    const error = await failureOf(
      scoresBy(queue, world, out, { keys: { 'training.learningRate': 1e30, 'training.maxGradNorm': 1e30 } }),
    );
    expect(error.message).toMatch(/unit scoring-[0-9a-f]{16}/);
    expect(error.message).toMatch(/diverged|not a number|no number/);
    expect(error.message).toContain(join(out, 'jobs'));
    expect(new Set(endingsOf(out, 'scoring'))).toEqual(new Set(['fatal']));
    expect(queue.tasks).toHaveLength(3);
    expect(queue.tasks.slice(1).map(({ ended }) => ended?.code)).toEqual([88, 88]);
  });
});

describe('what is not what it was', () => {
  /** Another model under the same name; gives back the way back. */
  function changeModel(): () => void {
    const kept = join(world.dir, 'kept-model');
    cpSync(world.model, kept, { recursive: true });
    const weights = tinyWeights();
    const data = weights.get('model.layers.1.mlp.up_proj.weight')?.data as Float32Array;
    for (let i = 0; i < data.length; i++) data[i] = -(data[i] as number);
    writeModel(world.model, weights);
    return () => {
      rmSync(world.model, { recursive: true });
      renameSync(kept, world.model);
    };
  }

  it('the model, between driver and worker: an error that names it; put back, the run goes on', async () => {
    const out = fresh();
    let restore: (() => void) | undefined;
    queue.onStart = (task) => {
      if (unitOf(out, task).kind === 'scoring') restore ??= changeModel();
    };
    const error = await failureOf(begin(out)).finally(() => restore?.());
    expect(error).toMatchObject({ kind: 'input', code: 'model-changed' });
    expect(error.message).toMatch(/the model is no longer the one .*unit scoring-[0-9a-f]{16}/s);
    expect(queue.tasks).toHaveLength(3);
    queue.onStart = () => {};
    expect(await scoresBy(queue, world, out)).toBe(expected);
    expect(queue.tasks).toHaveLength(5);
  });

  it('the model, while a worker uses it', async () => {
    const out = fresh();
    const run = begin(out, { 'training.epochs': 12 });
    await until('a scoring run at work', () => atWork(out, 'scoring'));
    const restore = changeModel();
    const error = await failureOf(run).finally(restore);
    expect(error).toMatchObject({ code: 'model-changed' });
    expect(unitsOf(out, 'scoring').some(isDone)).toBe(false);
  });

  it('model and tokenizer, between two runs: all that they decide is computed anew', async () => {
    const out = fresh();
    expect(await scoresBy(queue, world, out)).toBe(expected);
    const tokenizer = join(world.model, 'tokenizer.json');
    const kept = readText(tokenizer);
    const json = JSON.parse(kept) as { model: { vocab: Record<string, number> } };
    const { vocab } = json.model;
    [vocab.a, vocab.b] = [vocab.b as number, vocab.a as number];
    writeFileSync(tokenizer, JSON.stringify(json));
    const others = await scoresBy(queue, world, out).finally(() => writeFileSync(tokenizer, kept));
    expect(others).not.toBe(expected);
    const restore = changeModel();
    const third = await scoresBy(queue, world, out).finally(restore);
    expect(third).not.toBe(expected);
    expect(third).not.toBe(others);
    expect(queue.tasks).toHaveLength(9);
    expect(await scoresBy(queue, world, out)).toBe(expected);
    expect(queue.tasks).toHaveLength(9);
  });

  it('the tokenizer, between driver and worker', async () => {
    const out = fresh();
    mkdirSync(out);
    const config = configOf(world, out);
    const prepared = await prepare(config, out);
    const prompts = writePrompts(out, prepared.prompts.slice(0, 2));
    const { tokenizer } = prepared;
    const unit = answersUnit(prepared.base, null, prompts, {
      ...{ maxNewTokens: 3, temperature: 0, topP: 1, seed: 1 },
      ...{ stopIds: [tokenizer.eosId], tokenizerHash: tokenizer.hash },
    });
    const file = join(world.model, 'tokenizer_config.json');
    const kept = readText(file);
    writeFileSync(file, `${kept} `);
    const needs = { mapped: 0, saving: 0, again: 0 };
    const { command } = contextOf(out, queue);
    const all = dispatchUnits(out, [unit], { ...queueSettings({ ...config, needs }, queue), command });
    const error = await failureOf(all).finally(() => writeFileSync(file, kept));
    expect(error).toMatchObject({ kind: 'input', code: 'model-changed' });
    expect(error.message).toMatch(/the tokenizer is no longer the one .*unit answers-/s);
  });

  it('rows that a unit reads, cut short: waited for, then an error with unit and file; the next run mends them', async () => {
    const out = fresh();
    let cut: string | undefined;
    queue.onStart = (task) => {
      const unit = unitOf(out, task);
      if (unit.kind !== 'scoring' || cut !== undefined) return;
      cut = (JSON.parse(readText(unit.dir, 'unit.json')) as { places: { tokens: string } }).places.tokens;
      const lines = readText(cut).split('\n');
      writeFileSync(cut, `${lines.slice(0, -2).join('\n')}\n`);
    };
    const error = await failureOf(begin(out, { 'executor.retries': 0 }));
    expect(error).toMatchObject({ kind: 'machine', code: 'given-changed' });
    expect(error.message).toContain(cut as string);
    expect(error.message).toMatch(/unit scoring-/);
    expect(await scoresBy(queue, world, out)).toBe(expected);
  });

  it.each([
    ['one less', (lines: string[]) => lines.slice(1)],
    ['another in its place', (lines: string[]) => lines.map((line) => line.replace('"step":', '"stop":'))],
  ])(
    'rows that a finished unit wrote, %s: told, and computed anew where it is deleted',
    async (_, change) => {
      const out = fresh();
      cpSync(join(world.dir, 'run-0'), out, { recursive: true });
      const [unit = ''] = unitsOf(out, 'scoring');
      const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
      const file = join(unit, 'attempts', attempt, 'scores.jsonl');
      writeFileSync(
        file,
        change(readText(file).trim().split('\n'))
          .map((line) => `${line}\n`)
          .join(''),
      );
      const error = await failureOf(begin(out));
      expect(error).toMatchObject({ code: 'unit-damaged', fields: { file } });
      expect(error.message).toContain(`Delete the folder ${unit}`);
      rmSync(unit, { recursive: true });
      expect(await scoresBy(queue, world, out)).toBe(expected);
      expect(queue.tasks).toHaveLength(1);
    },
  );
});

describe('a full disk', () => {
  const disk = join(world.dir, 'disk');
  const mounted = mountTmpfs(disk, 2 ** 22);
  const ballast = join(disk, 'ballast');
  afterAll(() => {
    if (mounted) unmount(disk);
  });

  it.skipIf(!mounted)(
    'under all of a run: an error that says so; with room the run goes on (needs root, to mount one)',
    async () => {
      const out = join(disk, 'run');
      for (const kind of ['reference', 'scoring']) {
        queue.onStart = (task) => {
          if (unitOf(out, task).kind === kind) fill(ballast, disk, 0);
        };
        const error = await failureOf(begin(out));
        expect(error).toMatchObject({ kind: 'machine', code: 'disk-full' });
        expect(error.message).toMatch(/disk is full.*Free some space/s);
        expect(error.message).toContain(out);
        rmSync(ballast);
        queue.close();
        queue = new FakeQueue();
      }
      expect(await scoresBy(queue, world, out)).toBe(expected);
    },
  );

  it.skipIf(!mounted)(
    'under the units alone: an error that names unit, file and cause, after so many tries (needs root, to mount one)',
    async () => {
      const out = fresh();
      openRun(out, { create: true, version: VERSION, command: 'test' });
      const units = join(out, 'units');
      expect(mountTmpfs(units, 2 ** 21)).toBe(true);
      try {
        const filler = join(units, '.ballast');
        let room = 200_000;
        queue.onStart = (task) => {
          if (unitOf(out, task).kind !== 'scoring') return;
          fill(filler, units, room);
          room = 0;
        };
        const error = await failureOf(begin(out, { 'executor.retries': 1 }));
        expect(error.kind).toBe('machine');
        expect(error.message).toMatch(/unit scoring-[0-9a-f]{16}/);
        expect(error.message).toMatch(/disk is full/);
        expect(new Set(endingsOf(out, 'scoring'))).toEqual(new Set(['failed']));
        rmSync(filler);
        queue.onStart = () => {};
        expect(await scoresBy(queue, world, out)).toBe(expected);
      } finally {
        unmount(units);
      }
    },
  );
});
