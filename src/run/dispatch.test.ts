import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'tsdown';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WinnowError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import { Random } from '../base/random.ts';
import { askRetry, fileBatch, noteVerdict, readBatches } from './batches.ts';
import { type DispatchOptions, dispatchUnits } from './dispatch.ts';
import { readDone } from './done.ts';
import { FakeQueue } from './fake-queue.fixture.ts';
import type { PoolEvent } from './pool.ts';
import { prepareUnit, type UnitSpec, unitDir, unitId } from './unit.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-dispatch-'));
const fixture = join(root, 'fixture.mjs');
let run = '';
let queue: FakeQueue;
let options: DispatchOptions;
let events: PoolEvent[];

beforeAll(async () => {
  await build({
    config: false,
    entry: { fixture: join(import.meta.dirname, 'fixture.ts') },
    outDir: root,
    outExtensions: () => ({ js: '.mjs' }),
    format: 'esm',
    platform: 'node',
    dts: false,
    clean: false,
    logLevel: 'silent',
  });
});

beforeEach(() => {
  run = mkdtempSync(join(root, 'run-'));
  queue = new FakeQueue();
  events = [];
  options = optionsFor(queue);
});

afterEach(() => queue.close());
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

function optionsFor(executor: FakeQueue, more: Partial<DispatchOptions> = {}): DispatchOptions {
  return {
    executor,
    asks: { cpus: 1, gpus: 0, memoryGB: null, minutes: null, atOnce: null },
    command: [process.execPath, fixture, 'worker'],
    env: {},
    setup: [],
    retries: 2,
    pollMs: 40,
    settleMs: 100,
    backoffMs: 10,
    onEvent: (event) => events.push(event),
    ...more,
  };
}

const counting = (factor: number, stepMs = 1, more: UnitSpec['inputs'] = {}): UnitSpec => ({
  kind: 'count',
  inputs: { steps: 20, factor, ...more },
  places: { stepMs: String(stepMs), trace: join(run, 'trace.txt') },
});
/** 1 + 2 + … + 20, by the factor. */
const expected = (factor: number) => 210 * factor;
const sumOf = (spec: UnitSpec): number => {
  const done = readDone(run, spec);
  if (done === null) throw new Error('not done');
  return JSON.parse(readFileSync(join(done.dir, 'rows.jsonl'), 'utf8').split('\n')[0] ?? '').sum;
};
const notes = () => events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
const starts = () => readFileSync(join(run, 'trace.txt'), 'utf8').trim().split('\n').map(Number);

async function failureOf(promise: Promise<unknown>): Promise<WinnowError> {
  return (await promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  )) as WinnowError;
}

async function until<T>(look: () => T | undefined | false | null): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(10)) {
    const found = look();
    if (found) return found;
  }
  throw new Error('waited too long');
}

/** Whether the unit has a whole checkpoint of at least so many steps. */
function reached(spec: UnitSpec, step: number): boolean {
  const attempts = join(unitDir(run, spec), 'attempts');
  if (!existsSync(attempts)) return false;
  return readdirSync(attempts).some((id) => {
    const folder = join(attempts, id, 'checkpoints');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return names.some(
      (name) => Number(name.slice(5)) >= step && existsSync(join(folder, name, 'CHECKPOINT.json')),
    );
  });
}

