import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { WinnowError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import { Random } from '../base/random.ts';
import { readBatches } from './batches.ts';
import {
  bed,
  counting,
  expected,
  failureOf,
  optionsFor,
  reached,
  starts,
  sumOf,
  until,
} from './dispatch.fixture.ts';
import { dispatchUnits } from './dispatch.ts';
import { FakeQueue } from './fake-queue.fixture.ts';
import { unitDir, unitId } from './unit.ts';

describe('what the queue says', () => {
  it('is no reason to give up while it cannot be reached', async () => {
    bed.queue.unreachable = 3;
    const all = dispatchUnits(bed.run, [counting(1, 20)], bed.options);
    await until(() => bed.queue.running().length === 1);
    bed.queue.unreachable = 5;
    await all;
    expect(bed.queue.tasks).toHaveLength(1);
    expect(bed.events).toContainEqual(
      expect.objectContaining({ type: 'queue', fault: expect.stringContaining('does not answer') }),
    );
  });

  it('does not count where it lies: done is done though it says pending', async () => {
    bed.queue.onStart = (task) => {
      task.lie = { state: 'queued' };
    };
    await dispatchUnits(bed.run, [counting(1)], bed.options);
    expect(bed.queue.tasks).toHaveLength(1);
  });

  it('of a task that is held: its first life finishes, or another begins', async () => {
    const [alive, dead] = [counting(1, 15), counting(2, 15)];
    const all = dispatchUnits(bed.run, [alive, dead], bed.options);
    await until(() => reached(alive, 3) && reached(dead, 3));
    for (const task of bed.queue.tasks) task.lie = { state: 'held', says: 'launch failed requeued held' };
    bed.queue.task(bed.queue.tasks[0]?.name ?? '', 1)?.child?.kill('SIGKILL');
    await all;
    expect([sumOf(alive), sumOf(dead)]).toEqual([expected(1), expected(2)]);
    expect(readBatches(bed.run).map(({ tasks }) => tasks.map(({ unit }) => unit))).toEqual([
      [unitId(alive), unitId(dead)],
      [unitId(dead)],
    ]);
  });

  it('that it has forgotten a living task does not start another', async () => {
    const spec = counting(1, 30);
    const all = dispatchUnits(bed.run, [spec], bed.options);
    await until(() => reached(spec, 2));
    for (const task of bed.queue.tasks) task.lie = { state: 'ended' };
    await all;
    expect(bed.queue.tasks).toHaveLength(1);
  });

  it('that a dead one runs ends with its silence', async () => {
    const spec = counting(1, 15);
    const all = dispatchUnits(bed.run, [spec], { ...bed.options, silentMs: 5_000 });
    await until(() => reached(spec, 3));
    const [task] = bed.queue.tasks;
    if (task === undefined) throw new Error('no task');
    task.lie = { state: 'running', node: 'gone' };
    task.child?.kill('SIGKILL');
    const [attempt = ''] = readdirSync(join(unitDir(bed.run, spec), 'attempts'));
    const long = new Date(Date.now() - 60_000);
    utimesSync(join(unitDir(bed.run, spec), 'attempts', attempt, 'attempt.json'), long, long);
    await all;
    expect(readBatches(bed.run)[0]?.verdicts[0]).toMatchObject({ ending: 'lost', node: 'gone' });
    expect(sumOf(spec)).toBe(expected(1));
  });

  it('comes before the files on a slow file system: a late result counts, and nothing runs twice', async () => {
    const spec = counting(1);
    let hidden = '';
    const hide = setInterval(() => {
      const done = join(unitDir(bed.run, spec), 'DONE.json');
      if (hidden !== '' || !existsSync(done)) return;
      hidden = `${done}.late`;
      renameSync(done, hidden);
      setTimeout(() => renameSync(hidden, done), 600);
    }, 1);
    bed.queue.onStart = () => void 0;
    await dispatchUnits(bed.run, [spec], { ...bed.options, settleMs: 5_000 });
    clearInterval(hide);
    expect(bed.queue.tasks).toHaveLength(1);
  });
});

describe('files', () => {
  it('of events with a last line cut short are read up to it', async () => {
    const spec = counting(1, 30);
    const all = dispatchUnits(bed.run, [spec], bed.options);
    await until(() => reached(spec, 2));
    const [attempt = ''] = readdirSync(join(unitDir(bed.run, spec), 'attempts'));
    appendFileSync(join(unitDir(bed.run, spec), 'attempts', attempt, 'bed.events.jsonl'), '{"done":19,"tot');
    await all;
    expect(sumOf(spec)).toBe(expected(1));
  });

  it('of a checkpoint that is half there are not gone on from', async () => {
    const spec = counting(1, 15);
    const all = dispatchUnits(bed.run, [spec], bed.options);
    await until(() => reached(spec, 5));
    const [attempt = ''] = readdirSync(join(unitDir(bed.run, spec), 'attempts'));
    const half = join(unitDir(bed.run, spec), 'attempts', attempt, 'checkpoints', 'step-000019');
    bed.queue.running()[0]?.child?.kill('SIGKILL');
    mkdirSync(half, { recursive: true });
    writeFileSync(join(half, 'state.json'), '{"step":19,"su');
    await all;
    expect(sumOf(spec)).toBe(expected(1));
    expect(starts()[1]).toBeLessThan(19);
  });

  it('of a damaged batch say what to delete', async () => {
    const dir = join(bed.run, 'jobs', 'winnow-0');
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'batch.json'), '{}');
    expect((await failureOf(dispatchUnits(bed.run, [counting(1)], bed.options))).message).toContain(
      'Delete the folder',
    );
  });
});

it('200 units with random kills, preemptions, lost answers and silences of the queue come through', async () => {
  const random = new Random(11, 'soak');
  bed.queue = new FakeQueue(6);
  const specs = Array.from({ length: 200 }, (_, i) => counting(i + 1, 1, { steps: 6 }));
  let kills = 0;
  const chaos = setInterval(() => {
    const running = bed.queue.running();
    const victim = running[random.integer(Math.max(1, running.length))];
    const dice = random.uniform();
    if (dice < 0.5 && victim !== undefined && kills < 150) {
      kills++;
      victim.child?.kill(random.uniform() < 0.5 ? 'SIGKILL' : 'SIGTERM');
    } else if (dice < 0.6) bed.queue.unreachable = 2;
    else if (dice < 0.65) bed.queue.losesAnswers = 1;
  }, 60);
  // A driver that is killed now and then, by its own signal: the next goes on.
  for (let finished = false; !finished; ) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 4_000);
    finished = await dispatchUnits(bed.run, specs, {
      ...optionsFor(bed.queue, { retries: 40, settleMs: 50 }),
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
    const done = readJson(join(unitDir(bed.run, spec), 'DONE.json')) as {
      files: readonly { rows: number }[];
    };
    expect(done.files[0]?.rows).toBe(2);
  }
}, 180_000);
