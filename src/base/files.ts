import { randomUUID } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { type ErrorFields, inputError, machineError, WinnowError } from './errors.ts';

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

/**
 * As `writeFileAtomic`, for content that is made piece by piece: `produce` calls `write` with each piece. What
 * `produce` throws passes through, after the temp file is removed.
 */
export function writeAtomically(
  path: string,
  produce: (write: (piece: string | Uint8Array) => void) => void,
  calls: FileCalls = SYSTEM,
): void {
  const temp = writeTemp(path, produce, calls);
  try {
    calls.rename(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw writeError(path, error);
  }
  syncFolder(dirname(path));
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
  syncFolder(dirname(path));
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
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r');
    try {
      fsyncSync(fd);
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

/** Pretty JSON (2 spaces, final newline), atomically. Rejects NaN and infinities. */
export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${finiteJson(value, { file: path }, 2)}\n`);
}

/**
 * One JSON value a line, atomically, buffered: a table of any length needs memory for one buffer.
 *
 * @returns the number of rows written.
 * @throws machineError `not-finite` when a row holds NaN or an infinity, which JSON would turn into null.
 */
export function writeJsonLines(path: string, rows: Iterable<unknown>): number {
  let count = 0;
  writeAtomically(path, (write) => {
    let buffer = '';
    for (const row of rows) {
      buffer += `${finiteJson(row, { file: path, row: count })}\n`;
      count++;
      if (buffer.length >= 2 ** 20) {
        write(buffer);
        buffer = '';
      }
    }
    write(buffer);
  });
  return count;
}

function finiteJson(value: unknown, where: ErrorFields, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) as string | undefined;
  if (text === undefined)
    throw machineError('not-json', 'the value has no JSON form', { ...where, got: typeof value });
  // JSON.stringify turns NaN into null; a replacer that looks at every number is only paid for where one may be.
  if (text.includes('null')) {
    JSON.stringify(value, (key: string, item: unknown) => {
      if (typeof item === 'number' && !Number.isFinite(item)) {
        throw machineError(
          'not-finite',
          `the value at ${JSON.stringify(key)} is not a number that JSON can hold`,
          {
            ...where,
            got: String(item),
            remedy: 'This is a fault in what computed the value, most likely a training run that diverged',
          },
        );
      }
      return item;
    });
  }
  return text;
}

/**
 * @throws inputError `file-missing` or `cannot-read`; `bad-json` with line and column.
 */
export function readJson(path: string): unknown {
  return parseJson(decodeUtf8(readBytes(path), { file: path }), path);
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

/** JSON of a file's text, with the place of a fault. */
export function parseJson(text: string, file: string): unknown {
  const bare = text.startsWith('\uFEFF') ? text.slice(1) : text;
  try {
    return JSON.parse(bare);
  } catch (error) {
    const at = scanJson(bare) ?? bare.length;
    const before = bare.slice(0, at).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    const what = at >= bare.length ? 'the JSON ends too early' : 'this is not valid JSON';
    throw inputError(
      'bad-json',
      `${what}, column ${column}`,
      { file, line: before.length, column, got: excerpt(bare, at), remedy: 'Mend the file at this place' },
      error,
    );
  }
}

/**
 * Reads a JSON Lines file as a stream; gzip is known by its first two bytes, whatever the name. Blank lines are
 * skipped but counted; `line` is 1-based.
 *
 * @throws inputError `bad-json-line` (file, line, column, excerpt), `bad-utf8`, `bad-gzip`, `file-missing`.
 */
export async function* readJsonLines<T>(path: string): AsyncGenerator<{ line: number; value: T }> {
  let line = 0;
  for await (const bytes of splitLines(path)) {
    line++;
    const decoded = decodeUtf8(bytes, { file: path, line });
    const text = line === 1 && decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded;
    if (text.trim() === '') continue;
    let value: T;
    try {
      value = JSON.parse(text) as T;
    } catch (error) {
      const at = scanJson(text) ?? text.length;
      throw inputError(
        'bad-json-line',
        `this line is not one JSON value, column ${at + 1}`,
        { file: path, line, column: at + 1, got: excerpt(text, at), remedy: 'Mend or remove the line' },
        error,
      );
    }
    yield { line, value };
  }
}

async function* splitLines(path: string): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  for await (const chunk of openStream(path)) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      pending.push(chunk.subarray(start, end));
      yield pending.length === 1 ? (pending[0] as Uint8Array) : Buffer.concat(pending);
      pending = [];
      start = end + 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  if (pending.length > 0) yield Buffer.concat(pending);
}

async function* openStream(path: string): AsyncGenerator<Buffer> {
  let zipped = false;
  try {
    zipped = isGzip(path);
    const file = createReadStream(path, { highWaterMark: 2 ** 18 });
    if (!zipped) {
      yield* file as AsyncIterable<Buffer>;
      return;
    }
    const unzip = createGunzip();
    // pipe() does not pass errors on: without this a disk fault would leave the reader waiting for ever.
    file.on('error', (error) => unzip.destroy(error));
    try {
      yield* file.pipe(unzip) as AsyncIterable<Buffer>;
    } finally {
      file.destroy();
    }
  } catch (error) {
    if (zipped && errno(error)?.startsWith('Z_')) {
      const remedy = 'The file is cut short or damaged: fetch it again';
      throw inputError(
        'bad-gzip',
        'cannot unpack the file',
        { file: path, got: errno(error), remedy },
        error,
      );
    }
    throw readError(path, error);
  }
}

function isGzip(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const head = new Uint8Array(2);
    return readSync(fd, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    closeSync(fd);
  }
}

/** Strict UTF-8: a damaged byte is an error and not a replacement character. */
export function decodeUtf8(bytes: Uint8Array, where: ErrorFields): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw inputError(
      'bad-utf8',
      'the text is not valid UTF-8',
      { remedy: 'Save it as UTF-8', ...where },
      error,
    );
  }
}

const JSON_TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 forbids them in a string, unescaped.
  /[ \t\n\r]*([{}[\],:]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/**
 * Walks JSON text (RFC 8259) and gives the offset of its first fault, or undefined when it has none. JSON.parse
 * names no position in some of its messages and keeps the last of two equal keys silently; `onKey` hears every
 * key as written, with the depth of its object (1: the outermost).
 */
export function scanJson(text: string, onKey?: (key: string, depth: number) => void): number | undefined {
  const token = new RegExp(JSON_TOKEN);
  const open: string[] = [];
  let next: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' = 'value';
  let at = 0;
  while (true) {
    if (next === ', or end' && open.length === 0) {
      const rest = text.slice(at).search(/[^ \t\n\r]/);
      return rest === -1 ? undefined : at + rest;
    }
    const start = at;
    token.lastIndex = start;
    const found = token.exec(text)?.[1];
    if (found === undefined) return skipBlank(text, start);
    at = token.lastIndex;
    const inside = open.at(-1);
    const closes = (found === '}' && inside === '{') || (found === ']' && inside === '[');
    if (closes && (next === ', or end' || next === 'key or }' || next === 'value or ]')) {
      open.pop();
      next = ', or end';
    } else if (next === ', or end') {
      if (found !== ',') return skipBlank(text, start);
      next = inside === '{' ? 'key' : 'value';
    } else if (next === ':') {
      if (found !== ':') return skipBlank(text, start);
      next = 'value';
    } else if (next === 'key' || next === 'key or }') {
      if (!found.startsWith('"')) return skipBlank(text, start);
      onKey?.(JSON.parse(found) as string, open.length);
      next = ':';
    } else if (found === '{' || found === '[') {
      open.push(found);
      next = found === '{' ? 'key or }' : 'value or ]';
    } else if (']}:,'.includes(found)) {
      return skipBlank(text, start);
    } else {
      next = ', or end';
    }
  }
}

function skipBlank(text: string, from: number): number {
  return from + text.slice(from).search(/[^ \t\n\r]|$/);
}

function excerpt(text: string, at: number): string {
  return text.slice(Math.max(0, at - 30), at + 30);
}

/** The code of a Node system error (ENOENT, …), or undefined. */
export function errno(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
