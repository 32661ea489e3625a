import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The project's folder, as bench/run.mjs says it: the built benchmark lies elsewhere. */
export const ROOT = process.env.WINNOW_ROOT ?? process.cwd();

/** Our worker, built beside whatever runs now. */
export const WORKER = join(import.meta.dirname, 'worker.mjs');

/** The python of the parity suite's environment; without one the process ends with code 2 and how to make it. */
export function requirePython(): string {
  const found = spawnSync(process.execPath, [join(ROOT, 'scripts', 'python-env.mjs'), '--find'], {
    encoding: 'utf8',
  });
  if (found.status === 0) return found.stdout.trim();
  process.stderr.write(found.stderr);
  process.exit(2);
}
