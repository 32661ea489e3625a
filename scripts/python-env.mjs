/**
 * node scripts/python-env.mjs [--find]
 *
 * The Python environment of the parity suite and of the benchmark against TRL: made once, in the user's cache folder,
 * one for each content of test/parity/requirements.txt. Prints the path of its python; with `--find` it only looks,
 * and makes nothing. Exit codes: 0 there, 2 missing (with `--find`) or it could not be made.
 */
import { join } from 'node:path';
import { environmentCommand, findEnvironment, makeEnvironment, NoEnvironment } from './environment.mjs';

export { NoEnvironment };

const parity = {
  name: 'parity',
  requirements: join(import.meta.dirname, '..', 'test', 'parity', 'requirements.txt'),
  holds: 'PyTorch, transformers, PEFT, TRL',
  size: 'several GB',
  script: 'scripts/python-env.mjs',
};

/** The environment's python, or null where it is not made yet. */
export const foundPython = () => findEnvironment(parity);

/** The environment's python, made where it is missing. Throws NoEnvironment. */
export const pythonEnvironment = () => makeEnvironment(parity);

if (process.argv[1] === import.meta.filename) await environmentCommand(parity);
