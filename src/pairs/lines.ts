import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { inputError, type WinnowError } from '../base/errors.ts';
import { errno, readError } from '../base/files.ts';
import { decodeUtf8 } from '../base/json.ts';

/** One line of a text file, without its line break. */
export interface Line {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
}

const NEWLINE = 0x0a;

/** Lower-case hexadecimal SHA-256 of the file's bytes as stored (compressed, if it is). */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    throw readFailure(file, error);
  }
  return hash.digest('hex');
}

/**
 * The lines of a UTF-8 file, gzip or not (told by its magic bytes 1f 8b), as a stream. A byte-order mark at
 * the start is dropped. Not `node:readline`: that one also breaks lines at U+2028 and U+2029, which JSON
 * allows inside a string.
 * @throws input error: missing file, folder, damaged gzip, bytes that are not UTF-8.
 */
export async function* readLines(file: string): AsyncGenerator<Line> {
  let line = 1;
  let parts: Buffer[] = [];
  const take = (last: Buffer): Line => {
    const text = decode(file, line, Buffer.concat([...parts, last]));
    parts = [];
    return { line: line++, text };
  };
  try {
    for await (const chunk of (await openBytes(file)) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        yield take(chunk.subarray(start, end));
        start = end + 1;
      }
      if (start < chunk.length) parts.push(chunk.subarray(start));
    }
  } catch (error) {
    throw readFailure(file, error);
  }
  if (parts.length > 0) yield take(Buffer.alloc(0));
}

async function openBytes(file: string): Promise<Readable> {
  const handle = await open(file, 'r');
  const magic = Buffer.alloc(2);
  try {
    await handle.read(magic, 0, 2, 0);
  } finally {
    await handle.close();
  }
  const bytes = createReadStream(file);
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return bytes;
  // pipeline, not pipe: a read error must end the decompressed stream, and leaving early must close the file.
  return pipeline(bytes, createGunzip(), () => {});
}

/** JavaScript holds at most about half a billion characters in one text. */
export function tooLong(file: string, line: number, got: string): WinnowError {
  return inputError('too-long', 'the JSON does not fit into one text', {
    file,
    line,
    got,
    remedy: 'Convert the file to JSONL, one pair a line: that is read as a stream.',
  });
}

function decode(file: string, line: number, bytes: Buffer): string {
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    throw tooLong(file, line, `${bytes.length} bytes`);
  }
  const text = decodeUtf8(bytes, { file, line });
  return line === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function readFailure(file: string, error: unknown): unknown {
  const code = errno(error);
  if (code === 'EISDIR') {
    return inputError('file-is-folder', 'this is a folder', { file, remedy: 'Name a file in it.' }, error);
  }
  if (!code?.startsWith('Z_')) return readError(file, error);
  return inputError(
    'bad-gzip',
    `the gzip data is cut short or damaged (${(error as Error).message})`,
    { file, remedy: 'Fetch or compress the file again; `gzip -t FILE` tests it.' },
    error,
  );
}
