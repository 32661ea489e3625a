import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askRetry, fileBatch, noteVerdict, readBatches } from './batches.ts';
import {
  bed,
  counting,
  expected,
  failureOf,
  notes,
  optionsFor,
  reached,
  starts,
  sumOf,
  until,
} from './dispatch.fixture.ts';
import { dispatchUnits } from './dispatch.ts';
import { prepareUnit, type UnitSpec, unitId } from './unit.ts';

describe('the queue’s tasks', () => {
  it('go out as one array and come back in the order asked for; equal ones run once', async () => {
    const specs = [counting(3), counting(1), counting(2), counting(1)];
    const results = await dispatchUnits(bed.run, specs, bed.options);
    expect(results.map(({ id }) => id)).toEqual(specs.map(unitId));
    expect([1, 2, 3].map((factor) => sumOf(counting(factor)))).toEqual([1, 2, 3].map(expected));
    expect([...bed.queue.batches.values()].map(({ count }) => count)).toEqual([3]);
    expect(bed.events.at(-1)).toMatchObject({ type: 'done' });
    expect(bed.events).toContainEqual(
      expect.objectContaining({ type: 'progress', what: 'steps', total: 20 }),
    );
  });

  it('are not asked for what is done', async () => {
    await dispatchUnits(bed.run, [counting(1)], bed.options);
    bed.events.length = 0;
    await dispatchUnits(bed.run, [counting(1), counting(2)], bed.options);
    expect(bed.queue.tasks).toHaveLength(2);
    expect(bed.events[0]).toMatchObject({ type: 'reused', unit: unitId(counting(1)) });
  });

  it('find the lines of the user before them, and what is asked for in the batch', async () => {
    await dispatchUnits(bed.run, [counting(1)], {
      ...bed.options,
      asks: { ...bed.options.asks, cpus: 3, gpus: 1, minutes: 5 },
      setup: ['module() { echo "module $*"; }', 'module load "a b"'],
    });
    const [batch] = readBatches(bed.run);
    expect(batch?.asks).toMatchObject({ cpus: 3, gpus: 1, minutes: 5, exclude: [] });
    expect(readFileSync(join(batch?.dir ?? '', '0.out'), 'utf8')).toContain('module load a b');
  });
});

describe('a driver', () => {
  it('that is stopped leaves its tasks, and the next adopts them', async () => {
    const stop = new AbortController();
    const specs = [counting(1, 40), counting(2, 40)];
    const first = dispatchUnits(bed.run, specs, { ...bed.options, signal: stop.signal });
    await until(() => bed.queue.running().length === 2);
    stop.abort();
    const error = await failureOf(first);
    expect(error).toMatchObject({ kind: 'interrupted', exitCode: 130 });
    expect(error.message).toContain('2 go on in the queue');
    await dispatchUnits(bed.run, specs, bed.options);
    expect(bed.queue.tasks).toHaveLength(2);
    expect(starts()).toEqual([0, 0]);
  });

  it('that died between writing a batch down and hearing of it finds it at the queue', async () => {
    bed.queue.losesAnswers = 1;
    await dispatchUnits(bed.run, [counting(1, 40)], bed.options);
    expect(bed.queue.tasks).toHaveLength(1);
    expect(readBatches(bed.run)[0]?.handle).toMatch(/^job of/);
  });

  it('that died before it had submitted a batch is followed by one that does', async () => {
    const spec = counting(4);
    prepareUnit(bed.run, spec);
    const record = {
      name: 'winnow-000000000000',
      executor: 'fake',
      atMs: Date.now(),
      tasks: [{ unit: unitId(spec), halvings: 0 }],
      asks: { ...bed.options.asks, exclude: [] },
    };
    fileBatch(bed.run, record, 'exit 1\n');
    await dispatchUnits(bed.run, [spec], bed.options);
    expect(readBatches(bed.run).map(({ verdicts }) => verdicts[0]?.ending ?? null)).toEqual(['unsent', null]);
    expect(sumOf(spec)).toBe(expected(4));
  });

  it('works beside another on the same run: each unit is submitted once', async () => {
    const specs = [1, 2, 3, 4].map((factor) => counting(factor, 5));
    await Promise.all([
      dispatchUnits(bed.run, specs, bed.options),
      dispatchUnits(bed.run, specs, optionsFor(bed.queue)),
    ]);
    expect(bed.queue.tasks).toHaveLength(4);
  });
});

