import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptRecord } from './attempt.ts';
import { namesIn } from './checkpoint.ts';
import { EVENTS_FILE, EXIT_FILE, type ExitRecord } from './detached.ts';
import type { UnitProgress } from './events.ts';

/** An attempt as its files tell it, to a process that did not start it. */
export interface SeenAttempt {
  readonly id: string;
  readonly dir: string;
  /** `<batch>/<index>` where a queue started it. */
  readonly task: string | null;
  /** Null where it ended before it had begun. */
  readonly record: AttemptRecord | null;
  /** Its last sign of life, ms. */
  readonly beatMs: number;
  readonly exit: ExitRecord | null;
}

/** Attempts of a unit, oldest first. */
export function attemptsIn(unitDir: string): SeenAttempt[] {
  const folder = join(unitDir, 'attempts');
  return namesIn(folder)
    .map((id) => seeAttempt(join(folder, id), id))
    .sort((a, b) => startOf(a) - startOf(b));
}

/** The newest attempt that this task has made; a queue may start a task more than once. */
export function attemptOf(unitDir: string, task: string): SeenAttempt | null {
  return attemptsIn(unitDir).findLast((attempt) => attempt.task === task) ?? null;
}

/** How far the attempt says it is, or null. */
export function progressOf(attemptDir: string): UnitProgress | null {
  const lines = tailOf(join(attemptDir, EVENTS_FILE), PROGRESS_TAIL).split('\n');
  for (const line of lines.reverse()) {
    try {
      const event = JSON.parse(line) as Partial<UnitProgress> | null;
      if (typeof event?.done === 'number' && typeof event.total === 'number') return event as UnitProgress;
    } catch {
      // The first line of the tail, or one that is being written.
    }
  }
  return null;
}

const PROGRESS_TAIL = 4_096;

/** The last bytes of a file as text; nothing where it is not there. */
export function tailOf(file: string, bytes: number): string {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const read = readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, read);
  } finally {
    closeSync(handle);
  }
}

function seeAttempt(dir: string, id: string): SeenAttempt {
  const record = readRecord<AttemptRecord>(join(dir, 'attempt.json'));
  const exit = readRecord<ExitRecord>(join(dir, EXIT_FILE));
  const file = record === null ? dir : join(dir, 'attempt.json');
  const beatMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return { id, dir, task: record?.task ?? exit?.task ?? null, record, beatMs, exit };
}

/** Null where the file is not there or is being written; files of a live run are looked at at any moment. */
function readRecord<T>(file: string): T | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return null;
  }
}

function startOf({ record, exit, beatMs }: SeenAttempt): number {
  return record?.startedAtMs ?? exit?.atMs ?? beatMs;
}
