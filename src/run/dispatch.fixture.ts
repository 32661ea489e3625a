import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'tsdown';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { WinnowError } from '../base/errors.ts';
import type { DispatchOptions } from './dispatch.ts';
import { readDone } from './done.ts';
import { FakeQueue } from './fake-queue.fixture.ts';
import type { PoolEvent } from './pool.ts';
import { type UnitSpec, unitDir } from './unit.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-dispatch-'));
const fixture = join(root, 'fixture.mjs');

/** What a test of the dispatcher has at hand: made afresh for each. */
export const bed = {
  run: '',
  queue: new FakeQueue(),
  options: {} as DispatchOptions,
  events: [] as PoolEvent[],
};

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
  bed.run = mkdtempSync(join(root, 'run-'));
  bed.queue = new FakeQueue();
  bed.events = [];
  bed.options = optionsFor(bed.queue);
});

afterEach(() => bed.queue.close());
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

export function optionsFor(executor: FakeQueue, more: Partial<DispatchOptions> = {}): DispatchOptions {
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
    onEvent: (event) => bed.events.push(event),
    ...more,
  };
}

export const counting = (factor: number, stepMs = 1, more: UnitSpec['inputs'] = {}): UnitSpec => ({
  kind: 'count',
  inputs: { steps: 20, factor, ...more },
  places: { stepMs: String(stepMs), trace: join(bed.run, 'trace.txt') },
});
/** 1 + 2 + … + 20, by the factor. */
export const expected = (factor: number) => 210 * factor;
export const sumOf = (spec: UnitSpec): number => {
  const done = readDone(bed.run, spec);
  if (done === null) throw new Error('not done');
  return JSON.parse(readFileSync(join(done.dir, 'rows.jsonl'), 'utf8').split('\n')[0] ?? '').sum;
};
export const notes = () => bed.events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
export const starts = () => readFileSync(join(bed.run, 'trace.txt'), 'utf8').trim().split('\n').map(Number);

export async function failureOf(promise: Promise<unknown>): Promise<WinnowError> {
  return (await promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  )) as WinnowError;
}

export async function until<T>(look: () => T | undefined | false | null): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(10)) {
    const found = look();
    if (found) return found;
  }
  throw new Error('waited too long');
}

/** Whether the unit has a whole checkpoint of at least so many steps. */
export function reached(spec: UnitSpec, step: number): boolean {
  const attempts = join(unitDir(bed.run, spec), 'attempts');
  if (!existsSync(attempts)) return false;
  return readdirSync(attempts).some((id) => {
    const folder = join(attempts, id, 'checkpoints');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return names.some(
      (name) => Number(name.slice(5)) >= step && existsSync(join(folder, name, 'CHECKPOINT.json')),
    );
  });
}