describe('a worker', () => {
  it('that is killed goes on from its checkpoint: same result', async () => {
    const spec = counting(5, 15);
    const all = dispatchUnits(bed.run, [spec], bed.options);
    await until(() => reached(spec, 4));
    bed.queue.running()[0]?.child?.kill('SIGKILL');
    await all;
    expect(sumOf(spec)).toBe(expected(5));
    expect(starts()[1]).toBeGreaterThanOrEqual(4);
    expect(notes().join()).toMatch(/failed \(killed from outside, exit code 137\): try 2 of 3 follows/);
  });

  it('that is killed after DONE.json is done', async () => {
    const spec = counting(6);
    bed.queue.onStart = (task) => {
      task.lie = { state: 'ended', code: 137 };
    };
    await dispatchUnits(bed.run, [spec], { ...bed.options, settleMs: 5_000 });
    expect(bed.queue.tasks).toHaveLength(1);
  });

  it('that is preempted again and again gets ahead at no cost to its tries', async () => {
    const spec = counting(7, 15);
    const all = dispatchUnits(bed.run, [spec], { ...bed.options, retries: 0 });
    for (const step of [3, 8, 13]) {
      await until(() => reached(spec, step) && bed.queue.running().length === 1);
      bed.queue.running()[0]?.child?.kill('SIGTERM');
      await until(() => bed.queue.running().length === 0);
    }
    await all;
    expect(sumOf(spec)).toBe(expected(7));
    expect(readBatches(bed.run).map(({ verdicts }) => verdicts[0]?.ending ?? null)).toEqual([
      'stopped',
      'stopped',
      'stopped',
      null,
    ]);
    expect(starts()).toHaveLength(4);
  });

  it('that is stopped before every first checkpoint is given up: no livelock', async () => {
    const spec = counting(8, 60_000);
    bed.queue.onStart = () => void setTimeout(() => bed.queue.running()[0]?.child?.kill('SIGKILL'), 400);
    const lying = setInterval(() => {
      for (const task of bed.queue.tasks)
        if (task.ended) task.lie = { state: 'ended', code: 143, says: 'PREEMPTED' };
    }, 5);
    const error = await failureOf(dispatchUnits(bed.run, [spec], { ...bed.options, retries: 0 }));
    clearInterval(lying);
    expect(error.message).toMatch(/was stopped 6 times in a row before it had got any further/);
    expect(error.message).toContain('executor.minutes');
  });

  it('whose input is at fault is not tried again; the others go on, and the error names unit, cause and log', async () => {
    const bad: UnitSpec = { kind: 'fail', inputs: {}, places: {} };
    const error = await failureOf(dispatchUnits(bed.run, [bad, counting(1)], bed.options));
    expect(error).toMatchObject({ kind: 'input', code: 'bad-pair', exitCode: 2 });
    expect(error.message).toContain('the pair has no prompt');
    expect(error.message).toMatch(/in unit fail-[0-9a-f]{16} on here, log: .*0\.out/);
    expect(bed.queue.tasks).toHaveLength(2);
    expect(sumOf(counting(1))).toBe(expected(1));
  });

  it('that crashes is tried so often, then given up with its last words', async () => {
    const spec: UnitSpec = { kind: 'crash', inputs: {} };
    const error = await failureOf(dispatchUnits(bed.run, [spec], bed.options));
    expect(bed.queue.tasks).toHaveLength(3);
    expect(error).toMatchObject({ kind: 'machine', exitCode: 1 });
    expect(error.message).toContain('undefined is not a model');
  });

  it('that runs out of memory is tried with half of it, three times', async () => {
    const spec: UnitSpec = { kind: 'crash', inputs: { other: 1 } };
    const lying = setInterval(() => {
      for (const task of bed.queue.tasks)
        if (task.ended) task.lie = { state: 'ended', code: 137, says: 'OUT_OF_MEMORY' };
    }, 5);
    // A worker that is killed leaves no word.
    const command = ['sh', '-c', 'echo $WINNOW_HALVINGS; sleep 0.1; exit 137'];
    const error = await failureOf(dispatchUnits(bed.run, [spec], { ...bed.options, command, retries: 0 }));
    clearInterval(lying);
    expect(readBatches(bed.run).map(({ dir }) => readFileSync(join(dir, '0.out'), 'utf8').trim())).toEqual([
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
      dispatchUnits(bed.run, [spec], { ...bed.options, env: { WINNOW_SETTLE_SECONDS: '0.2' } }),
    );
    expect(error).toMatchObject({ code: 'not-visible', kind: 'input' });
    expect(error.message).toContain('/no/such/model');
  });

  it('that breaks its node is tried on another', async () => {
    const command = ['sh', '-c', 'echo "NCCL error: unhandled system error"; exit 1'];
    await failureOf(dispatchUnits(bed.run, [counting(1)], { ...bed.options, command, retries: 1 }));
    expect(readBatches(bed.run).map(({ asks }) => asks.exclude)).toEqual([[], ['here']]);
  });

  it('that writes fewer rows than it should is not done, and says which', async () => {
    const error = await failureOf(
      dispatchUnits(bed.run, [counting(1, 1, { rows: 3 })], { ...bed.options, retries: 0 }),
    );
    expect(error.message).toMatch(/did not write the rows/);
    expect(error.fields).toMatchObject({ unit: expect.stringMatching(/^count-/) });
  });
});

describe('people', () => {
  it('take a unit back', async () => {
    const spec = counting(1, 60_000);
    const all = failureOf(dispatchUnits(bed.run, [spec], bed.options));
    await until(() => bed.queue.running().length === 1);
    const [batch] = readBatches(bed.run);
    noteVerdict(batch?.dir ?? '', 0, { ending: 'cancelled', why: 'by hand', atMs: Date.now(), step: 0 });
    expect(await all).toMatchObject({ kind: 'interrupted', code: 'cancelled' });
  });

  it('ask for another try of a unit that was given up while others go on', async () => {
    const [bad, long] = [{ kind: 'fail', inputs: {}, places: {} }, counting(1, 60)];
    const all = failureOf(dispatchUnits(bed.run, [bad, long], bed.options));
    await until(() => readBatches(bed.run)[0]?.verdicts[0]);
    askRetry(bed.run, unitId(bad));
    expect((await all).code).toBe('bad-pair');
    expect(readBatches(bed.run)).toHaveLength(2);
  });
});
