import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { type ErrorFields, inputError, machineError } from './errors.ts';
import { errno, readBytes, readError, writeAtomically, writeFileAtomic } from './files.ts';

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
    count = putJsonLines(rows, write, path);
  });
  return count;
}

/** Gives `write` the rows as JSON Lines, in pieces of about a megabyte; `file` is for messages. */
export function putJsonLines(rows: Iterable<unknown>, write: (piece: string) => void, file: string): number {
  let count = 0;
  let buffer = '';
  for (const row of rows) {
    buffer += `${finiteJson(row, { file, row: count })}\n`;
    count++;
    if (buffer.length >= 2 ** 20) {
      write(buffer);
      buffer = '';
    }
  }
  write(buffer);
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

/**
 * JSON of a file's text, with the place of a fault.
 *
 * @throws inputError `bad-json`; `deep-json` where objects or lists nest more than `MOST_NESTED` deep.
 */
export function parseJson(text: string, file: string): unknown {
  const bare = text.startsWith('\uFEFF') ? text.slice(1) : text;
  try {
    const value: unknown = JSON.parse(bare);
    if (depthOf(bare) <= MOST_NESTED) return value;
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
  throw inputError('deep-json', 'the JSON nests too deep', {
    file,
    need: `at most ${MOST_NESTED} levels`,
    got: `${depthOf(bare)} levels`,
    remedy: 'No file of this kind does: fetch it again',
  });
}

/** What reads, compares or writes a value goes down it by calling itself: this many levels fit on any stack. */
const MOST_NESTED = 500;

/** How deep objects and lists nest in valid JSON. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    // Either bracket and its brace differ in one bit: [ 5b, { 7b, ] 5d, } 7d.
    if ((character & ~0x20) === 0x5b) deepest = Math.max(deepest, ++depth);
    else if ((character & ~0x20) === 0x5d) depth--;
    else if (character === QUOTE) at = stringEnd(text, at) - 1;
  }
  return deepest;
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
  for await (const chunk of readUnzipped(path)) {
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

/** The bytes of a file in pieces, unpacked where they are gzip: known by its first two bytes, whatever the name. */
export async function* readUnzipped(path: string): AsyncGenerator<Buffer> {
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

/** A string by its opening quote: a pattern that runs through long ones can exhaust the stack of the matcher. */
const JSON_TOKEN = /[ \t\n\r]*([{}[\],:"]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const JSON_ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Behind the closing quote of the JSON string that opens at `from`; −1 where it is not one. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) return at + 1;
    if (character < 0x20) return -1; // RFC 8259 forbids them in a string, unescaped
    if (character !== BACKSLASH) continue;
    JSON_ESCAPE.lastIndex = at;
    if (!JSON_ESCAPE.test(text)) return -1;
    at = JSON_ESCAPE.lastIndex - 1;
  }
  return -1;
}

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
    const opens = token.lastIndex - found.length;
    at = found === '"' ? stringEnd(text, opens) : token.lastIndex;
    if (at === -1) return skipBlank(text, start);
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
      if (found !== '"') return skipBlank(text, start);
      onKey?.(JSON.parse(text.slice(opens, at)) as string, open.length);
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
