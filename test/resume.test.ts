import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  argumentsOf,
  type Ended,
  isDone,
  readText,
  start,
  tinyWorld,
  unitsOf,
  until,
  winnow,
  winnowOk,
} from './tiny-world.ts';

const world = tinyWorld('resume');
const ARMS = ['selected', 'full'];
/** A checkpoint after every step, so that each death falls into the middle of one's life. */
const env = { WINNOW_CHECKPOINT_SECONDS: '0' };
const argumentsTo = (out: string) =>
  argumentsOf('train', world, { out, seeds: 1, arms: ARMS.join(), more: ['--epochs', '4'] });

/** What a run comes to, byte by byte. */
function resultOf(out: string): Record<string, string> {
  const files = [
    'scores.jsonl',
    'difficulty.jsonl',
    'selection/ledger.jsonl',
    ...ARMS.flatMap((arm) =>
      ['adapter_model.safetensors', 'order.jsonl', 'steps.jsonl'].map((file) => `arms/${arm}/${file}`),
    ),
  ];
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(out, file), 'latin1')]));
}

const whole = join(world.dir, 'whole');
let expected: Record<string, string>;
beforeAll(async () => {
  await winnowOk(argumentsTo(whole));
  expected = resultOf(whole);
});

/** Process ids of those at work on a unit. */
function workersOf(unit: string): number[] {
  const attempts = attemptsOf(unit);
  return attempts.flatMap((attempt) => {
    try {
      return [(JSON.parse(readText(unit, 'attempts', attempt, 'attempt.json')) as { pid: number }).pid];
    } catch {
      return [];
    }
  });
}

function attemptsOf(unit: string): string[] {
  try {
    return readdirSync(join(unit, 'attempts'));
  } catch {
    return [];
  }
}

/** A unit of this kind that is at work; with `midway` one that has a whole checkpoint. */
function working(out: string, kind: string, midway: boolean): string | undefined {
  return unitsOf(out, kind).find((unit) => {
    if (isDone(unit)) return false;
    return attemptsOf(unit).some((attempt) => !midway || checkpointsOf(unit, attempt).length > 0);
  });
}

/** Whole checkpoints of an attempt. */
function checkpointsOf(unit: string, attempt: string): string[] {
  const folder = join(unit, 'attempts', attempt, 'checkpoints');
  const steps = existsSync(folder) ? readdirSync(folder) : [];
  return steps.filter((step) => existsSync(join(folder, step, 'CHECKPOINT.json')));
}

function isRunning(pid: number): boolean {
  try {
    // A killed process that nobody has waited for yet is dead all the same.
    return !/^\d+ \(.*\) Z/.test(readText('/proc', String(pid), 'stat'));
  } catch {
    return false;
  }
}

/** Every unit is done, by one attempt, of which nothing but the result is left. */
function expectTidy(out: string): void {
  for (const unit of unitsOf(out)) {
    expect(isDone(unit)).toBe(true);
    const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
    expect(attemptsOf(unit)).toEqual([attempt]);
    expect(checkpointsOf(unit, attempt)).toEqual([]);
  }
  expect(unitsOf(out).map((unit) => unit.slice(out.length))).toEqual(
    unitsOf(whole).map((unit) => unit.slice(whole.length)),
  );
}

/** The same command to its end: same bytes, and what was done before is not done again. */
async function finishAndCompare(out: string): Promise<void> {
  const records = () =>
    unitsOf(out)
      .filter(isDone)
      .map((unit) => statSync(join(unit, 'DONE.json')).mtimeMs);
  const before = records();
  await winnowOk(argumentsTo(out), { env });
  expect(records()).toEqual(expect.arrayContaining(before));
  expect(resultOf(out)).toEqual(expected);
  // Orphans of the first death may take a moment to notice that their work is done.
  await until('one attempt a unit', () => unitsOf(out).every((unit) => attemptsOf(unit).length === 1));
  expectTidy(out);
}

/** Where the winning attempt of a unit went on from. */
function resumedFrom(unit: string): string | null {
  const { attempt } = JSON.parse(readText(unit, 'DONE.json'));
  return JSON.parse(readText(unit, 'attempts', attempt, 'attempt.json')).checkpointFrom;
}

