import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { createExclusive, errno } from './files.ts';

/** How often a waiting process looks again. */
const LOOK_MS = 200;

/**
 * Does the work while no other process of this machine does, by a file that names the owner; the lock of a process
 * that has ended is taken over.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  while (!createExclusive(file, String(process.pid))) {
    if (ownerIsGone(file)) rmSync(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function ownerIsGone(file: string): boolean {
  let owner: number;
  try {
    owner = Number(readFileSync(file, 'utf8'));
  } catch (error) {
    // Given back between two looks.
    if (errno(error) === 'ENOENT') return false;
    throw error;
  }
  if (!Number.isInteger(owner) || owner <= 0) return true;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return errno(error) !== 'EPERM';
  }
}
