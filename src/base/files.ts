import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { inputError, machineError, WinnowError } from './errors.ts';

/** The system calls that can fail in a way worth testing; tests give their own. */
export interface FileCalls {
  readonly write: (fd: number, bytes: Uint8Array, offset: number, length: number) => number;
  readonly sync: (fd: number) => void;
  readonly rename: (from: string, to: string) => void;
  readonly link: (existing: string, created: string) => void;
}

const SYSTEM: FileCalls = { write: writeSync, sync: fsyncSync, rename: renameSync, link: linkSync };

/** One write(2) moves at most 2 GiB; smaller pieces keep the kernel's copy interruptible. */
const WRITE_PIECE = 64 * 2 ** 20; // bytes

/**
 * Writes a whole file or none: temp file in the same folder, fsync, rename(2).
 *
 * @throws machineError `disk-full` or `cannot-write`; the file at `path`, if any, is then as it was.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, calls: FileCalls = SYSTEM): void {
  writeAtomically(path, (write) => write(data), calls);
}

/** What is not synced costs no wait for the disk. */
const UNSYNCED: FileCalls = { ...SYSTEM, sync() {} };

/**
 * As `writeFileAtomic`, for what can be written again at any time: after a power cut the file may be old, empty or
 * missing. A process that is killed leaves it whole all the same.
 */
export function writeFileUnsynced(path: string, data: string): void {
  writeFileAtomic(path, data, UNSYNCED);
}

/**
 * As `writeFileAtomic`, for content that is made piece by piece: `produce` calls `write` with each piece. What
 * `produce` throws passes through, after the temp file is removed.
 */
export function writeAtomically(
  path: string,
  produce: (write: (piece: string | Uint8Array) => void) => void,
  calls: FileCalls = SYSTEM,
): void {
  moveIntoPlace(writeTemp(path, produce, calls), path, calls);
}

/**
 * As `writeAtomically`, for a file that is named by its content: `pathOf` is given the content's SHA-256 when all of
 * it is written. A file that is there under this name has the same content and is left alone.
 *
 * @param near names the temp file and its folder.
 */
export function writeByHash(
  near: string,
  produce: (write: (piece: string) => void) => void,
  pathOf: (hash: string) => string,
): { readonly hash: string; readonly path: string } {
  const content = createHash('sha256');
  const hashed = (write: (piece: Uint8Array) => void) =>
    produce((piece) => {
      const bytes = Buffer.from(piece, 'utf8');
      content.update(bytes);
      write(bytes);
    });
  const temp = writeTemp(near, hashed, SYSTEM);
  const hash = content.digest('hex');
  const path = pathOf(hash);
  // One of another length is what a crash or a full disk has left of it.
  if (statSync(path, { throwIfNoEntry: false })?.size === statSync(temp).size) rmSync(temp, { force: true });
  else moveIntoPlace(temp, path, SYSTEM);
  return { hash, path };
}

/** Gives a finished file its name, durably; another program wrote it. */
export function renameInto(temp: string, path: string): void {
  moveIntoPlace(temp, path, SYSTEM);
}

function moveIntoPlace(temp: string, path: string, calls: FileCalls): void {
  try {
    calls.rename(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw writeError(path, error);
  }
  syncFolder(dirname(path), calls);
}

/**
 * Creates a file that did not exist, whole or not at all: temp file, fsync, link(2) to the final name. Of any
 * number of callers exactly one gets true. Where hard links are not supported (some network and FAT file
 * systems) the file is opened with O_EXCL instead: still one winner, but a crash in the middle of the write can
 * then leave a part of it.
 *
 * @returns false when `path` already exists (its content is left alone).
 * @throws machineError `disk-full` or `cannot-write`.
 */
export function createExclusive(path: string, data: string | Uint8Array, calls: FileCalls = SYSTEM): boolean {
  const temp = writeTemp(path, (write) => write(data), calls);
  try {
    calls.link(temp, path);
  } catch (error) {
    // NFS can lose the answer to a link that was made and then say EEXIST: the link count tells (open(2)).
    if (errno(error) === 'EEXIST') return statSync(temp).nlink === 2;
    if (!NO_HARD_LINKS.has(errno(error) ?? '')) throw writeError(path, error);
    return createByOpen(path, data, calls);
  } finally {
    rmSync(temp, { force: true });
  }
  syncFolder(dirname(path), calls);
  return true;
}

const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EINVAL']);

function createByOpen(path: string, data: string | Uint8Array, calls: FileCalls): boolean {
  try {
    writeNew(path, (write) => write(data), calls);
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw writeError(path, error);
  }
  return true;
}

function writeTemp(
  path: string,
  produce: (write: (piece: string | Uint8Array) => void) => void,
  calls: FileCalls,
): string {
  // The name must differ between live processes, not be replayed: the one place for an unseeded generator.
  const temp = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    writeNew(temp, produce, calls);
  } catch (error) {
    throw writeError(path, error);
  }
  return temp;
}

/** Creates `path` (which must not exist), fills and syncs it; removes it again when that fails. */
function writeNew(
  path: string,
  produce: (write: (piece: string | Uint8Array) => void) => void,
  calls: FileCalls,
): void {
  const fd = openSync(path, 'wx');
  let open = true;
  try {
    produce((piece) => writeAll(fd, piece, calls));
    calls.sync(fd);
    open = false;
    closeSync(fd); // a network file system may report a failed write only here
  } catch (error) {
    if (open) closeSync(fd);
    rmSync(path, { force: true });
    throw error;
  }
}

function writeAll(fd: number, piece: string | Uint8Array, calls: FileCalls): void {
  const bytes = typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece;
  let done = 0;
  while (done < bytes.length)
    done += calls.write(fd, bytes, done, Math.min(bytes.length - done, WRITE_PIECE));
}

/** Makes a rename or link outlast a power cut. Folders cannot be synced everywhere: then the file system decides. */
function syncFolder(folder: string, calls: FileCalls): void {
  try {
    const fd = openSync(folder, 'r');
    try {
      calls.sync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The content is whole either way; only the moment at which it becomes durable differs.
  }
}

/** What a failed write says to the user; an error that is no system error passes through. */
export function writeError(path: string, error: unknown): unknown {
  const code = errno(error);
  if (code === undefined || error instanceof WinnowError) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return machineError(
      'disk-full',
      code === 'EDQUOT' ? 'the disk quota is used up' : 'the disk is full',
      {
        file: path,
        remedy: 'Free some space, or choose another folder with --out; then run the same command again',
      },
      error,
    );
  }
  return machineError(
    'cannot-write',
    'cannot write the file',
    { file: path, got: code, remedy: remedyFor(code) },
    error,
  );
}

function remedyFor(code: string): string {
  if (code === 'EACCES' || code === 'EPERM')
    return 'Give yourself write permission on the folder, or choose another';
  if (code === 'EROFS') return 'The file system is read-only: choose another folder';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'Create the folder first';
  if (code === 'EISDIR') return 'A folder has this name: choose another name';
  return 'Check the disk and the folder, then run the same command again';
}

/** The bytes of a small file; a file that cannot be read is an input error. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/** What a failed read says to the user; an error that is no system error passes through. */
export function readError(path: string, error: unknown): unknown {
  const code = errno(error);
  if (code === undefined || error instanceof WinnowError) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return inputError('file-missing', 'no such file', { file: path, remedy: 'Check the path' }, error);
  }
  return inputError('cannot-read', 'cannot read the file', { file: path, got: code }, error);
}

/** The code of a Node system error (ENOENT, …), or undefined. */
export function errno(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