describe('the queue’s tasks', () => {
  it('go out as one array and come back in the order asked for; equal ones run once', async () => {
    const specs = [counting(3), counting(1), counting(2), counting(1)];
    const results = await dispatchUnits(run, specs, options);
    expect(results.map(({ id }) => id)).toEqual(specs.map(unitId));
    expect([1, 2, 3].map((factor) => sumOf(counting(factor)))).toEqual([1, 2, 3].map(expected));
    expect([...queue.batches.values()].map(({ count }) => count)).toEqual([3]);
    expect(events.at(-1)).toMatchObject({ type: 'done' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'progress', what: 'steps', total: 20 }));
  });

  it('are not asked for what is done', async () => {
    await dispatchUnits(run, [counting(1)], options);
    events.length = 0;
    await dispatchUnits(run, [counting(1), counting(2)], options);
    expect(queue.tasks).toHaveLength(2);
    expect(events[0]).toMatchObject({ type: 'reused', unit: unitId(counting(1)) });
  });

  it('find the lines of the user before them, and what is asked for in the batch', async () => {
    await dispatchUnits(run, [counting(1)], {
      ...options,
      asks: { ...options.asks, cpus: 3, gpus: 1, minutes: 5 },
      setup: ['module() { echo "module $*"; }', 'module load "a b"'],
    });
    const [batch] = readBatches(run);
    expect(batch?.asks).toMatchObject({ cpus: 3, gpus: 1, minutes: 5, exclude: [] });
    expect(readFileSync(join(batch?.dir ?? '', '0.out'), 'utf8')).toContain('module load a b');
  });
});

describe('a driver', () => {
  it('that is stopped leaves its tasks, and the next adopts them', async () => {
    const stop = new AbortController();
    const specs = [counting(1, 40), counting(2, 40)];
    const first = dispatchUnits(run, specs, { ...options, signal: stop.signal });
    await until(() => queue.running().length === 2);
    stop.abort();
    const error = await failureOf(first);
    expect(error).toMatchObject({ kind: 'interrupted', exitCode: 130 });
    expect(error.message).toContain('2 go on in the queue');
    await dispatchUnits(run, specs, options);
    expect(queue.tasks).toHaveLength(2);
    expect(starts()).toEqual([0, 0]);
  });

  it('that died between writing a batch down and hearing of it finds it at the queue', async () => {
    queue.losesAnswers = 1;
    await dispatchUnits(run, [counting(1, 40)], options);
    expect(queue.tasks).toHaveLength(1);
    expect(readBatches(run)[0]?.handle).toMatch(/^job of/);
  });

  it('that died before it had submitted a batch is followed by one that does', async () => {
    const spec = counting(4);
    prepareUnit(run, spec);
    const record = {
      name: 'winnow-000000000000',
      executor: 'fake',
      atMs: Date.now(),
      tasks: [{ unit: unitId(spec), halvings: 0 }],
      asks: { ...options.asks, exclude: [] },
    };
    fileBatch(run, record, 'exit 1\n');
    await dispatchUnits(run, [spec], options);
    expect(readBatches(run).map(({ verdicts }) => verdicts[0]?.ending ?? null)).toEqual(['unsent', null]);
    expect(sumOf(spec)).toBe(expected(4));
  });

  it('works beside another on the same run: each unit is submitted once', async () => {
    const specs = [1, 2, 3, 4].map((factor) => counting(factor, 5));
    await Promise.all([dispatchUnits(run, specs, options), dispatchUnits(run, specs, optionsFor(queue))]);
    expect(queue.tasks).toHaveLength(4);
  });
});

