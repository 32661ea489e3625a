import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { inputError } from '../../base/errors.ts';
import { PACKAGE_DIR } from '../../base/package-dir.ts';

/** Folder of the worker, its requirements and the configurations of Accelerate. */
export const ENGINE_DIR = join(PACKAGE_DIR, 'engines', 'trl');

/** Where `winnow setup trl` makes the environment: one for each content of requirements.txt, in the user's cache. */
export function environmentDir(): string {
  const hash = createHash('sha256')
    .update(readFileSync(join(ENGINE_DIR, 'requirements.txt')))
    .digest('hex');
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'winnow', `trl-${hash.slice(0, 12)}`);
}

/**
 * The Python that runs the worker: the configured one, WINNOW_PYTHON, or that of `winnow setup trl`.
 * @throws inputError `no-python`.
 */
export function enginePython(configured: string | null): string {
  const own = join(environmentDir(), 'venv', 'bin', 'python');
  const python = configured ?? process.env.WINNOW_PYTHON ?? own;
  if (!python.includes('/') || existsSync(python)) return python;
  throw inputError('no-python', 'the engine trl has no Python environment here', {
    file: python,
    remedy: 'Make one with `winnow setup trl`, or name your own with trl.python or WINNOW_PYTHON',
  });
}

export interface PythonRun {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A line of stdout that is a JSON object, but those of `PythonEnd` and of process ids. */
  readonly onEvent: (event: Readonly<Record<string, unknown>>) => void;
  /** Asked several times a second. */
  readonly shouldStop: () => boolean;
}

const STOP_LOOK_MS = 200;
/** How long a worker may take to end its step and to save. */
const STOP_GRACE_MS = 10 * 60_000;

export interface PythonEnd {
  /** Of the worker, not of the launcher that started it; 128 + n of signal n. */
  readonly code: number;
  /** Its own words, if it had any. */
  readonly says: string;
}

/** Runs the worker in a process group of its own. Its stderr is this process's. */
export async function runPython({ command, env, onEvent, shouldStop }: PythonRun): Promise<PythonEnd> {
  const [program, ...args] = command as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 2],
      detached: true,
      env: { ...process.env, ...env, WINNOW_PARENT: String(process.pid) },
    }) as ChildProcessByStdio<null, Readable, null>;
    const ranks: number[] = [];
    let end: PythonEnd | undefined;
    const group = -(child.pid as number);
    const signalTo = (pids: readonly number[], signal: NodeJS.Signals) => {
      for (const pid of pids) {
        try {
          process.kill(pid, signal);
        } catch {
          // It has ended.
        }
      }
    };
    let asked = false;
    const look = setInterval(() => {
      if (asked || !shouldStop()) return;
      asked = true;
      // A launcher that is asked to stop kills its ranks after half a minute, in the middle of a step or a checkpoint.
      signalTo(ranks.length > 0 ? ranks : [group], 'SIGTERM');
      setTimeout(() => signalTo([group], 'SIGKILL'), STOP_GRACE_MS).unref();
    }, STOP_LOOK_MS);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = asObject(line);
      if (event === null) process.stderr.write(`${line}\n`);
      else if (typeof event.pid === 'number') ranks.push(event.pid);
      else if (typeof event.ends === 'number') end ??= { code: event.ends, says: String(event.says ?? '') };
      else onEvent(event);
    });
    child.on('error', (error) => {
      clearInterval(look);
      const remedy = 'Check trl.python, or make the environment with `winnow setup trl`';
      reject(inputError('no-python', 'cannot start Python', { file: program, got: error.message, remedy }));
    });
    child.on('close', (code, signal) => {
      clearInterval(look);
      resolve(end ?? { code: code ?? (signal === 'SIGKILL' ? 137 : 143), says: '' });
    });
  });
}

function asObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
