import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, posix, sep } from 'node:path';
import { machineError } from '../base/errors.ts';
import { hashFile } from '../base/file-hash.ts';
import { createExclusive } from '../base/files.ts';
import { readJson } from '../base/json.ts';
import type { Attempt } from './attempt.ts';
import { type UnitSpec, unitDir } from './unit.ts';

/** What a runner hands back when its work is complete. */
export interface UnitOutput {
  /** Paths inside the attempt folder, with `/`. */
  readonly files: readonly string[];
  /** Rows that a `.jsonl` file must have. They are counted in the file before the unit counts as done. */
  readonly rows?: Readonly<Record<string, number>>;
}

export interface UnitFile {
  /** Relative to the result's `dir`, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Only of `.jsonl` files. */
  readonly rows?: number;
}

export interface UnitResult {
  readonly id: string;
  /** The attempt folder that holds the files. */
  readonly dir: string;
  readonly files: readonly UnitFile[];
  /** Wall-clock time of the work, resumed parts included. */
  readonly durationMs: number;
}

interface DoneRecord {
  readonly id: string;
  readonly attempt: string;
  readonly engine: unknown;
  readonly durationMs: number;
  readonly files: readonly UnitFile[];
}

/**
 * The finished unit, or null while it is not done. Files are checked to be there with their size, rows by their hash.
 * @throws machineError `unit-damaged`.
 */
export function readDone(runDir: string, spec: UnitSpec): UnitResult | null {
  return readDoneIn(unitDir(runDir, spec));
}

/** As {@link readDone}, for a unit's folder. */
export function readDoneIn(dir: string): UnitResult | null {
  const file = join(dir, 'DONE.json');
  if (!existsSync(file)) return null;
  const remedy = `Delete the folder ${dir} and run again: only this unit is computed anew`;
  let done: DoneRecord;
  try {
    done = readJson(file) as DoneRecord;
    if (done.id !== basename(dir) || !Array.isArray(done.files))
      throw new Error('not the record of this unit');
  } catch (cause) {
    throw machineError(
      'unit-damaged',
      'cannot read the record of this finished unit',
      { file, remedy },
      cause,
    );
  }
  const attemptDir = join(dir, 'attempts', done.attempt);
  for (const { path, bytes, rows, sha256 } of done.files) {
    const found = statSync(join(attemptDir, path), { throwIfNoEntry: false });
    const damaged = (need: string, got: string) =>
      machineError('unit-damaged', 'a file of a finished unit is missing or was changed', {
        file: join(attemptDir, path),
        need,
        got,
        remedy,
      });
    if (found?.size !== bytes)
      throw damaged(`${bytes} bytes`, found === undefined ? 'no file' : `${found.size} bytes`);
    // Rows go into scores: a row too many, one too few or another one has no other way to be seen.
    if (rows === undefined) continue;
    const hash = hashFile(join(attemptDir, path));
    if (hash !== sha256) throw damaged(`SHA-256 ${sha256}`, hash);
  }
  return { id: done.id, dir: attemptDir, files: done.files, durationMs: done.durationMs };
}

/** Full path of one file of a result. */
export function resultFile(result: UnitResult, path: string): string {
  if (result.files.some((file) => file.path === path)) return join(result.dir, path);
  throw machineError('unit-file', `unit ${result.id} has no file of this name`, {
    got: path,
    need: result.files.map((file) => file.path),
  });
}

/**
 * Measures and flushes the files, counts rows against what was declared, then creates `DONE.json` exclusively.
 * True when this attempt is the one that finished the unit, false when another one was faster.
 */
export function commitUnit(dir: string, spec: UnitSpec, attempt: Attempt, output: UnitOutput): boolean {
  const files = [...new Set(output.files)].map((path) => measure(attempt.dir, path));
  for (const [path, need] of Object.entries(output.rows ?? {})) {
    const got = files.find((file) => file.path === path)?.rows;
    if (got === need) continue;
    throw machineError('unit-rows', 'the unit did not write the rows that it should have', {
      file: join(attempt.dir, path),
      need: `${need} rows`,
      got: got === undefined ? 'no .jsonl file of this name' : `${got} rows`,
    });
  }
  const done: DoneRecord = {
    id: basename(dir),
    attempt: attempt.id,
    engine: spec.inputs.engine ?? null,
    durationMs: attempt.priorMs + Date.now() - attempt.startedAtMs,
    files,
  };
  return createExclusive(join(dir, 'DONE.json'), `${JSON.stringify(done, null, 2)}\n`);
}

function measure(attemptDir: string, path: string): UnitFile {
  const file = join(attemptDir, path);
  if (isAbsolute(path) || posix.normalize(path) !== path || path.startsWith('..')) {
    throw machineError('unit-file', 'a result file is named by a plain path inside the attempt folder', {
      got: path,
    });
  }
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw machineError('unit-file', 'the unit did not write this file', { file: file.split(sep).join('/') });
  }
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const handle = openSync(file, 'r+');
  let bytes = 0;
  let newlines = 0;
  let last = 10;
  try {
    for (let n = readSync(handle, buffer); n > 0; n = readSync(handle, buffer)) {
      const part = buffer.subarray(0, n);
      hash.update(part);
      bytes += n;
      for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) newlines++;
      last = part[n - 1] ?? last;
    }
    // DONE.json must not outlive a power cut that its files did not.
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  const measured = { path, bytes, sha256: hash.digest('hex') };
  if (!path.endsWith('.jsonl')) return measured;
  if (last !== 10) throw machineError('unit-file', 'the last line of this file is cut short', { file });
  return { ...measured, rows: newlines };
}
