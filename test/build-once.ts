import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const bundle = join(root, 'dist', 'cli.mjs');
/** Longer than any build: an older lock was left by a killed one. */
const LOCK_MS = 120_000;

/**
 * Vitest's global setup: end-to-end tests run the built command, so it is built once, when it is older than its
 * source. WINNOW_SKIP_BUILD=1 leaves it as it is.
 */
export async function setup(): Promise<void> {
  const entries = ['src/cli/main.ts', 'src/index.ts'].map((path) => join(root, path));
  if (process.env.WINNOW_SKIP_BUILD === '1' || !entries.every((path) => existsSync(path))) return;
  const lock = join(root, 'node_modules', '.winnow-build');
  while (isStale()) {
    if (!acquire(lock)) {
      await sleep(200);
      continue;
    }
    try {
      if (isStale())
        execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] });
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
    return;
  }
}

/** Test runs side by side must not build into the same folder at once: mkdir(2) has one winner. */
function acquire(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > LOCK_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function isStale(): boolean {
  if (!existsSync(bundle)) return true;
  const built = statSync(bundle).mtimeMs;
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .some((name) => (statSync(join(root, 'src', name), { throwIfNoEntry: false })?.mtimeMs ?? 0) > built);
}