describe('a worker', () => {
  it('that is killed goes on from its checkpoint: same result', async () => {
    const spec = counting(5, 15);
    const all = dispatchUnits(run, [spec], options);
    await until(() => reached(spec, 4));
    queue.running()[0]?.child?.kill('SIGKILL');
    await all;
    expect(sumOf(spec)).toBe(expected(5));
    expect(starts()[1]).toBeGreaterThanOrEqual(4);
    expect(notes().join()).toMatch(/failed \(killed from outside, exit code 137\): try 2 of 3 follows/);
  });

  it('that is killed after DONE.json is done', async () => {
    const spec = counting(6);
    queue.onStart = (task) => {
      task.lie = { state: 'ended', code: 137 };
    };
    await dispatchUnits(run, [spec], { ...options, settleMs: 5_000 });
    expect(queue.tasks).toHaveLength(1);
  });

  it('that is preempted again and again gets ahead at no cost to its tries', async () => {
    const spec = counting(7, 15);
    const all = dispatchUnits(run, [spec], { ...options, retries: 0 });
    for (const step of [3, 8, 13]) {
      await until(() => reached(spec, step) && queue.running().length === 1);
      queue.running()[0]?.child?.kill('SIGTERM');
      await until(() => queue.running().length === 0);
    }
    await all;
    expect(sumOf(spec)).toBe(expected(7));
    expect(readBatches(run).map(({ verdicts }) => verdicts[0]?.ending ?? null)).toEqual([
      'stopped',
      'stopped',
      'stopped',
      null,
    ]);
    expect(starts()).toHaveLength(4);
  });

  it('that is stopped before every first checkpoint is given up: no livelock', async () => {
    const spec = counting(8, 60_000);
    queue.onStart = () => void setTimeout(() => queue.running()[0]?.child?.kill('SIGKILL'), 400);
    const lying = setInterval(() => {
      for (const task of queue.tasks)
        if (task.ended) task.lie = { state: 'ended', code: 143, says: 'PREEMPTED' };
    }, 5);
    const error = await failureOf(dispatchUnits(run, [spec], { ...options, retries: 0 }));
    clearInterval(lying);
    expect(error.message).toMatch(/was stopped 6 times in a row before it had got any further/);
    expect(error.message).toContain('executor.minutes');
  });

  it('whose input is at fault is not tried again; the others go on, and the error names unit, cause and log', async () => {
    const bad: UnitSpec = { kind: 'fail', inputs: {}, places: {} };
    const error = await failureOf(dispatchUnits(run, [bad, counting(1)], options));
    expect(error).toMatchObject({ kind: 'input', code: 'bad-pair', exitCode: 2 });
    expect(error.message).toContain('the pair has no prompt');
    expect(error.message).toMatch(/in unit fail-[0-9a-f]{16} on here, log: .*0\.out/);
    expect(queue.tasks).toHaveLength(2);
    expect(sumOf(counting(1))).toBe(expected(1));
  });

  it('that crashes is tried so often, then given up with its last words', async () => {
    const spec: UnitSpec = { kind: 'crash', inputs: {} };
    const error = await failureOf(dispatchUnits(run, [spec], options));
    expect(queue.tasks).toHaveLength(3);
    expect(error).toMatchObject({ kind: 'machine', exitCode: 1 });
    expect(error.message).toContain('undefined is not a model');
  });

  it('that runs out of memory is tried with half of it, three times', async () => {
    const spec: UnitSpec = { kind: 'crash', inputs: { other: 1 } };
    const lying = setInterval(() => {
      for (const task of queue.tasks)
        if (task.ended) task.lie = { state: 'ended', code: 137, says: 'OUT_OF_MEMORY' };
    }, 5);
    // A worker that is killed leaves no word.
    const command = ['sh', '-c', 'echo $WINNOW_HALVINGS; sleep 0.1; exit 137'];
    const error = await failureOf(dispatchUnits(run, [spec], { ...options, command, retries: 0 }));
    clearInterval(lying);
    expect(readBatches(run).map(({ dir }) => readFileSync(join(dir, '0.out'), 'utf8').trim())).toEqual([
      '0',
      '1',
      '2',
      '3',
    ]);
    expect(error.message).toContain('out of memory');
  });

  it('that cannot see the run folder is told so', async () => {
    const spec: UnitSpec = {
      kind: 'count',
      inputs: { steps: 1, factor: 1 },
      places: { model: '/no/such/model' },
    };
    const error = await failureOf(
      dispatchUnits(run, [spec], { ...options, env: { WINNOW_SETTLE_SECONDS: '0.2' } }),
    );
    expect(error).toMatchObject({ code: 'not-visible', kind: 'input' });
    expect(error.message).toContain('/no/such/model');
  });

  it('that breaks its node is tried on another', async () => {
    const command = ['sh', '-c', 'echo "NCCL error: unhandled system error"; exit 1'];
    await failureOf(dispatchUnits(run, [counting(1)], { ...options, command, retries: 1 }));
    expect(readBatches(run).map(({ asks }) => asks.exclude)).toEqual([[], ['here']]);
  });

  it('that writes fewer rows than it should is not done, and says which', async () => {
    const error = await failureOf(
      dispatchUnits(run, [counting(1, 1, { rows: 3 })], { ...options, retries: 0 }),
    );
    expect(error.message).toMatch(/did not write the rows/);
    expect(error.fields).toMatchObject({ unit: expect.stringMatching(/^count-/) });
  });
});

