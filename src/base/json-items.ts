import { inputError } from './errors.ts';
import { decodeUtf8, parseJson, readJsonLines, readUnzipped } from './json.ts';

/** One value of a file of many. */
export interface JsonItem {
  /** How the file holds its values: as a JSON array, or one a line. */
  readonly container: 'array' | 'lines';
  /** 0-based number among the values. */
  readonly row: number;
  /** 1-based line on which the value begins. */
  readonly line: number;
  readonly value: unknown;
}

/**
 * The values of a JSON array or of JSON Lines, gzip or not, one after the other: a file of any length needs memory
 * for its largest value. The content tells which it is: an array begins with `[`.
 *
 * @throws inputError `bad-json` or `bad-json-line` with the place, `bad-utf8`, `bad-gzip`, `file-missing`.
 */
export async function* readJsonItems(path: string): AsyncGenerator<JsonItem> {
  if ((await firstByte(path)) === OPEN_BRACKET) {
    yield* readArray(path);
    return;
  }
  let row = 0;
  for await (const { line, value } of readJsonLines<unknown>(path))
    yield { container: 'lines', row: row++, line, value };
}

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === NEWLINE || byte === 0x0d;
}

/** The first byte that is neither white space nor part of a byte-order mark. */
async function firstByte(path: string): Promise<number | undefined> {
  for await (const chunk of readUnzipped(path))
    for (const byte of chunk) if (!isBlank(byte) && !BYTE_ORDER_MARK.includes(byte)) return byte;
  return undefined;
}

async function* readArray(path: string): AsyncGenerator<JsonItem> {
  let place: 'before' | 'inside' | 'behind' = 'before';
  let line = 1;
  let row = 0;
  /** Of the value that is being read: its bytes in earlier chunks, and where in this chunk it begins. */
  let parts: Uint8Array[] = [];
  let begin = -1;
  let beginLine = 1;
  let afterComma = false;
  let depth = 0;
  let inString = false;
  let escaped = false;
  for await (const chunk of readUnzipped(path)) {
    if (begin >= 0) begin = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === NEWLINE) line++;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (place === 'before') {
        if (byte === OPEN_BRACKET) place = 'inside';
        continue;
      }
      if (isBlank(byte)) continue;
      if (place === 'behind') throw badArray(path, line, 'text after the end of the JSON array');
      if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET)) {
        if (byte === CLOSE_BRACKET) place = 'behind';
        if (begin >= 0) {
          const bytes = Buffer.concat([...parts, chunk.subarray(begin, at)]);
          yield { container: 'array', row, line: beginLine, value: parseValue(bytes, path, beginLine) };
          row++;
          parts = [];
          begin = -1;
        } else if (byte === COMMA || afterComma) {
          throw badArray(path, line, 'a value is missing in the JSON array');
        }
        afterComma = byte === COMMA;
        continue;
      }
      if (begin < 0) {
        begin = at;
        beginLine = line;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
    }
    if (begin >= 0) parts.push(chunk.subarray(begin));
  }
  if (place !== 'behind') throw badArray(path, line, 'the JSON array ends too early');
}

/** The place of a fault is counted from the start of the file. */
function parseValue(bytes: Uint8Array, file: string, line: number): unknown {
  const text = decodeUtf8(bytes, { file, line });
  try {
    return JSON.parse(text);
  } catch {
    return parseJson('\n'.repeat(line - 1) + text, file);
  }
}

function badArray(file: string, line: number, what: string) {
  return inputError('bad-json', what, {
    file,
    line,
    remedy: 'Mend the file at this place, or fetch it again',
  });
}