/** Starts the run, waits for the moment, does the deed; gives how the driver ended and the unit it was at. */
async function interruptAt(
  out: string,
  kind: string,
  deed: (unit: string, driver: number) => void,
  withCheckpoint = true,
): Promise<{ ended: Ended; unit: string }> {
  const run = start(argumentsTo(out), { env, group: true });
  const unit = await until(`a ${kind} unit at work`, () => working(out, kind, withCheckpoint));
  deed(unit, run.process.pid as number);
  return { ended: await run.ended, unit };
}

describe('kill -9', () => {
  it.concurrent('of the driver, during the reference, a scoring run and the training of an arm', async () => {
    const out = join(world.dir, 'driver');
    const kill = (_: string, driver: number) => process.kill(driver, 'SIGKILL');
    const reference = await interruptAt(out, 'reference', kill, false);
    expect(reference.ended).toMatchObject({ code: null, signal: 'SIGKILL' });

    const scoring = await interruptAt(out, 'scoring', kill);
    expect(scoring.ended.signal).toBe('SIGKILL');
    expect(
      unitsOf(out)
        .filter(isDone)
        .map((unit) => basename(unit)),
    ).toEqual([expect.stringMatching(/^reference-/)]);

    const training = await interruptAt(out, 'training', kill);
    expect(training.ended.signal).toBe('SIGKILL');
    // The orphans notice and end by themselves.
    const orphans = workersOf(training.unit);
    await until('the orphans end', () => !orphans.some(isRunning));
    await finishAndCompare(out);
    for (const unit of [scoring.unit, training.unit]) expect(resumedFrom(unit)).toMatch(/step-\d+$/);
  });

  it.concurrent('of a worker: the driver says what died, and where its log is', async () => {
    const out = join(world.dir, 'worker');
    const { ended, unit } = await interruptAt(out, 'scoring', (at) => {
      for (const pid of workersOf(at)) process.kill(pid, 'SIGKILL');
    });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(
      /worker of unit scoring-\w+ was killed by SIGKILL.*run the same command again/,
    );
    expect(ended.stdout).toBe('');
    expect(isDone(unit)).toBe(false);
    await finishAndCompare(out);
    expect(resumedFrom(unit)).toMatch(/step-\d+$/);
  });

  it.concurrent('of the whole process group', async () => {
    const out = join(world.dir, 'group');
    const killAll = (_: string, driver: number) => process.kill(-driver, 'SIGKILL');
    const first = await interruptAt(out, 'scoring', killAll, false);
    expect(first.ended.signal).toBe('SIGKILL');
    const second = await interruptAt(out, 'scoring', killAll);
    expect(second.ended.signal).toBe('SIGKILL');
    await finishAndCompare(out);
  });
});

describe('two copies of the same command at once', () => {
  it.concurrent('do each other no harm', async () => {
    const out = join(world.dir, 'twice');
    const both = await Promise.all([0, 1].map(() => winnow(argumentsTo(out), { env })));
    for (const { code, stderr } of both)
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(resultOf(out)).toEqual(expected);
    expectTidy(out);
  });
});

describe('many that begin one run folder at once', () => {
  it.concurrent('all find it theirs', async () => {
    const out = join(world.dir, 'crowd');
    const all = await Promise.all(
      Array.from({ length: 8 }, () => winnow(argumentsOf('check', world, { out }))),
    );
    expect(all.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      all.map(() => ({ code: 0, stderr: '' })),
    );
    expect(readdirSync(out).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  it.concurrent('saves where it was, says how to go on, and goes on', async () => {
    const out = join(world.dir, 'ctrl-c');
    // As `kill -INT` sends it: to the driver alone.
    const alone = await interruptAt(out, 'scoring', (_, driver) => process.kill(driver, 'SIGINT'));
    // As a terminal sends it: to everyone in the group.
    const group = await interruptAt(out, 'training', (_, driver) => process.kill(-driver, 'SIGINT'));
    for (const { ended } of [alone, group]) {
      expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 130, stdout: '' });
      const said = ended.stderr.split('\n').filter((line) => line.startsWith('winnow: '));
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(/stopped with \d of \d units done\. Run the same command again/);
      expect(ended.stderr.trimEnd().endsWith(said[0] as string)).toBe(true);
    }
    await finishAndCompare(out);
    for (const { unit } of [alone, group]) expect(resumedFrom(unit)).toMatch(/step-\d+$/);
  });
});
