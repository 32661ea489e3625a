import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { inputError, machineError } from '../base/errors.ts';
import { withLock } from '../base/lock.ts';
import { ENGINE_DIR, environmentDir } from '../pipeline/trl/python.ts';
import type { Outside } from './outside.ts';

/** Oldest Python that the pinned requirements run on. */
const PYTHON_MINOR = 11;

/** `winnow setup trl`: the Python environment of the engine trl, in the user's cache folder. */
export function addSetup(program: Command, outside: Outside): void {
  program
    .command('setup')
    .description('make the Python environment of an engine (several GB, once); print its Python')
    .argument('<engine>', 'trl')
    .action(async (engine: string) => {
      if (engine !== 'trl')
        throw inputError('unknown-engine', 'there is nothing to set up for this engine', {
          got: engine,
          need: 'trl',
        });
      outside.print(`${await makeEnvironment()}\n`);
    });
}

/** Makes what is missing; an interrupted one is gone on with. */
async function makeEnvironment(): Promise<string> {
  const root = environmentDir();
  const venv = join(root, 'venv');
  const python = join(venv, 'bin', 'python');
  const ready = join(root, 'ready');
  if (existsSync(ready) && existsSync(python)) return python;
  const system = systemPython();
  mkdirSync(root, { recursive: true });
  return withLock(
    join(root, 'lock'),
    async () => {
      if (existsSync(ready) && existsSync(python)) return python;
      run(system, ['-m', 'venv', venv]);
      const requirements = join(ENGINE_DIR, 'requirements.txt');
      run(python, ['-m', 'pip', 'install', '--disable-pip-version-check', '-r', requirements]);
      writeFileSync(ready, '');
      return python;
    },
    { onWait: () => process.stderr.write('another winnow makes the environment, waiting\n') },
  );
}

function run(program: string, args: readonly string[]): void {
  // pip's talk goes to stderr: stdout is the path alone.
  if (spawnSync(program, args, { stdio: ['ignore', 2, 2] }).status === 0) return;
  throw machineError('setup-failed', `${program} ${args.join(' ')} failed; its own words are above`, {
    remedy: 'What is done is kept: mend the cause (network, disk) and run the same command again',
  });
}

/** @throws inputError `no-python`. */
function systemPython(): string {
  const tried = process.env.PYTHON ? [process.env.PYTHON] : ['python3', 'python'];
  for (const python of tried) {
    const { status, stdout } = spawnSync(python, ['-c', 'import sys, venv; print(*sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    const [major = 0, minor = 0] = status === 0 ? stdout.trim().split(' ').map(Number) : [];
    if (major === 3 && minor >= PYTHON_MINOR) return python;
  }
  throw inputError('no-python', 'no Python that the engine runs on was found', {
    need: `Python 3.${PYTHON_MINOR} or newer with venv`,
    got: tried.join(', '),
    remedy: 'Install one, or set PYTHON to its path',
  });
}
