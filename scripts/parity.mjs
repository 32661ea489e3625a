/**
 * npm run parity [-- --update]
 *
 * Runs test/parity/generate.py (transformers, PEFT and TRL on tiny checkpoints) in a Python environment of its own
 * and compares what it writes with test/parity/golden. `--update` replaces the golden files instead. Then PEFT and
 * transformers load adapters and merged models that Winnow wrote (adopt.py).
 *
 * The environment is that of scripts/python-env.mjs, made where it is missing.
 * Exit codes: 0 equal or updated, 1 something differs, 2 wrong usage, or no environment could be made.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NoEnvironment, pythonEnvironment } from './python-env.mjs';

/** Largest difference, relative to the larger number; in a tensor, relative to its largest value. */
const TOLERANCE = 1e-5;
/** Differences of numbers of size 1: a relative tolerance would ask for more digits than float32 has. */
const ABSOLUTE = new Set(['smallestGap']);
const SHOWN = 30;

const root = join(import.meta.dirname, '..');
const folder = join(root, 'test', 'parity');
const golden = join(folder, 'golden');

function stop(code, message) {
  console.error(`parity: ${message}`);
  process.exit(code);
}

function pythonEnv(scratch) {
  return {
    ...process.env,
    TMPDIR: scratch,
    HF_HOME: join(scratch, 'hf'),
    HF_HUB_OFFLINE: '1',
    CUDA_VISIBLE_DEVICES: '',
    OMP_NUM_THREADS: '1',
    MKL_NUM_THREADS: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
}

function generate(python, out, scratch) {
  const { status } = spawnSync(python, ['-B', join(folder, 'generate.py'), out], {
    env: pythonEnv(scratch),
    stdio: ['ignore', 2, 2],
  });
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

/** Whether PEFT and transformers load what Winnow writes, with equal log-probabilities. */
async function adopt(python, written) {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 2, 2], cwd: root });
  if (status !== 0) stop(1, 'the build failed');
  const { mergeAdapter, readAdapter, writeAdapter } = await import(join(root, 'dist', 'index.mjs'));
  for (const name of readdirSync(golden)) {
    const model = join(golden, name);
    const adapter = join(model, 'adapter');
    if (!existsSync(adapter)) continue;
    writeAdapter(join(written, name, 'adapter'), readAdapter(adapter));
    await mergeAdapter({ model, adapter, out: join(written, name, 'merged') });
  }
  const args = ['-B', join(folder, 'adopt.py'), golden, written];
  const far = spawnSync(python, args, { env: pythonEnv(scratch), stdio: ['ignore', 2, 2] }).status !== 0;
  console.log(
    `parity: adapters and merged models that Winnow wrote ${far ? 'differ' : 'give equal numbers'}`,
  );
  return !far;
}

const flags = process.argv.slice(2);
const unknown = flags.filter((flag) => flag !== '--update');
if (unknown.length > 0) stop(2, `unknown ${unknown.join(' ')}; usage: npm run parity [-- --update]`);
const python = await pythonEnvironment().catch((error) => {
  if (!(error instanceof NoEnvironment)) throw error;
  return stop(2, error.message);
});
const scratch = mkdtempSync(join(tmpdir(), 'winnow-parity-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const fresh = join(scratch, 'golden');
generate(python, fresh, scratch);
if (flags.includes('--update')) update(fresh);
else {
  const equal = compare(fresh);
  const adopted = await adopt(python, join(scratch, 'written'));
  if (!equal || !adopted) process.exitCode = 1;
}
