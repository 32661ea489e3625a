import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Random } from '../src/base/random.ts';
import { attemptAtWork, endingsOf, expectOneResultEach } from './queue-world.ts';
import { argumentsOf, isDone, readText, start, tinyWorld, unitsOf, until, winnowOk } from './tiny-world.ts';

const world = tinyWorld('queue-soak');
const script = join(import.meta.dirname, '..', 'examples', 'executors', 'background', 'queue.sh');
const env = { WINNOW_CHECKPOINT_SECONDS: '0' };
/** 7 seeds of 2 parts: 14 scoring runs after the reference pass. */
const argumentsTo = (out: string, more: readonly string[] = []) =>
  argumentsOf('score', world, { out, seeds: 7, more: ['--quiet', ...more] });
const queued = [
  '--executor',
  'command',
  ...[
    'executor.pollSeconds=0.2',
    'executor.settleSeconds=0',
    'executor.cpus=1',
    'executor.atOnce=4',
    'executor.retries=40',
    `executor.command.submit=sh ${script} submit {script} {count} {dir}`,
    `executor.command.poll=sh ${script} poll {dir} {count}`,
    `executor.command.cancel=sh ${script} cancel {dir} {index}`,
    `executor.command.find=sh ${script} find {dir}`,
  ].flatMap((key) => ['--set', key]),
];

/** Processes that work on units now. */
function workersOf(out: string): number[] {
  return unitsOf(out).flatMap((unit) => {
    if (isDone(unit) || !existsSync(join(unit, 'attempts'))) return [];
    return readdirSync(join(unit, 'attempts')).flatMap((id) => {
      const file = join(unit, 'attempts', id, 'attempt.json');
      if (!existsSync(file)) return [];
      const { pid } = JSON.parse(readText(file)) as { pid: number };
      return existsSync(`/proc/${pid}`) ? [pid] : [];
    });
  });
}

it('14 trainings with kills of workers and drivers come to the scores of an undisturbed run', async () => {
  const random = new Random(5, 'soak of the engine');
  const whole = join(world.dir, 'whole');
  await winnowOk(argumentsTo(whole));
  const out = join(world.dir, 'soak');
  let [kills, drivers] = [0, 0];
  for (let finished = false; !finished; drivers++) {
    const driver = start(argumentsTo(out, queued), { env });
    let lives = true;
    const ended = driver.ended.finally(() => {
      lives = false;
    });
    // The first drivers die; the last is left to finish, and its workers still are not left alone.
    const last = drivers >= 4;
    const doneBefore = unitsOf(out).filter(isDone).length;
    const dies = () => unitsOf(out).filter(isDone).length >= doneBefore + 1 + random.integer(4);
    while (lives && (last || !dies())) {
      await sleep(20 + random.integer(500));
      const workers = workersOf(out);
      const victim = workers[random.integer(Math.max(1, workers.length))];
      if (victim === undefined || kills >= 14 || random.uniform() < 0.3) continue;
      try {
        process.kill(victim, random.uniform() < 0.7 ? 'SIGKILL' : 'SIGTERM');
        kills++;
      } catch {
        // It has ended meanwhile.
      }
    }
    if (lives && !last) driver.process.kill('SIGKILL');
    const { code, signal, stderr } = await ended;
    finished = code === 0;
    if (!finished) expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: expect.any(String) });
  }
  expect(kills).toBeGreaterThan(6);
  expect(drivers).toBeGreaterThan(2);
  expect(endingsOf(out, 'scoring').length).toBeGreaterThan(3);
  for (const file of ['scores.jsonl', 'difficulty.jsonl', 'reliability.json'])
    expect(readFileSync(join(out, file), 'latin1')).toBe(readFileSync(join(whole, file), 'latin1'));
  await until('all losers gone', () =>
    unitsOf(out).every((unit) => attemptAtWork(unit, false) === undefined && workersOf(out).length === 0),
  );
  expect(unitsOf(out)).toHaveLength(15);
  expectOneResultEach(out);
}, 600_000);