describe('what the queue says', () => {
  it('is no reason to give up while it cannot be reached', async () => {
    queue.unreachable = 3;
    const all = dispatchUnits(run, [counting(1, 20)], options);
    await until(() => queue.running().length === 1);
    queue.unreachable = 5;
    await all;
    expect(queue.tasks).toHaveLength(1);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'queue', fault: expect.stringContaining('does not answer') }),
    );
  });

  it('does not count where it lies: done is done though it says pending', async () => {
    queue.onStart = (task) => {
      task.lie = { state: 'queued' };
    };
    await dispatchUnits(run, [counting(1)], options);
    expect(queue.tasks).toHaveLength(1);
  });

  it('of a task that is held: its first life finishes, or another begins', async () => {
    const [alive, dead] = [counting(1, 15), counting(2, 15)];
    const all = dispatchUnits(run, [alive, dead], options);
    await until(() => reached(alive, 3) && reached(dead, 3));
    for (const task of queue.tasks) task.lie = { state: 'held', says: 'launch failed requeued held' };
    queue.task(queue.tasks[0]?.name ?? '', 1)?.child?.kill('SIGKILL');
    await all;
    expect([sumOf(alive), sumOf(dead)]).toEqual([expected(1), expected(2)]);
    expect(readBatches(run).map(({ tasks }) => tasks.map(({ unit }) => unit))).toEqual([
      [unitId(alive), unitId(dead)],
      [unitId(dead)],
    ]);
  });

  it('that it has forgotten a living task does not start another', async () => {
    const spec = counting(1, 30);
    const all = dispatchUnits(run, [spec], options);
    await until(() => reached(spec, 2));
    for (const task of queue.tasks) task.lie = { state: 'ended' };
    await all;
    expect(queue.tasks).toHaveLength(1);
  });

  it('that a dead one runs ends with its silence', async () => {
    const spec = counting(1, 15);
    const all = dispatchUnits(run, [spec], { ...options, silentMs: 300 });
    await until(() => reached(spec, 3));
    const [task] = queue.tasks;
    if (task === undefined) throw new Error('no task');
    task.lie = { state: 'running', node: 'gone' };
    task.child?.kill('SIGKILL');
    const [attempt = ''] = readdirSync(join(unitDir(run, spec), 'attempts'));
    const long = new Date(Date.now() - 60_000);
    utimesSync(join(unitDir(run, spec), 'attempts', attempt, 'attempt.json'), long, long);
    await all;
    expect(readBatches(run)[0]?.verdicts[0]).toMatchObject({ ending: 'lost', node: 'gone' });
    expect(sumOf(spec)).toBe(expected(1));
  });

  it('comes before the files on a slow file system: a late result counts, and nothing runs twice', async () => {
    const spec = counting(1);
    let hidden = '';
    const hide = setInterval(() => {
      const done = join(unitDir(run, spec), 'DONE.json');
      if (hidden !== '' || !existsSync(done)) return;
      hidden = `${done}.late`;
      renameSync(done, hidden);
      setTimeout(() => renameSync(hidden, done), 600);
    }, 1);
    queue.onStart = () => void 0;
    await dispatchUnits(run, [spec], { ...options, settleMs: 5_000 });
    clearInterval(hide);
    expect(queue.tasks).toHaveLength(1);
  });
});

