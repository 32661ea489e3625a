import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

/** Whether a test may mount a file system of this size here: root, and a kernel that allows it. */
export function mountTmpfs(at: string, bytes: number): boolean {
  mkdirSync(at, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'winnow-test', at], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function unmount(at: string): void {
  execFileSync('umount', ['-l', at]);
}

/** Fills a file system until `room` bytes are free. */
export function fill(ballast: string, at: string, room: number): void {
  rmSync(ballast, { force: true });
  const free = () =>
    Number(execFileSync('df', ['--output=avail', '-B1', at]).toString().trim().split('\n').at(-1));
  const size = free() - room;
  writeFileSync(ballast, new Uint8Array(Math.max(0, size)));
  // What the file system rounds up is filled byte by byte.
  expect(free()).toBeLessThanOrEqual(room);
}
