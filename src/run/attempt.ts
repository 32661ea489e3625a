import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { sha256 } from '../base/hash.ts';
import { readJson, writeJson } from '../base/json.ts';
import { latestCheckpoint, namesIn } from './checkpoint.ts';

/** How often a live attempt touches its `attempt.json`. */
export const HEARTBEAT_MS = 20_000;
/** An attempt of another machine without a heartbeat for this long counts as dead; wide enough for clock skew. */
const SILENT_MS = 10 * 60_000;

/** What stays of a dead attempt before the unit is done: why it died, and that it did. */
const KEPT_OF_DEAD: readonly string[] = ['log.txt', 'attempt.json', 'exit.json', 'events.jsonl'];

/** One live copy's own folder inside a unit. Nothing else writes there. */
export interface Attempt {
  readonly id: string;
  readonly dir: string;
  /** The checkpoint it continues from, maybe another attempt's (read only). */
  readonly checkpointFrom: string | null;
  readonly startedAtMs: number;
  /** Work time that went into the checkpoint before this attempt. */
  readonly priorMs: number;
}

/** `attempt.json`. */
export interface AttemptRecord {
  readonly pid: number;
  readonly machine: string;
  /** For people. */
  readonly host: string;
  /** `<batch>/<index>` where a queue started it. */
  readonly task: string | null;
  readonly startedAtMs: number;
  readonly priorMs: number;
  readonly checkpointFrom: string | null;
}

/**
 * Unique over machines and time; it never influences a result. Its first parts tell who makes the folder: a kill -9
 * of driver and worker before there is a record must not leave an attempt of which nobody knows.
 */
export function newAttemptId(): string {
  return `${process.pid}-${machineTag()}-${randomBytes(6).toString('hex')}`;
}

/** Starts an attempt from the newest whole checkpoint of the unit, if there is one. */
export function openAttempt(unitDir: string, id: string, task: string | null = null): Attempt {
  const dir = join(unitDir, 'attempts', id);
  mkdirSync(dir, { recursive: true });
  const checkpointFrom = latestCheckpoint(unitDir);
  const startedAtMs = Date.now();
  const priorMs = checkpointFrom === null ? 0 : workTimeAt(checkpointFrom);
  const record: AttemptRecord = {
    pid: process.pid,
    machine: machineId(),
    host: hostname(),
    task,
    startedAtMs,
    priorMs,
    checkpointFrom,
  };
  writeJson(join(dir, 'attempt.json'), record);
  return { id, dir, checkpointFrom, startedAtMs, priorMs };
}

/**
 * Frees the disk of attempts that nobody works on. Once the unit is done: every dead attempt goes, and the
 * winner's checkpoints that hold no result file. Before that: a dead attempt keeps its log, and all of it if it
 * owns the newest checkpoint. Live attempts are never touched: the loser of a race removes itself.
 */
export function pruneAttempts(unitDir: string): void {
  const done = existsSync(join(unitDir, 'DONE.json'))
    ? (readJson(join(unitDir, 'DONE.json')) as { attempt: string; files: readonly { path: string }[] })
    : null;
  const attempts = join(unitDir, 'attempts');
  const resumable = done === null ? latestCheckpoint(unitDir) : null;
  for (const id of namesIn(attempts)) {
    const dir = join(attempts, id);
    if (id === done?.attempt) {
      for (const step of namesIn(join(dir, 'checkpoints'))) {
        if (done.files.some(({ path }) => path.startsWith(`checkpoints/${step}/`))) continue;
        removeQuietly(join(dir, 'checkpoints', step));
      }
    } else if (!isAlive(dir)) {
      // It may have finished the unit and exited since the look above: only dead and without a win it is waste.
      if (done === null && existsSync(join(unitDir, 'DONE.json'))) {
        pruneAttempts(unitDir);
        return;
      }
      if (done !== null) removeQuietly(dir);
      else if (!resumable?.startsWith(dir + sep)) {
        for (const name of namesIn(dir)) if (!KEPT_OF_DEAD.includes(name)) removeQuietly(join(dir, name));
      }
    }
  }
}

/** Whether a process may still be working in this attempt folder. When in doubt: yes. */
export function isAlive(attemptDir: string): boolean {
  const file = join(attemptDir, 'attempt.json');
  try {
    if (!existsSync(file)) {
      // Its process has not begun yet, or died before it could: as long as the one that made the folder lives.
      const [pid, machine] = basename(attemptDir).split('-');
      return machine === machineTag() ? processExists(Number(pid)) : isRecent(attemptDir);
    }
    const record = readJson(file) as AttemptRecord;
    return record.machine === machineId() ? processExists(record.pid) : isRecent(file);
  } catch {
    return existsSync(attemptDir);
  }
}

/** Work time in a checkpoint, over all attempts that led to it. */
function workTimeAt(checkpoint: string): number {
  try {
    const record = readJson(join(dirname(dirname(checkpoint)), 'attempt.json')) as AttemptRecord;
    const writtenAtMs = statSync(join(checkpoint, 'CHECKPOINT.json')).mtimeMs;
    return record.priorMs + Math.max(0, Math.round(writtenAtMs - record.startedAtMs));
  } catch {
    return 0;
  }
}

function isRecent(path: string): boolean {
  return Date.now() - statSync(path).mtimeMs < SILENT_MS;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Ended, but not waited for: a container's first process may be slow to do so, or never do it. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The state follows the name, which stands in brackets and may hold any character.
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

function machineTag(): string {
  return sha256(machineId()).slice(0, 8);
}

/** Host and, on Linux, process namespace: containers that share a host name do not share process ids. */
function machineId(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Two copies may clean up at once: what the other one removed first is not a fault. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Left for the next clean-up.
  }
}
