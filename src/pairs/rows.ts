import { constants } from 'node:buffer';
import { inputError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { type Line, readLines, tooLong } from './lines.ts';

/** One row of the input, as JSON gives it. */
export interface RawRow {
  /** 0-based number of the row among the rows. */
  readonly row: number;
  readonly value: unknown;
}

/**
 * The rows of a JSONL file (streamed), of a JSON array, or of a JSON object with a `data` array (both read
 * whole). Which of them it is, the content tells: `[` opens an array; a first line that is a complete JSON
 * value opens JSONL; a `{` that goes on over lines is an object. Empty lines of JSONL are skipped and counted.
 * `form` is what a row looks like, for messages.
 * @throws input error: JSON that does not parse (with line and excerpt), no `data` array, a file without rows.
 */
export async function* readRows(file: string, form = '{prompt, chosen, rejected}'): AsyncGenerator<RawRow> {
  const lines = readLines(file);
  const first = await nextNonBlank(lines);
  if (first === undefined) throw emptyFile(file);
  const opening = first.text.trimStart();
  const value = opening.startsWith('[') ? undefined : tryParse(first.text);
  if (value === undefined) {
    yield* numbered(await wholeDocument(file, form, first, lines));
    return;
  }
  if (isDataObject(value)) {
    const extra = await nextNonBlank(lines);
    if (extra === undefined) {
      yield* numbered(rowsOf(file, form, value));
      return;
    }
    throw badJson(file, extra, new Error('text after the end of the JSON object'));
  }
  let row = 0;
  yield { row: row++, value };
  for (let line = await nextNonBlank(lines); line !== undefined; line = await nextNonBlank(lines)) {
    yield { row: row++, value: parseLine(file, line) };
  }
}

/** An array, or an object over several lines; when it is neither, a malformed JSONL is told by its line. */
async function wholeDocument(
  file: string,
  form: string,
  first: Line,
  rest: AsyncGenerator<Line>,
): Promise<unknown[]> {
  const lines = [first];
  for await (const line of rest) lines.push(line);
  const size = lines.reduce((sum, line) => sum + line.text.length + 1, 0);
  if (size > constants.MAX_STRING_LENGTH) throw tooLong(file, first.line, `${size} characters`);
  const text = lines.map((line) => line.text).join('\n');
  const value = tryParse(text);
  if (value === undefined) {
    const isArray = first.text.trimStart().startsWith('[');
    const isLines = /\.jsonl(\.gz)?$/i.test(file) || (!isArray && lines.slice(1).some((l) => isRow(l.text)));
    if (isLines) for (const line of lines) if (line.text.trim() !== '') parseLine(file, line);
    parseJson('\n'.repeat(first.line - 1) + text, file);
  }
  return rowsOf(file, form, value);
}

function rowsOf(file: string, form: string, value: unknown): unknown[] {
  const rows = Array.isArray(value) ? value : isDataObject(value) ? value.data : undefined;
  if (rows === undefined) {
    throw inputError('no-rows', 'the JSON is neither an array of rows nor an object with a `data` array', {
      file,
      got: value,
      remedy: `Write an array of ${form}, or JSONL with one such object a line.`,
    });
  }
  if (rows.length === 0) throw emptyFile(file);
  return rows;
}

function* numbered(values: readonly unknown[]): Generator<RawRow> {
  for (const [row, value] of values.entries()) yield { row, value };
}

async function nextNonBlank(lines: AsyncGenerator<Line>): Promise<Line | undefined> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true) return undefined;
    if (next.value.text.trim() !== '') return next.value;
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseLine(file: string, line: Line): unknown {
  try {
    return JSON.parse(line.text);
  } catch (error) {
    throw badJson(file, line, error);
  }
}

function isRow(text: string): boolean {
  const value = tryParse(text);
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** A row can have a `data` column of its own; a document has no `chosen` beside it. */
function isDataObject(value: unknown): value is { data: unknown[] } {
  return (
    value !== null &&
    typeof value === 'object' &&
    'data' in value &&
    Array.isArray(value.data) &&
    !('chosen' in value)
  );
}

function badJson(file: string, line: Line, error: unknown): Error {
  const reason = (error instanceof Error ? error.message : String(error)).replace(
    /, ".*" is not valid JSON$/s,
    '',
  );
  return inputError(
    'bad-json',
    `this is not JSON: ${reason}`,
    {
      file,
      line: line.line,
      got: line.text.slice(0, 120),
      remedy: 'Mend or remove this line; NaN, comments, single quotes and trailing commas are not JSON.',
    },
    error,
  );
}

function emptyFile(file: string): Error {
  return inputError('empty-file', 'there is no row in the file', {
    file,
    remedy: 'Name a file with at least one row.',
  });
}
