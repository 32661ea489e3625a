import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { machineError, WinnowError } from '../base/errors.ts';
import { computeEnvironment } from '../base/malloc.ts';
import { newAttemptId } from './attempt.ts';
import type { UnitProgress, WorkerErrorEvent, WorkerEvent } from './events.ts';
import { stoppedError } from './worker.ts';

/** How long a child may take to save its checkpoint after SIGTERM. */
const STOP_GRACE_MS = 5_000;
/** How much of a failed child's stderr goes into the error. */
const TAIL_LINES = 15;
const TAIL_CHARS = 2_000;

export interface ChildOptions {
  /** Program and arguments; the unit's folder is added at the end. */
  readonly command: readonly string[];
  readonly threads: number;
  readonly device?: string;
  readonly workBytes?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly stopGraceMs?: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: UnitProgress) => void;
  readonly onNote?: (text: string) => void;
}

/**
 * One worker process on one unit. Resolves when it exits with 0; rejects with the worker's own error, or with
 * what ended it. Its stderr goes to the attempt's `log.txt`, straight from the child, so it outlives the driver.
 */
export async function runChild(unitDir: string, options: ChildOptions): Promise<void> {
  const [program, ...args] = options.command;
  if (program === undefined) throw machineError('worker-command', 'no command to start workers with');
  const attempt = newAttemptId();
  const attemptDir = join(unitDir, 'attempts', attempt);
  const log = join(attemptDir, 'log.txt');
  mkdirSync(attemptDir, { recursive: true });
  const logHandle = openSync(log, 'a');
  let failure: WorkerErrorEvent | null = null;
  let exit: { code: number | null; signal: NodeJS.Signals | null };
  try {
    exit = await new Promise((resolve, reject) => {
      // stdin is never written to: its end tells the worker that the driver is gone, even after kill -9.
      const child = spawn(program, [...args, unitDir], {
        stdio: ['pipe', 'pipe', logHandle],
        env: {
          ...process.env,
          ...computeEnvironment,
          ...options.env,
          WINNOW_THREADS: String(options.threads),
          WINNOW_DEVICE: options.device ?? 'cpu',
          ...(options.workBytes === undefined ? {} : { WINNOW_WORK_BYTES: String(options.workBytes) }),
          WINNOW_ATTEMPT: attempt,
        },
      }) as ChildProcessByStdio<Writable, Readable, null>;
      let killTimer: NodeJS.Timeout | undefined;
      const stop = () => {
        child.kill('SIGTERM');
        killTimer = setTimeout(() => child.kill('SIGKILL'), options.stopGraceMs ?? STOP_GRACE_MS);
      };
      options.signal.addEventListener('abort', stop, { once: true });
      if (options.signal.aborted) stop();
      child.stdin.on('error', () => {});
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = parseEvent(line);
        if (event === null) writeSync(logHandle, `${line}\n`);
        else if ('error' in event) failure = event.error;
        else if ('note' in event) options.onNote?.(event.note);
        else options.onProgress(event);
      });
      const finish = () => {
        clearTimeout(killTimer);
        options.signal.removeEventListener('abort', stop);
      };
      child.on('error', (cause) => {
        finish();
        const remedy = 'Check that this program is installed and may be run';
        reject(machineError('worker-start', 'cannot start a worker', { got: program, remedy }, cause));
      });
      child.on('exit', () => {
        clearTimeout(killTimer);
        // A grandchild that still holds the pipe must not keep the driver waiting.
        setTimeout(() => child.stdout.destroy(), 2_000).unref();
      });
      child.on('close', (code, signal) => {
        finish();
        resolve({ code, signal });
      });
    });
  } finally {
    closeSync(logHandle);
  }
  if (exit.code === 0) return;
  throw describeExit(exit, failure, { unit: basename(unitDir), log, stderrTail: tailOf(log) });
}

interface Where {
  readonly unit: string;
  readonly log: string;
  readonly stderrTail: string;
}

function describeExit(
  exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null },
  failure: WorkerErrorEvent | null,
  where: Where,
): WinnowError {
  if (failure !== null) {
    const error = new WinnowError(failure.kind, failure.code, '', { ...failure.fields, ...where });
    // The worker's message already shows its fields.
    error.message = withTail(`${failure.message}\n(in unit ${where.unit}, log: ${where.log})`, where);
    return error;
  }
  // A Ctrl-C in the terminal reaches the children too, maybe before they listen.
  if (exit.signal === 'SIGINT' || exit.code === 130) return stoppedError();
  const error =
    exit.signal === null
      ? machineError('worker-failed', `the worker of unit ${where.unit} ended with exit code ${exit.code}`, {
          ...where,
          remedy: `Its log is ${where.log}`,
        })
      : machineError('worker-killed', `the worker of unit ${where.unit} was killed by ${exit.signal}`, {
          ...where,
          signal: exit.signal,
          remedy: `${KILL_HINTS[exit.signal] ?? 'Something outside of winnow stopped it'}; then run the same command again: it goes on from the last checkpoint. Its log is ${where.log}`,
        });
  error.message = withTail(error.message, where);
  return error;
}

const KILL_HINTS: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'The machine most likely ran out of memory: use fewer workers, or make the work of one smaller',
  SIGABRT:
    'It gave up by itself, often for lack of memory: use fewer workers, or make the work of one smaller',
  SIGSEGV: 'This is a fault in a native library',
};

function withTail(message: string, where: Where): string {
  if (where.stderrTail === '') return message;
  return `${message}\nIts last words:\n${where.stderrTail.replace(/^/gm, '  ')}`;
}

function tailOf(log: string): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n').slice(-TAIL_CHARS);
  } catch {
    return '';
  }
}

/** A line that is no event (a library's own print) belongs to the log. */
function parseEvent(line: string): WorkerEvent | null {
  try {
    const event = JSON.parse(line) as Partial<UnitProgress> & {
      note?: unknown;
      error?: Partial<WorkerErrorEvent>;
    };
    if (typeof event?.error?.kind === 'string' && typeof event.error.message === 'string')
      return event as WorkerEvent;
    if (typeof event?.note === 'string') return { note: event.note };
    return typeof event?.done === 'number' && typeof event.total === 'number' ? (event as WorkerEvent) : null;
  } catch {
    return null;
  }
}
