import { mkdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createExclusive, errno } from './files.ts';

/** How often a waiting process looks again. */
const LOOK_MS = 200;
/** How often the owner says that it lives. */
const BEAT_MS = 2_000;
/** An owner that has been silent for so long is gone: a number of a process may have gone to another. */
const SILENT_MS = 60_000;

export interface LockOptions {
  /** Once, when another has the lock. */
  readonly onWait?: () => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Does the work while no other process does, by a file that names the owner. The lock of a process that has ended, or
 * that has not touched it for a minute, is taken over. Two processes may take it over at the same moment: use it for
 * work that is wasted when done twice, not for work that does harm.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  { onWait, signal }: LockOptions = {},
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; !createExclusive(file, `${process.pid} ${hostname()}`); ) {
    if (ownerIsGone(file)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) onWait?.();
    told = true;
    await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal });
  }
  const beat = setInterval(() => touch(file), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    rmSync(file, { force: true });
  }
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Taken over or removed by hand: the work is not the worse for it.
  }
}

/** The lock says a process that has ended, or was not touched for a minute. */
export function ownerIsGone(file: string): boolean {
  let text: string;
  try {
    if (Date.now() - statSync(file).mtimeMs > SILENT_MS) return true;
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // Given back between two looks.
    if (errno(error) === 'ENOENT') return false;
    throw error;
  }
  const [pid, host] = text.split(' ');
  // Empty: being written, where there are no hard links.
  if (host !== hostname() || !/^[1-9]\d*$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return errno(error) !== 'EPERM';
  }
}
