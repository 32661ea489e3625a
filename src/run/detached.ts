import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputError, machineError, type WinnowError } from '../base/errors.ts';
import { writeJson } from '../base/json.ts';
import { latestCheckpoint, stepOf } from './checkpoint.ts';
import type { WorkerErrorEvent, WorkerEvent } from './events.ts';
import { workerExitCode } from './exit-codes.ts';
import { type GivenFault, givenFault } from './given.ts';
import { readUnit } from './unit.ts';

/** Progress is written down at most this often. */
const PROGRESS_MS = 1_000;
const LOOK_MS = 500;

/** Names of the files in an attempt's folder that tell a driver elsewhere how it goes, and how it ended. */
export const EVENTS_FILE = 'events.jsonl';
export const EXIT_FILE = 'exit.json';

/** How an attempt ended that did not finish its unit. */
export interface ExitRecord {
  readonly task: string | null;
  readonly code: number;
  readonly error: WorkerErrorEvent;
  readonly atMs: number;
  /** Steps in the unit's newest whole checkpoint. */
  readonly step: number;
}

/** What a worker is told by its environment. */
export interface Detachment {
  /** Nobody reads its stdout: it tells by files. */
  readonly detached: boolean;
  /** `<batch>/<index>`, of a task in a queue's hands. */
  readonly task: string | null;
  /** How often a try before this one ran out of memory. */
  readonly halvings: number;
  /** How long the run folder's files may take to show on this node. */
  readonly settleMs: number;
}

export function detachment(env: NodeJS.ProcessEnv = process.env): Detachment {
  return {
    detached: env.WINNOW_DETACHED === '1',
    task: env.WINNOW_TASK ?? null,
    halvings: Math.max(0, Math.floor(Number(env.WINNOW_HALVINGS)) || 0),
    settleMs: 1000 * (Number(env.WINNOW_SETTLE_SECONDS) || 0),
  };
}

/**
 * Waits for the unit's description and for what it reads, whole: a shared file system may show files late, or a part of
 * them first, that another node has just written.
 * @throws inputError `not-visible` where they do not come, which is what a folder that is not shared looks like.
 *   machineError `given-changed` where a file comes that is not what the unit was made for.
 */
export async function waitForUnit(unitDir: string, settleMs: number): Promise<void> {
  const given = Date.now() + settleMs;
  const look = (): GivenFault | null => {
    if (existsSync(join(unitDir, 'DONE.json'))) return null;
    const file = join(unitDir, 'unit.json');
    const fault: GivenFault | null = existsSync(file)
      ? givenFault(readUnit(unitDir))
      : { path: file, what: 'missing' };
    // On the driver's own machine what is missing is told by what needs it.
    return fault?.what === 'missing' && settleMs <= 0 ? null : fault;
  };
  for (let fault = look(); fault !== null; fault = look()) {
    if (Date.now() >= given) throw givenError(unitDir, fault);
    await sleep(LOOK_MS);
  }
}

function givenError(unitDir: string, { path, what }: GivenFault): WinnowError {
  if (what === 'missing')
    return inputError('not-visible', 'this node does not see a file of the run', {
      file: path,
      remedy:
        'The run folder and the model must lie where every node sees them, under the same path; where the file system is only slow, raise executor.settleSeconds',
    });
  return machineError('given-changed', 'a file that the unit reads is not the one that it was made for', {
    file: path,
    remedy: `It was changed, or is there only in part. Delete it${basename(dirname(path)) === 'inputs' ? '' : ` with its unit's folder ${dirname(dirname(dirname(path)))}`} and run the same command again`,
    unit: basename(unitDir),
  });
}

/** Writes events into the attempt's own file, progress at most once a second; a full disk stops the telling, not the work. */
export function eventLog(attemptDir: string): (event: WorkerEvent) => void {
  let toldMs = 0;
  return (event) => {
    const isProgress = 'done' in event;
    if (isProgress && event.done < event.total && Date.now() - toldMs < PROGRESS_MS) return;
    if (isProgress) toldMs = Date.now();
    try {
      appendFileSync(join(attemptDir, EVENTS_FILE), `${JSON.stringify({ ...event, atMs: Date.now() })}\n`);
    } catch {
      // Its result will tell.
    }
  };
}

/** Leaves word of how the attempt ended; where even that cannot be written, the exit code must do. */
export function leaveExit(
  unitDir: string,
  attemptId: string,
  task: string | null,
  error: WorkerErrorEvent,
): void {
  const checkpoint = existsSync(unitDir) ? latestCheckpoint(unitDir) : null;
  const step = checkpoint === null ? 0 : stepOf(checkpoint);
  const record: ExitRecord = { task, code: workerExitCode(error), error, atMs: Date.now(), step };
  const dir = join(unitDir, 'attempts', attemptId);
  try {
    mkdirSync(dir, { recursive: true });
    writeJson(join(dir, EXIT_FILE), record);
  } catch {
    // As above.
  }
}
