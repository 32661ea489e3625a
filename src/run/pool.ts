import { machineError, WinnowError } from '../base/errors.ts';
import { pruneAttempts } from './attempt.ts';
import { runChild } from './child.ts';
import { readDone, type UnitResult } from './done.ts';
import type { UnitProgress } from './events.ts';
import { prepareUnit, type UnitSpec, unitDir, unitId } from './unit.ts';

/** What the pool tells while it runs. `unit` is the id. */
export type PoolEvent =
  | { readonly type: 'reused' | 'started' | 'done'; readonly unit: string; readonly kind: string }
  | { readonly type: 'note'; readonly unit: string; readonly kind: string; readonly text: string }
  | ({ readonly type: 'progress'; readonly unit: string; readonly kind: string } & UnitProgress)
  | QueueEvent;

/** How many of the units that are not done are where; told when it changes. */
export interface QueueEvent {
  readonly type: 'queue';
  readonly queued: number;
  readonly running: number;
  /** The queue does not say, or says that they ended and the files have still to show how. */
  readonly unknown: number;
  /** Not in the queue's hands: about to be submitted, or waiting before another try. */
  readonly waiting: number;
  /** Why the queue cannot be asked; null: it can. */
  readonly fault: string | null;
}

export interface PoolOptions {
  /** Worker processes at a time. */
  readonly workers: number;
  /** CPU threads of each; told to it by WINNOW_THREADS, and never part of a result. */
  readonly threadsPerWorker: number;
  /** Device that they compute on (default: cpu); told by WINNOW_DEVICE, and never part of a result's name. */
  readonly device?: string;
  /** Memory of each for what it keeps while it works, bytes; told by WINNOW_WORK_BYTES, and never part of a result. */
  readonly workBytes?: number;
  /** More of the environment of the workers of a lane (from 0). */
  readonly environmentOf?: (lane: number) => Readonly<Record<string, string>>;
  /** How long a worker may take to save its checkpoint when it is to stop. */
  readonly stopGraceMs?: number;
  /** Program and arguments that start a worker, e.g. `[process.execPath, cliPath, 'worker']`. */
  readonly command: readonly string[];
  readonly onEvent?: (event: PoolEvent) => void;
  /** Stops the work (Ctrl-C): the children save their checkpoints and end. */
  readonly signal?: AbortSignal;
}

/**
 * Runs units on this machine, each in a child process, and gives their results in the order of `specs`. Units
 * that are done are reused, equal ones run once. The first failure stops the others and is thrown.
 */
export async function runUnits(
  runDir: string,
  specs: readonly UnitSpec[],
  options: PoolOptions,
): Promise<UnitResult[]> {
  const units = new Map(specs.map((spec) => [unitId(spec), spec]));
  const results = new Map<string, UnitResult>();
  const queue: [string, UnitSpec][] = [];
  for (const [id, spec] of units) {
    const done = readDone(runDir, spec);
    if (done === null) {
      queue.push([id, spec]);
      continue;
    }
    // A worker killed between DONE.json and its clean-up has left something behind.
    pruneAttempts(unitDir(runDir, spec));
    results.set(id, done);
    options.onEvent?.({ type: 'reused', unit: id, kind: spec.kind });
  }

  const stop = new AbortController();
  const onAbort = () => stop.abort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) stop.abort();
  let failure: unknown;
  const lane = async (number: number) => {
    while (!stop.signal.aborted) {
      const next = queue.shift();
      if (next === undefined) return;
      const [id, spec] = next;
      try {
        results.set(
          id,
          await runOne(
            runDir,
            id,
            spec,
            { ...options, env: options.environmentOf?.(number) ?? {} },
            stop.signal,
          ),
        );
        options.onEvent?.({ type: 'done', unit: id, kind: spec.kind });
      } catch (error) {
        failure ??= error;
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.workers) }, (_, number) => lane(number)));
  options.signal?.removeEventListener('abort', onAbort);

  if (results.size === units.size) return specs.map((spec) => results.get(unitId(spec))!);
  const interrupted = failure instanceof WinnowError && failure.kind === 'interrupted';
  if (!options.signal?.aborted && !interrupted) throw failure;
  throw new WinnowError(
    'interrupted',
    'interrupted',
    `stopped with ${results.size} of ${units.size} units done`,
    {
      remedy:
        'Run the same command again: finished units are reused, the others go on from their last checkpoint',
    },
    failure,
  );
}

async function runOne(
  runDir: string,
  id: string,
  spec: UnitSpec,
  options: PoolOptions & { readonly env: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<UnitResult> {
  const dir = prepareUnit(runDir, spec);
  options.onEvent?.({ type: 'started', unit: id, kind: spec.kind });
  try {
    await runChild(dir, {
      command: options.command,
      threads: options.threadsPerWorker,
      ...(options.device === undefined ? {} : { device: options.device }),
      ...(options.workBytes === undefined ? {} : { workBytes: options.workBytes }),
      ...(options.stopGraceMs === undefined ? {} : { stopGraceMs: options.stopGraceMs }),
      env: options.env,
      signal,
      onNote: (text) => options.onEvent?.({ type: 'note', unit: id, kind: spec.kind, text }),
      onProgress: (progress) =>
        options.onEvent?.({ ...progress, type: 'progress', unit: id, kind: spec.kind }),
    });
  } catch (error) {
    // Killed after its DONE.json, or another driver's copy was faster: the work is done all the same.
    const done = readDone(runDir, spec);
    if (done === null) throw error;
    return done;
  }
  const done = readDone(runDir, spec);
  if (done !== null) return done;
  throw machineError('unit-not-done', `the worker of unit ${id} ended without a fault and without a result`, {
    file: dir,
    remedy: 'This is a fault in the worker, not in your data: see the log in its attempts folder',
  });
}
