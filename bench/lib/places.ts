import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The project's folder, as bench/run.mjs says it: the built benchmark lies elsewhere. */
export const ROOT = process.env.WINNOW_ROOT ?? process.cwd();

/** Our worker, built beside whatever runs now. */
export const WORKER = join(import.meta.dirname, 'worker.mjs');

/** The python of the parity suite's environment, made where it is missing; where it cannot be, code 2 and why. */
export function requirePython(): string {
  const made = spawnSync(process.execPath, [join(ROOT, 'scripts', 'python-env.mjs')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (made.status !== 0) process.exit(made.status ?? 1);
  return made.stdout.trim();
}
