import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { csvParseRows } from 'd3-dsv';
import { inputError } from '../base/errors.ts';
import { decodeUtf8, readJsonLines, readUnzipped } from '../base/json.ts';

/** Scores of pairs as a file has them: whoever made them, low is easy. */
export interface ScoreFile {
  /** As it was named. */
  readonly file: string;
  /** What was read of it, such as `learning_order` or `mean of 15 columns`. */
  readonly from: string;
  /** By id, in the order of the file. */
  readonly scores: ReadonlyMap<string, number>;
  /** By row of the input that they were made from, where the file tells it. */
  readonly byRow: ReadonlyMap<number, number>;
}

export interface ScoreFileOptions {
  /** Columns of a CSV file to average, with * for any characters; default: `learning_order`, or else all raw columns. */
  readonly columns?: string;
  /** Rows of one id are averaged, not refused: for ids of prompts that several pairs share. Default false. */
  readonly average?: boolean;
}

/** Names of a table's id, first found first. */
const ID_COLUMNS = ['id', 'prompt_id', 'pair_id'];
/** Names of a score that is one already, first found first. */
const SCORE_COLUMNS = ['learning_order', 'difficulty', 'score'];
/** A measurement that scores are averages of, as the released code names them: `loss_step00_seed41`. */
const RAW_COLUMN = /^loss(_|$)/;

/**
 * Scores of a run folder (its `difficulty.jsonl`), of `difficulty.jsonl` or `scores.jsonl` (losses averaged), or of a
 * CSV file with `prompt_id` or `id` and one of `learning_order`, `difficulty`, `score` or raw columns that are averaged
 * (`loss_step00_seed41`, …); a CSV file of two columns needs no header. gzip is known by its bytes, whatever the name.
 *
 * @throws inputError `not-scores`, `duplicate-id`, `bad-score`, `no-scores`, and those of reading files.
 */
export async function readScoreFile(file: string, options: ScoreFileOptions = {}): Promise<ScoreFile> {
  const path = pathOf(file);
  const lines = await isJson(path);
  if (lines && options.columns !== undefined)
    throw inputError('no-columns', 'columns are chosen of CSV files, and this is JSON Lines', {
      file: path,
      got: options.columns,
      remedy: 'Leave the choice of columns out for this file',
    });
  const { from, rows } = lines ? await jsonRows(path) : await csvRows(path, options.columns ?? null);
  if (rows.length === 0)
    throw inputError('no-scores', 'there is no score in the file', {
      file: path,
      remedy: 'Name a file of scores, or the folder of a run that has scored',
    });
  const scores = new Map<string, number>();
  const byRow = new Map<number, number>();
  const times = new Map<string, number>();
  for (const { id, row, score, line } of rows) {
    const known = scores.get(id);
    if (known !== undefined && options.average === true) {
      const n = (times.get(id) ?? 1) + 1;
      times.set(id, n);
      scores.set(id, known + (score - known) / n);
      continue;
    }
    if (known !== undefined)
      throw inputError('duplicate-id', 'an id occurs twice, and a pair has one score', {
        file: path,
        line,
        got: id,
        remedy: 'Keep one of the lines; or, where ids are of prompts and not of pairs, add --average',
      });
    scores.set(id, score);
    if (row !== null) byRow.set(row, score);
  }
  return { file, from, scores, byRow };
}

interface Row {
  readonly id: string;
  readonly row: number | null;
  readonly score: number;
  readonly line: number;
}

interface Rows {
  readonly from: string;
  readonly rows: readonly Row[];
}

function pathOf(file: string): string {
  if (!existsSync(file) || !statSync(file).isDirectory()) return file;
  const path = join(file, 'difficulty.jsonl');
  if (existsSync(path)) return path;
  throw inputError('no-scores', 'this folder has no scores', {
    file,
    need: 'the folder of a run with difficulty.jsonl',
    remedy: 'Let the run score its pairs first: winnow score',
  });
}

/** JSON Lines begin with a brace; no header or id of a CSV file does. */
async function isJson(path: string): Promise<boolean> {
  for await (const piece of readUnzipped(path)) {
    const first = piece
      .toString('latin1')
      .replace(/^\xEF\xBB\xBF/, '')
      .trimStart();
    if (first !== '') return first.startsWith('{');
  }
  return false;
}

