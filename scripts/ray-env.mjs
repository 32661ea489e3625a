/**
 * node scripts/ray-env.mjs [--find]
 *
 * The Python environment with Ray for test/ray-executor.test.ts: made once, in the user's cache folder, one for each
 * content of test/ray/requirements.txt. Prints the path of its python; with `--find` it only looks, and makes nothing.
 * Exit codes: 0 there, 2 missing (with `--find`) or it could not be made.
 */
import { join } from 'node:path';
import { environmentCommand, findEnvironment } from './environment.mjs';

const ray = {
  name: 'ray',
  requirements: join(import.meta.dirname, '..', 'test', 'ray', 'requirements.txt'),
  holds: 'Ray with its dashboard',
  size: 'about 150 MB',
  script: 'scripts/ray-env.mjs',
};

/** The environment's python, or null where it is not made yet. */
export const foundRay = () => findEnvironment(ray);

if (process.argv[1] === import.meta.filename) await environmentCommand(ray);