describe('people', () => {
  it('take a unit back', async () => {
    const spec = counting(1, 60_000);
    const all = failureOf(dispatchUnits(run, [spec], options));
    await until(() => queue.running().length === 1);
    const [batch] = readBatches(run);
    noteVerdict(batch?.dir ?? '', 0, { ending: 'cancelled', why: 'by hand', atMs: Date.now(), step: 0 });
    expect(await all).toMatchObject({ kind: 'interrupted', code: 'cancelled' });
  });

  it('ask for another try of a unit that was given up while others go on', async () => {
    const [bad, long] = [{ kind: 'fail', inputs: {}, places: {} }, counting(1, 60)];
    const all = failureOf(dispatchUnits(run, [bad, long], options));
    await until(() => readBatches(run)[0]?.verdicts[0]);
    askRetry(run, unitId(bad));
    expect((await all).code).toBe('bad-pair');
    expect(readBatches(run)).toHaveLength(2);
  });
});

describe('files', () => {
  it('of events with a last line cut short are read up to it', async () => {
    const spec = counting(1, 30);
    const all = dispatchUnits(run, [spec], options);
    await until(() => reached(spec, 2));
    const [attempt = ''] = readdirSync(join(unitDir(run, spec), 'attempts'));
    appendFileSync(join(unitDir(run, spec), 'attempts', attempt, 'events.jsonl'), '{"done":19,"tot');
    await all;
    expect(sumOf(spec)).toBe(expected(1));
  });

  it('of a checkpoint that is half there are not gone on from', async () => {
    const spec = counting(1, 15);
    const all = dispatchUnits(run, [spec], options);
    await until(() => reached(spec, 5));
    const [attempt = ''] = readdirSync(join(unitDir(run, spec), 'attempts'));
    const half = join(unitDir(run, spec), 'attempts', attempt, 'checkpoints', 'step-000019');
    queue.running()[0]?.child?.kill('SIGKILL');
    mkdirSync(half, { recursive: true });
    writeFileSync(join(half, 'state.json'), '{"step":19,"su');
    await all;
    expect(sumOf(spec)).toBe(expected(1));
    expect(starts()[1]).toBeLessThan(19);
  });

  it('of a damaged batch say what to delete', async () => {
    const dir = join(run, 'jobs', 'winnow-0');
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'batch.json'), '{}');
    expect((await failureOf(dispatchUnits(run, [counting(1)], options))).message).toContain(
      'Delete the folder',
    );
  });
});

it('200 units with random kills, preemptions, lost answers and silences of the queue come through', async () => {
  const random = new Random(11, 'soak');
  queue = new FakeQueue(6);
  const specs = Array.from({ length: 200 }, (_, i) => counting(i + 1, 1, { steps: 6 }));
  let kills = 0;
  const chaos = setInterval(() => {
    const running = queue.running();
    const victim = running[random.integer(Math.max(1, running.length))];
    const dice = random.uniform();
    if (dice < 0.5 && victim !== undefined && kills < 150) {
      kills++;
      victim.child?.kill(random.uniform() < 0.5 ? 'SIGKILL' : 'SIGTERM');
    } else if (dice < 0.6) queue.unreachable = 2;
    else if (dice < 0.65) queue.losesAnswers = 1;
  }, 60);
  // A driver that is killed now and then, by its own signal: the next goes on.
  for (let finished = false; !finished; ) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 4_000);
    finished = await dispatchUnits(run, specs, {
      ...optionsFor(queue, { retries: 40, settleMs: 50 }),
      signal: stop.signal,
    }).then(
      () => true,
      (error: WinnowError) => {
        if (error.kind !== 'interrupted') throw error;
        return false;
      },
    );
    clearTimeout(timer);
  }
  clearInterval(chaos);
  expect(kills).toBeGreaterThan(50);
  for (const [i, spec] of specs.entries()) {
    expect(sumOf(spec)).toBe(21 * (i + 1));
    const done = readJson(join(unitDir(run, spec), 'DONE.json')) as { files: readonly { rows: number }[] };
    expect(done.files[0]?.rows).toBe(2);
  }
}, 180_000);
