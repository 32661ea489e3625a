import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { machineError, WinnowError } from '../base/errors.ts';
import { errno } from '../base/files.ts';
import type { Json } from '../base/hash.ts';
import { newAttemptId, openAttempt, pruneAttempts, removeQuietly } from './attempt.ts';
import { type Detachment, detachment, eventLog, leaveExit, waitForUnit } from './detached.ts';
import { commitUnit, readDoneIn, type UnitOutput } from './done.ts';
import type { UnitProgress, WorkerErrorEvent, WorkerEvent } from './events.ts';
import { workerExitCode } from './exit-codes.ts';
import { readUnit, type UnitPlaces, type UnitSpec } from './unit.ts';
import { startWatchdog } from './watchdog.ts';

/** What a runner may use besides its inputs. */
export interface UnitContext {
  readonly unitDir: string;
  /** The only folder to write to. */
  readonly attemptDir: string;
  readonly spec: UnitSpec;
  readonly places: UnitPlaces;
  /** CPU threads to use; never part of the result. */
  readonly threads: number;
  /** What the run's configuration calls the device to compute on; never part of what a result is known by. */
  readonly device: string;
  /** Bytes for what is kept while working, beside what the work cannot do without; null: not said. Never part of the result. */
  readonly workBytes: number | null;
  /** How often tries before this one ran out of memory: each halves what is taken at a time. Never part of the result. */
  readonly halvings: number;
  /** A whole checkpoint folder to continue from (read only, may be another attempt's), or null. */
  readonly checkpointFrom: string | null;
  report(progress: UnitProgress): void;
  /** Tells the user something, once, in the log and above the progress. */
  note(text: string): void;
  /**
   * True once the unit was asked to stop: save a checkpoint and throw {@link stoppedError}. Signals arrive only
   * while the event loop turns: a loop of blocking steps awaits {@link breathe} between them.
   */
  shouldStop(): boolean;
}

/** Does the work of one kind of unit. It returns only when the work is complete. */
export type UnitRunner = (
  inputs: { readonly [key: string]: Json },
  context: UnitContext,
) => Promise<UnitOutput>;

/** Lets signals in between two blocking steps. */
export async function breathe(): Promise<void> {
  await nextTurn();
}

/** What a runner throws when it stops because it was asked to. */
export function stoppedError(): WinnowError {
  return new WinnowError('interrupted', 'stopped', 'the unit was asked to stop before it was done', {
    remedy: 'Run the same command again: it goes on from the last checkpoint',
  });
}

/**
 * The life of a worker process: works on one unit, reports on stdout (JSON lines, nothing else; in a queue's hands into
 * the attempt's files) and returns the exit code: 0 when the unit is done, by this attempt or by a faster one, else one
 * of `WORKER_EXIT`.
 */
export async function runUnit(
  unitDir: string,
  runners: Readonly<Record<string, UnitRunner>>,
): Promise<number> {
  let stopRequested = false;
  const onSignal = () => {
    if (stopRequested) process.exit(130);
    stopRequested = true;
  };
  // SIGTERM may come twice (driver and watchdog), each time for the same reason; only a second Ctrl-C is impatience.
  const onTerm = () => {
    stopRequested = true;
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onTerm);
  // The driver may be gone: nobody reads on, and the watchdog ends this process.
  process.stdout.on('error', onTerm);
  process.stderr.on('error', onTerm);
  const id = process.env.WINNOW_ATTEMPT ?? newAttemptId();
  const hands = detachment();
  try {
    await waitForUnit(unitDir, hands.settleMs);
    await workOn(unitDir, runners, { id, hands, shouldStop: () => stopRequested });
    return 0;
  } catch (error) {
    const event = errorEvent(error);
    process.stderr.write(`${error instanceof WinnowError ? error.message : stackOf(error)}\n`);
    if (hands.detached) leaveExit(unitDir, id, hands.task, event);
    else emit({ error: event });
    return workerExitCode(event);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onTerm);
  }
}

interface Life {
  readonly id: string;
  readonly hands: Detachment;
  readonly shouldStop: () => boolean;
}

async function workOn(
  unitDir: string,
  runners: Readonly<Record<string, UnitRunner>>,
  { id, hands, shouldStop }: Life,
): Promise<void> {
  const done = readDoneIn(unitDir);
  if (done !== null) {
    // Another driver's copy was faster: the folder made for this attempt holds nothing but an empty log.
    const own = join(unitDir, 'attempts', id);
    if (own !== done.dir) removeQuietly(own);
    return;
  }
  const spec = readUnit(unitDir);
  const runner = runners[spec.kind];
  if (runner === undefined) {
    throw machineError('unit-kind', 'this version of winnow cannot do this kind of unit', {
      file: unitDir,
      need: Object.keys(runners),
      got: spec.kind,
    });
  }
  pruneAttempts(unitDir);
  const attempt = openAttempt(unitDir, id, hands.task);
  const tell = hands.detached ? eventLog(attempt.dir) : emit;
  startWatchdog(`${attempt.dir}/attempt.json`);
  const context: UnitContext = {
    unitDir,
    attemptDir: attempt.dir,
    spec,
    places: spec.places ?? {},
    threads: Math.max(1, Number(process.env.WINNOW_THREADS) || 1),
    device: process.env.WINNOW_DEVICE ?? 'cpu',
    workBytes: workBytes(hands.halvings),
    halvings: hands.halvings,
    checkpointFrom: attempt.checkpointFrom,
    report: tell,
    note(text) {
      process.stderr.write(`${text}\n`);
      tell({ note: text });
    },
    shouldStop,
  };
  try {
    const output = await runner(spec.inputs, context);
    if (commitUnit(unitDir, spec, attempt, output)) {
      pruneAttempts(unitDir);
      return;
    }
  } catch (error) {
    // A faster copy may have finished, and cleaned away the checkpoint that this one was reading.
    if (readDoneIn(unitDir) === null) throw error;
  }
  removeQuietly(attempt.dir);
}

/** What may be kept. Without a limit there is nothing to halve: after a try that ran out of memory nothing is kept. */
function workBytes(halvings: number): number | null {
  const limit = process.env.WINNOW_WORK_BYTES;
  if (limit === undefined) return halvings === 0 ? null : 0;
  return Math.floor(Number(limit) / 2 ** halvings);
}

function emit(event: WorkerEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const DISK_FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function errorEvent(error: unknown): WorkerErrorEvent {
  if (error instanceof WinnowError) {
    return { kind: error.kind, code: error.code, message: error.message, fields: error.fields };
  }
  const message = error instanceof Error ? error.message : String(error);
  return DISK_FULL.has(errno(error) ?? '')
    ? { kind: 'machine', code: 'disk-full', message: `the disk is full: ${message}`, fields: {} }
    : { kind: 'machine', code: 'worker-crashed', message: `the worker failed: ${message}`, fields: {} };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