/** `difficulty.jsonl` has one line a pair; of `scores.jsonl` the losses of a pair are averaged. */
async function jsonRows(path: string): Promise<Rows> {
  const rows: Row[] = [];
  const losses = new Map<string, { row: number | null; line: number; values: number[] }>();
  const measured = new Set<string>();
  for await (const { line, value } of readJsonLines<Record<string, unknown> | null>(path)) {
    const named = ID_COLUMNS.map((name) => value?.[name]).find((one) => one !== undefined);
    const id = typeof named === 'number' ? String(named) : named;
    const key =
      value === null ? undefined : [...SCORE_COLUMNS, 'loss'].find((name) => value[name] !== undefined);
    if (value === null || typeof id !== 'string' || key === undefined)
      throw notScores(path, line, Object.keys(value ?? {}));
    const score = finite(value[key], path, line, key);
    const row = Number.isInteger(value.row) ? (value.row as number) : null;
    if (key !== 'loss') {
      rows.push({ id, row, score, line });
      continue;
    }
    const measurement = JSON.stringify([id, value.seed, value.checkpoint]);
    if (measured.has(measurement))
      throw inputError('duplicate-id', 'a pair is scored twice by one seed and checkpoint', {
        file: path,
        line,
        got: id,
        remedy: 'Keep one of the lines',
      });
    measured.add(measurement);
    const own = losses.get(id);
    if (own === undefined) losses.set(id, { row, line, values: [score] });
    else own.values.push(score);
  }
  for (const [id, { row, line, values }] of losses) rows.push({ id, row, score: mean(values), line });
  const most = [...losses.values()].reduce((sum, { values }) => Math.max(sum, values.length), 0);
  return { from: most === 0 ? 'difficulty' : `mean of ${most} losses`, rows };
}

async function csvRows(path: string, columns: string | null): Promise<Rows> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readUnzipped(path)) pieces.push(piece);
  const text = decodeUtf8(Buffer.concat(pieces), { file: path });
  const table = csvParseRows(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const header = table[0]?.map((name) => name.trim()) ?? [];
  const bare = header.length === 2 && header[1] !== '' && Number.isFinite(Number(header[1]));
  const at = ID_COLUMNS.map((name) => header.indexOf(name)).find((place) => place >= 0);
  if (table.length === 0) return { from: '', rows: [] };
  if (!bare && at === undefined) throw notScores(path, 1, header);
  const places = bare ? [1] : scorePlaces(path, header, columns);
  const rowAt = bare ? -1 : header.indexOf('row');
  const rows: Row[] = [];
  for (const [i, cells] of table.entries()) {
    const line = i + 1;
    if ((i === 0 && !bare) || cells.every((cell) => cell.trim() === '')) continue;
    const id = cells[at ?? 0]?.trim() ?? '';
    if (id === '') throw notScores(path, line, cells);
    const values = places.map((place) => {
      const cell = cells[place]?.trim() ?? '';
      return finite(cell === '' ? cell : Number(cell), path, line, header[place] as string, cell);
    });
    const row = rowAt < 0 ? null : Number(cells[rowAt]);
    rows.push({ id, row: Number.isInteger(row) ? row : null, score: mean(values), line });
  }
  const [first] = places as [number];
  const from = bare
    ? 'second column'
    : places.length === 1
      ? (header[first] as string)
      : `mean of ${places.length} columns`;
  return { from, rows };
}

/** Where the columns to average are. */
function scorePlaces(path: string, header: readonly string[], columns: string | null): readonly number[] {
  const all = header.map((name, place) => ({ name, place }));
  if (columns !== null) {
    const wanted = columns.split(',').map((glob) => globPattern(glob.trim()));
    const found = all.filter(({ name }) => wanted.some((pattern) => pattern.test(name)));
    if (found.length > 0) return found.map(({ place }) => place);
    throw inputError('no-columns', 'no column of the file has this name', {
      file: path,
      line: 1,
      need: columns,
      got: header.join(', '),
      remedy: 'Name columns of the file; * stands for any characters',
    });
  }
  const score = SCORE_COLUMNS.map((name) => header.indexOf(name)).find((place) => place >= 0);
  if (score !== undefined) return [score];
  const raw = all.filter(({ name }) => RAW_COLUMN.test(name));
  if (raw.length === 0) throw notScores(path, 1, header);
  return raw.map(({ place }) => place);
}

function globPattern(glob: string): RegExp {
  return new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
      .join('.*')}$`,
  );
}

function finite(value: unknown, file: string, line: number, column: string, cell: unknown = value): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw inputError('bad-score', `a score is not a finite number: ${column}`, {
    file,
    line,
    got: cell,
    need: 'a finite number',
    remedy: 'Mend or remove the line: a pair without a score has no place in an order',
  });
}

function notScores(file: string, line: number, got: readonly string[]) {
  return inputError('not-scores', 'this is not a file of scores', {
    file,
    line,
    need: `id or prompt_id, and ${SCORE_COLUMNS.join(', ')} or loss columns such as loss_step00_seed41`,
    got: got.join(', '),
    remedy: 'Name difficulty.jsonl, scores.jsonl, a run folder, or a CSV file with these columns',
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
