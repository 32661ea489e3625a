/**
 * npm run parity [-- --update]
 *
 * Runs test/parity/generate.py (transformers, PEFT and TRL on tiny checkpoints) in a Python environment of its own
 * and compares what it writes with test/parity/golden. `--update` replaces the golden files instead.
 *
 * The environment is made once, in the user's cache folder, one for each content of test/parity/requirements.txt.
 * Exit codes: 0 equal or updated, 1 something differs, 2 wrong usage, or no environment could be made.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Largest difference, relative to the larger number; in a tensor, relative to its largest value. */
const TOLERANCE = 1e-5;
/** Differences of numbers of size 1: a relative tolerance would ask for more digits than float32 has. */
const ABSOLUTE = new Set(['smallestGap']);
/** Oldest Python that the pinned numpy runs on. */
const PYTHON_MINOR = 11;
const SHOWN = 30;

const folder = join(import.meta.dirname, '..', 'test', 'parity');
const golden = join(folder, 'golden');
const requirements = join(folder, 'requirements.txt');

function stop(code, message) {
  console.error(`parity: ${message}`);
  process.exit(code);
}

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
      stop(
        2,
        `need Python 3.${PYTHON_MINOR} or newer, ${python} is ${major}.${minor}; set PYTHON to another`,
      );
    if (run(python, ['-c', 'import venv, ensurepip']).status !== 0)
      stop(2, `${python} has no pip or no venv; install them (on Debian: python3-venv)`);
    return python;
  }
  return stop(2, `no Python found (tried ${tried.join(', ')}); install Python 3.${PYTHON_MINOR} or newer`);
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
    if (!waited) console.error(`parity: process ${owner} makes the environment, waiting (lock: ${file})`);
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** The environment's python. What an earlier, interrupted run has downloaded or installed is used again. */
async function environment() {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const root = join(cache, 'winnow', `parity-${hash}`);
  const venv = join(root, 'venv');
  const python =
    process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python');
  const ready = join(root, 'ready');
  if (existsSync(ready) && existsSync(python)) return python;

  const system = findPython();
  mkdirSync(root, { recursive: true });
  return withLock(join(root, 'lock'), () => {
    if (existsSync(ready) && existsSync(python)) return python;
    console.error(`parity: making ${venv} (several GB, once)`);
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
      [python, [...install, '-r', requirements]],
    ];
    for (const [command, args] of steps) {
      if (run(command, args, { stdio: ['ignore', 2, 2] }).status !== 0)
        stop(
          2,
          `${command} ${args.join(' ')} failed; what is done is kept, the same command goes on from there`,
        );
    }
    rmSync(downloads, { recursive: true, force: true });
    writeFileSync(ready, '');
    return python;
  });
}

function generate(python, out, scratch) {
  const env = {
    ...process.env,
    TMPDIR: scratch,
    HF_HOME: join(scratch, 'hf'),
    HF_HUB_OFFLINE: '1',
    CUDA_VISIBLE_DEVICES: '',
    OMP_NUM_THREADS: '1',
    MKL_NUM_THREADS: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
  const { status } = run(python, ['-B', join(folder, 'generate.py'), out], { env, stdio: ['ignore', 2, 2] });
  if (status !== 0) stop(1, 'generate.py failed');
}

function files(root) {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

function readSafetensors(file) {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start));
  return Object.entries(tensors).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const part = new Uint8Array(bytes.subarray(start + from, start + to)).buffer;
      return { name, kind: `${dtype} [${shape}]`, values: decode(dtype, part, `${file}, ${name}`) };
    },
  );
}

function decode(dtype, buffer, where) {
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'BF16')
    return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
  return stop(1, `${where}: dtype ${dtype} is not expected in golden files`);
}

/** Calls `differs(place, text)` and `near(relative)` for what it finds. */
function compareTensors(fileA, fileB, differs, near) {
  const fresh = new Map(readSafetensors(fileB).map((tensor) => [tensor.name, tensor]));
  for (const { name, kind, values } of readSafetensors(fileA)) {
    const other = fresh.get(name);
    fresh.delete(name);
    if (other?.kind !== kind) {
      differs(name, `golden ${kind}, fresh ${other?.kind ?? 'nothing'}`);
      continue;
    }
    let scale = 0;
    let worst = 0;
    values.forEach((value, i) => {
      scale = Math.max(scale, Math.abs(value));
      worst = Math.max(worst, Math.abs(value - other.values[i])); // NaN stays NaN
    });
    const relative = worst === 0 ? 0 : worst / scale;
    near(relative);
    if (!(relative <= TOLERANCE))
      differs(name, `differs by ${relative.toExponential(1)} of its largest value`);
  }
  for (const name of fresh.keys()) differs(name, 'is only in the fresh file');
}

function compareJson(a, b, place, differs, near) {
  if (typeof a === 'number' && typeof b === 'number') {
    const scale = ABSOLUTE.has(place.split('.').at(-1)) ? 1 : Math.max(Math.abs(a), Math.abs(b));
    const relative = a === b ? 0 : Math.abs(a - b) / scale;
    const whole = Number.isInteger(a) && Number.isInteger(b);
    if (!whole) near(relative);
    if (whole ? a !== b : !(relative <= TOLERANCE)) differs(place, `golden ${a}, fresh ${b}`);
  } else if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
      compareJson(a[key], b[key], place === '' ? key : `${place}.${key}`, differs, near);
  } else if (a !== b) {
    differs(place, `golden ${JSON.stringify(a)}, fresh ${JSON.stringify(b)}`);
  }
}

/** Prints what differs; true when nothing does. */
function compare(fresh) {
  const differences = [];
  let largest = 0;
  const near = (relative) => {
    largest = Math.max(largest, relative);
  };
  const names = [...new Set([...files(golden), ...files(fresh)])].sort();
  for (const name of names) {
    const [a, b] = [join(golden, name), join(fresh, name)];
    const differs = (place, text) => differences.push(`${name}: ${place} ${text}`);
    if (!existsSync(a)) differs('', 'is missing in golden');
    else if (!existsSync(b)) differs('', 'is not written any more');
    else if (name.endsWith('.safetensors')) compareTensors(a, b, differs, near);
    else
      compareJson(
        JSON.parse(readFileSync(a, 'utf8')),
        JSON.parse(readFileSync(b, 'utf8')),
        '',
        differs,
        near,
      );
  }
  for (const line of differences.slice(0, SHOWN)) console.log(line);
  if (differences.length > SHOWN) console.log(`… and ${differences.length - SHOWN} more`);
  console.log(
    `parity: ${names.length} files, ${differences.length} differences, ` +
      `largest relative difference ${largest.toExponential(1)} (tolerance ${TOLERANCE})`,
  );
  return differences.length === 0;
}

function update(fresh) {
  const next = `${golden}.new`;
  rmSync(next, { recursive: true, force: true });
  cpSync(fresh, next, { recursive: true });
  rmSync(golden, { recursive: true, force: true });
  renameSync(next, golden);
  console.log(`parity: wrote ${files(golden).length} files to test/parity/golden`);
}

const flags = process.argv.slice(2);
const unknown = flags.filter((flag) => flag !== '--update');
if (unknown.length > 0) stop(2, `unknown ${unknown.join(' ')}; usage: npm run parity [-- --update]`);
const python = await environment();
const scratch = mkdtempSync(join(tmpdir(), 'winnow-parity-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const fresh = join(scratch, 'golden');
generate(python, fresh, scratch);
if (flags.includes('--update')) update(fresh);
else if (!compare(fresh)) process.exitCode = 1;
