import { inputError } from '../base/errors.ts';
import { readUnzipped } from '../base/json.ts';
import type { RawRow } from './rows.ts';

/**
 * The rows of a CSV or TSV file with a header, gzip or not, as a stream (RFC 4180: quotes doubled, line breaks inside
 * quotes). The delimiter is the comma, tab or semicolon that the header has most of; `\t` for `.tsv`. An empty cell
 * without quotes is null.
 * @throws input error `bad-csv` with the line: text after a closing quote, a quote that is never closed, a row with
 * more or fewer cells than the header; `bad-utf8`; `empty-file`.
 */
export async function* readCsv(file: string): AsyncGenerator<RawRow> {
  let header: readonly string[] | undefined;
  let row = 0;
  for await (const { line, cells } of readRecords(file)) {
    if (header === undefined) {
      header = headerOf(file, line, cells);
      continue;
    }
    if (cells.length !== header.length) {
      throw badCsv(file, line, 'the row has another number of cells than the header', {
        need: `${header.length} cells (${header.join(', ')})`,
        got: `${cells.length}: ${cells
          .map((cell) => cell ?? '')
          .join(' | ')
          .slice(0, 80)}`,
      });
    }
    const value = Object.fromEntries(header.map((name, i) => [name, cells[i] ?? null]));
    yield { row: row++, value };
  }
  if (row === 0) {
    throw inputError('empty-file', 'there is no row in the file', {
      file,
      remedy: 'Name a file with a header and at least one row.',
    });
  }
}

function headerOf(file: string, line: number, cells: readonly (string | null)[]): string[] {
  const names = cells.map((cell) => (cell ?? '').trim());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return names;
  throw badCsv(file, line, 'two columns have the same name', { got: twice, need: 'a header of names' });
}

interface CsvRecord {
  /** 1-based line on which the record begins. */
  readonly line: number;
  readonly cells: readonly (string | null)[];
}

/** The records of the file, header included; blank lines are skipped. */
async function* readRecords(file: string): AsyncGenerator<CsvRecord> {
  let delimiter = /\.tsv(\.gz)?$/i.test(file) ? '\t' : undefined;
  let pending = '';
  let line = 1;
  for await (const { text, last } of decoded(file)) {
    pending += text;
    let at = 0;
    for (;;) {
      if (delimiter === undefined) {
        if (!last && !pending.includes('\n')) break;
        delimiter = delimiterOf(pending);
      }
      const found = recordAt(file, pending, at, { line, delimiter, last });
      if (found === null) break;
      const { cells, end, lines } = found;
      if (cells.length > 1 || cells[0] !== null) yield { line, cells };
      at = end;
      line += lines;
    }
    pending = pending.slice(at);
    if (pending.length > LONGEST_RECORD) {
      throw badCsv(file, line, 'a row here has no end within 64 million characters', {
        need: 'every quote closed',
      });
    }
  }
}

/** Beyond it a quote was most likely left open: what follows is no cell. */
const LONGEST_RECORD = 2 ** 26; // characters

async function* decoded(file: string): AsyncGenerator<{ text: string; last: boolean }> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let lines = 1;
  const take = (bytes?: Uint8Array): string => {
    try {
      const text = bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
      lines += text.split('\n').length - 1;
      return text;
    } catch (error) {
      throw inputError(
        'bad-utf8',
        'the text is not valid UTF-8',
        { file, line: lines, remedy: 'Save it as UTF-8 (in Excel: CSV UTF-8).' },
        error,
      );
    }
  };
  for await (const bytes of readUnzipped(file)) yield { text: take(bytes), last: false };
  yield { text: take(), last: true };
}

function delimiterOf(text: string): string {
  const header = (text.split(/[\r\n]/, 1)[0] ?? '').replace(/"(?:[^"]|"")*"/g, '');
  const count = (delimiter: string) => header.split(delimiter).length - 1;
  return [',', '\t', ';'].reduce((best, other) => (count(other) > count(best) ? other : best));
}

interface Place {
  readonly line: number;
  readonly delimiter: string;
  /** Nothing follows this text. */
  readonly last: boolean;
}

/** The record that begins at `from`, or null where its end is not yet read, or nothing is left. */
function recordAt(file: string, text: string, from: number, { line, delimiter, last }: Place) {
  if (from >= text.length) return null;
  const cells: (string | null)[] = [];
  let at = from;
  let lines = 0;
  for (;;) {
    let cell: string | null;
    if (text[at] === '"') {
      const opened = line + lines;
      const close = closingQuote(text, at, last);
      if (close === null) {
        if (!last) return null;
        throw badCsv(file, opened, 'a quote is opened here and never closed', {
          got: text.slice(at, at + 80),
        });
      }
      const raw = text.slice(at + 1, close);
      lines += raw.split('\n').length - 1;
      cell = raw.replaceAll('""', '"');
      at = close + 1;
    } else {
      const start = at;
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at++;
      cell = at === start ? null : text.slice(start, at);
    }
    // A line break of two characters may be cut between chunks.
    if (!last && at >= text.length - 1) return null;
    cells.push(cell);
    const next = text[at];
    if (next === delimiter) {
      at++;
      if (last && at >= text.length) return { cells: [...cells, null], end: at, lines };
      continue;
    }
    if (next === undefined) return { cells, end: at, lines };
    if (next !== '\n' && next !== '\r') {
      throw badCsv(file, line + lines, 'text follows a closing quote', {
        got: text.slice(Math.max(from, at - 30), at + 30),
        need: 'a quote inside a quoted cell written twice',
      });
    }
    at += next === '\r' && text[at + 1] === '\n' ? 2 : 1;
    return { cells, end: at, lines: lines + 1 };
  }
}

/** The place of the quote that closes the cell whose quote stands at `open`; null where it is not yet read. */
function closingQuote(text: string, open: number, last: boolean): number | null {
  let at = open + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0 || (!last && quote === text.length - 1)) return null;
    if (text[quote + 1] !== '"') return quote;
    at = quote + 2;
  }
}

function badCsv(file: string, line: number, what: string, fields: { got?: unknown; need?: unknown }) {
  return inputError('bad-csv', what, {
    file,
    line,
    ...fields,
    remedy: 'Mend this line, or write the data as JSONL or Parquet.',
  });
}
