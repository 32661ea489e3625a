import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { WinnowError } from '../src/base/errors.ts';
import type { StageContext } from '../src/pipeline/execute.ts';
import { prepare } from '../src/pipeline/prepare.ts';
import { score } from '../src/pipeline/stages.ts';
import { VERSION } from '../src/pipeline/version.ts';
import { readBatches } from '../src/run/batches.ts';
import { loadConfig } from '../src/run/config.ts';
import type { FakeQueue, FakeTask } from '../src/run/fake-queue.fixture.ts';
import { openRun } from '../src/run/folder.ts';
import type { PoolEvent } from '../src/run/pool.ts';
import { CLI, isDone, unitsOf, type World } from './tiny-world.ts';

/** Few short trainings, each with a checkpoint after every step where WINNOW_CHECKPOINT_SECONDS is 0. */
export const KEYS: Readonly<Record<string, unknown>> = {
  seed: 7,
  'training.learningRate': 0.01,
  'training.batchSize': 4,
  'training.epochs': 4,
  'training.rank': 4,
  'training.beta': 0.5,
  'difficulty.seeds': 1,
  'executor.kind': 'command',
  'executor.cpus': 1,
  'executor.pollSeconds': 0.1,
  'executor.settleSeconds': 1,
  'executor.retries': 2,
};

export interface ScoreOptions {
  readonly keys?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: PoolEvent) => void;
}

export function configOf(world: World, out: string, keys: Readonly<Record<string, unknown>> = {}) {
  return loadConfig(null, { ...KEYS, model: world.model, data: world.data, out, ...keys });
}

export function contextOf(out: string, queue: FakeQueue, options: ScoreOptions = {}): StageContext {
  const { signal, onEvent = () => {} } = options;
  return {
    runDir: out,
    command: [process.execPath, CLI, 'worker'],
    queue,
    judge: null,
    onStage: () => ({ event: onEvent, end: () => {} }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Scores by real workers of the embedded engine in the hands of a queue that does as it is told; `scores.jsonl`. */
export async function scoresBy(queue: FakeQueue, world: World, out: string, options: ScoreOptions = {}) {
  openRun(out, { create: true, version: VERSION, command: 'test' });
  const prepared = await prepare(configOf(world, out, options.keys), out);
  await score(prepared, contextOf(out, queue, options));
  return readFileSync(join(out, 'scores.jsonl'), 'latin1');
}

export async function failureOf(promise: Promise<unknown>): Promise<WinnowError> {
  return (await promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  )) as WinnowError;
}

/** The unit of a task, by its kind and its folder. */
export function unitOf(out: string, { name, index }: Pick<FakeTask, 'name' | 'index'>) {
  const id = readFileSync(join(out, 'jobs', name, 'units.txt'), 'utf8').split('\n')[index] as string;
  return { kind: id.slice(0, id.lastIndexOf('-')), id, dir: join(out, 'units', id) };
}

/** The attempt of a unit that has begun, and has a checkpoint where one is asked for. */
export function attemptAtWork(unit: string, midway: boolean): string | undefined {
  const folder = join(unit, 'attempts');
  if (isDone(unit) || !existsSync(folder)) return undefined;
  return readdirSync(folder)
    .map((id) => join(folder, id))
    .find((dir) => existsSync(join(dir, 'attempt.json')) && (!midway || checkpointIn(dir) !== undefined));
}

/** A whole checkpoint of an attempt. */
export function checkpointIn(attempt: string): string | undefined {
  const folder = join(attempt, 'checkpoints');
  const steps = existsSync(folder) ? readdirSync(folder) : [];
  return steps.map((step) => join(folder, step)).find((step) => existsSync(join(step, 'CHECKPOINT.json')));
}

/** How the tries of units of a kind ended that did not finish them, in the order of the batches. */
export function endingsOf(out: string, kind: string): string[] {
  return readBatches(out)
    .sort((a, b) => a.atMs - b.atMs)
    .flatMap(({ tasks, verdicts }) =>
      tasks.flatMap(({ unit }, i) => (unit.startsWith(kind) ? [verdicts[i]?.ending ?? ''] : [])),
    )
    .filter((ending) => ending !== '');
}

/** Each unit is done, once, and holds nothing of other attempts. */
export function expectOneResultEach(out: string): void {
  for (const unit of unitsOf(out)) {
    const { attempt } = JSON.parse(readFileSync(join(unit, 'DONE.json'), 'utf8')) as { attempt: string };
    expect(readdirSync(join(unit, 'attempts'))).toEqual([attempt]);
  }
}
