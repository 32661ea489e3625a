/** Python environments for tests and benchmarks: made once, in the user's cache folder. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Oldest Python that what is pinned runs on. */
const PYTHON_MINOR = 11;

/** What went wrong, in words for the user; whoever asked for the environment says it and exits with 2. */
export class NoEnvironment extends Error {}

function run(command, args, options = {}) {
  return spawnSync(command, args, { encoding: 'utf8', ...options });
}

function findPython() {
  const tried = process.env.PYTHON ? [process.env.PYTHON] : ['python3', 'python'];
  for (const python of tried) {
    const { status, stdout } = run(python, ['-c', 'import sys; print(*sys.version_info[:2])']);
    if (status !== 0) continue;
    const [major, minor] = stdout.trim().split(' ').map(Number);
    if (major !== 3 || minor < PYTHON_MINOR)
      throw new NoEnvironment(
        `need Python 3.${PYTHON_MINOR} or newer, ${python} is ${major}.${minor}; set PYTHON to another`,
      );
    if (run(python, ['-c', 'import venv, ensurepip']).status !== 0)
      throw new NoEnvironment(`${python} has no pip or no venv; install them (on Debian: python3-venv)`);
    return python;
  }
  throw new NoEnvironment(
    `no Python found (tried ${tried.join(', ')}); install Python 3.${PYTHON_MINOR} or newer`,
  );
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Runs `work` while no other process does; the lock of a process that has ended is taken over. */
async function withLock(file, work) {
  for (let waited = false; ; ) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(readFileSync(file, { encoding: 'utf8', flag: 'a+' }));
    if (owner > 0 && !alive(owner)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!waited) console.error(`process ${owner} makes the Python environment, waiting (lock: ${file})`);
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * @typedef {object} Environment
 * @property {string} name what its folder in the cache starts with
 * @property {string} requirements file of pinned packages; the environment is made anew when its content changes
 * @property {string} holds what is in it, for messages
 * @property {string} size how much is downloaded, for messages
 * @property {string} script what makes it
 */

/** Where the environment is, or will be. */
function place({ name, requirements }) {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const root = join(cache, 'winnow', `${name}-${hash}`);
  const venv = join(root, 'venv');
  const python =
    process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python');
  const ready = join(root, 'ready');
  return { root, venv, python, ready, made: () => existsSync(ready) && existsSync(python) };
}

/** The environment's python, or null where it is not made yet. */
export function findEnvironment(environment) {
  const { python, made } = place(environment);
  return made() ? python : null;
}

/**
 * The environment's python, made where it is missing. What an earlier, interrupted run has downloaded or installed
 * is used again. Throws NoEnvironment.
 */
export async function makeEnvironment(environment) {
  const { root, venv, python, ready, made } = place(environment);
  if (made()) return python;
  const system = findPython();
  mkdirSync(root, { recursive: true });
  return withLock(join(root, 'lock'), () => {
    if (made()) return python;
    console.error(`making the Python environment ${venv} (${environment.size}, once)`);
    const downloads = join(root, 'downloads');
    const install = [
      '-m',
      'pip',
      'install',
      '--cache-dir',
      downloads,
      '--disable-pip-version-check',
      '--quiet',
    ];
    const steps = [
      [system, ['-m', 'venv', venv]],
      [python, [...install, '-r', environment.requirements]],
    ];
    for (const [command, args] of steps) {
      if (run(command, args, { stdio: ['ignore', 2, 2] }).status !== 0)
        throw new NoEnvironment(
          `${command} ${args.join(' ')} failed; what is done is kept, the same command goes on from there`,
        );
    }
    rmSync(downloads, { recursive: true, force: true });
    writeFileSync(ready, '');
    return python;
  });
}

/** The command of a script that makes one: prints the path of its python; `--find` only looks. */
export async function environmentCommand(environment) {
  try {
    const find = process.argv[2] === '--find';
    const python = find ? findEnvironment(environment) : await makeEnvironment(environment);
    if (python === null)
      throw new NoEnvironment(
        `the Python environment (${environment.holds}) is not made yet; run: node ${environment.script}`,
      );
    console.log(python);
  } catch (error) {
    if (!(error instanceof NoEnvironment)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
