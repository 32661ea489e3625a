import { existsSync, mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { inputError, machineError } from '../base/errors.ts';
import { createExclusive, writeError } from '../base/files.ts';
import { readJson } from '../base/json.ts';

/** Raised when an older winnow could no longer read a run folder. */
const FORMAT = 1;
const MARK = 'winnow-run.json';

/** A run: a folder of plain files that says in `winnow-run.json` what it is. */
export interface RunFolder {
  readonly dir: string;
  readonly format: number;
  /** Version of winnow that created it. */
  readonly version: string;
  /** The command that created it. */
  readonly command: string;
}

export interface OpenRunOptions {
  /** Make the folder when it is not there or empty; otherwise such a folder is an error. */
  readonly create: boolean;
  /** Version of this winnow and the command line, for a folder that is created. */
  readonly version?: string;
  readonly command?: string;
}

/** Opens a run folder, or creates it. A folder with other things in it is never written to. */
export function openRun(dir: string, options: OpenRunOptions): RunFolder {
  const path = resolve(dir);
  const file = join(path, MARK);
  if (existsSync(path) && !statSync(path).isDirectory()) {
    throw inputError('run-folder', 'a run needs a folder here, and this is a file', {
      file: path,
      remedy: 'Choose another folder with --out',
    });
  }
  if (!existsSync(file)) {
    const entries = existsSync(path) ? readdirSync(path) : [];
    // A second winnow may be creating the same run this moment: neither its unfinished temporary file nor, once
    // the mark is there, anything that it writes next is a foreign thing.
    const foreign = entries.includes(MARK) ? [] : entries.filter((name) => !name.startsWith(`.${MARK}.`));
    if (foreign.length > 0) {
      throw inputError('run-folder', 'this folder is not empty and is not a run of winnow', {
        file: path,
        got: foreign.slice(0, 5).join(', '),
        remedy: 'Choose another folder with --out, or an empty one: winnow does not write among other files',
      });
    }
    if (!options.create) {
      throw inputError('run-missing', 'there is no run here', {
        file: path,
        remedy: 'Check the path, or start one with `winnow run`',
      });
    }
    try {
      mkdirSync(path, { recursive: true });
    } catch (error) {
      throw writeError(path, error);
    }
    const mark = { format: FORMAT, version: options.version ?? '', command: options.command ?? '' };
    createExclusive(file, `${JSON.stringify(mark, null, 2)}\n`);
  }

  const mark = readJson(file) as Partial<RunFolder> | null;
  if (typeof mark?.format !== 'number') {
    throw inputError('run-folder', 'this file does not describe a run', {
      file,
      remedy: 'Choose another folder with --out',
    });
  }
  if (mark.format > FORMAT) {
    throw inputError('run-format', `this run was made by a newer winnow (${mark.version})`, {
      file,
      need: `format ${FORMAT} or older`,
      got: `format ${mark.format}`,
      remedy: 'Update winnow, or choose another folder with --out',
    });
  }
  return { dir: path, format: mark.format, version: mark.version ?? '', command: mark.command ?? '' };
}

/** Bytes that this user may still write where `dir` is, or will be. */
export function freeBytes(dir: string): number {
  let existing = resolve(dir);
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

/** Fails now rather than after hours of work when the disk cannot hold `bytes` more. */
export function needDisk(dir: string, bytes: number): void {
  const free = freeBytes(dir);
  if (free >= bytes) return;
  throw machineError('disk-full', 'not enough free disk space for this run', {
    file: resolve(dir),
    need: showBytes(bytes),
    got: showBytes(free),
    remedy: 'Free some space, or choose a folder on another disk with --out',
  });
}

function showBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
