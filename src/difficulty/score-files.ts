import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { csvParseRows, tsvParseRows } from 'd3-dsv';
import { inputError } from '../base/errors.ts';
import { decodeUtf8, readUnzipped } from '../base/json.ts';
import { readRows } from '../pairs/rows.ts';

/** Difficulties by id, from a file. */
export interface ScoreFile {
  readonly file: string;
  /** The columns that were averaged. */
  readonly columns: readonly string[];
  /** In the order of the file; lower is easier. */
  readonly scores: ReadonlyMap<string, number>;
}

export interface ScoreColumns {
  /** Name of the column of ids. Default: the first of `IDS` that there is. */
  readonly id?: string;
  /** Names of the columns of scores, which are averaged. Default: the first of `SCORES` that there is, else all raw losses. */
  readonly scores?: readonly string[];
  /** Rows of one id are averaged, not refused: for ids of prompts that several pairs share. Default false. */
  readonly average?: boolean;
}

const IDS = ['id', 'prompt_id', 'pair_id', 'row'];
const SCORES = ['difficulty', 'learning_order', 'loss', 'score'];
/** `loss_step00_seed41` and the like, as the paper's released code writes them. */
const RAW = /^(loss|vl|validation_loss)[_-]/i;

const NEED =
  'a run folder, difficulty.jsonl, scores.jsonl, or CSV or JSON Lines with a column of ids (id, prompt_id) and one of scores (difficulty, learning_order) or raw losses (loss_…) to be averaged';

interface Where {
  readonly file: string;
  readonly row: number;
}

/**
 * Reads difficulties: Winnow's own (a run folder, `difficulty.jsonl`, `scores.jsonl`, whose lines of one pair are
 * averaged), JSON or JSON Lines, or CSV or TSV with a header; without one, of two columns, an id and a number. Gzipped
 * or not.
 *
 * @throws inputError with file and row for an id that stands twice, a score that is no finite number, a missing column;
 * for a file without a row.
 */
export async function readScoreFile(path: string, columns: ScoreColumns = {}): Promise<ScoreFile> {
  const file = ownFile(path);
  const table = /\.(csv|tsv|txt)(\.gz)?$/i.test(file) ? await readTable(file) : await readObjects(file);
  const id = pick(file, table.header, columns.id === undefined ? IDS : [columns.id], 'ids');
  const names = scoreColumns(file, table.header, columns.scores);
  // Several lines of a pair are Winnow's own scores: one for each seed and checkpoint.
  const isOwn = ['seed', 'checkpoint', 'part'].every((name) => table.header.includes(name));
  const sums = new Map<string, { sum: number; n: number; row: number }>();
  for (const { where, value } of table.rows) {
    const key = idOf(value(id), id, where);
    const known = sums.get(key);
    if (known !== undefined && !isOwn && columns.average !== true)
      throw inputError('duplicate-id', 'the id stands twice', {
        ...where,
        got: key,
        need: `one row for each id; row ${known.row} has it too`,
        remedy: 'Remove one of the two rows; or, where ids are of prompts and not of pairs, add --average',
      });
    const mean = names.reduce((sum, name) => sum + numberOf(value(name), name, where), 0) / names.length;
    sums.set(key, { sum: (known?.sum ?? 0) + mean, n: (known?.n ?? 0) + 1, row: known?.row ?? where.row });
  }
  if (sums.size === 0)
    throw inputError('empty-file', 'there is no row in the file', {
      file,
      need: NEED,
      remedy: 'Name a file with scores',
    });
  const scores = new Map([...sums].map(([key, { sum, n }]) => [key, sum / n]));
  return { file, columns: names, scores };
}

/** The file of a run folder; any other path as it is. */
function ownFile(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path;
  const found = ['difficulty.jsonl', 'scores.jsonl'].map((name) => join(path, name)).find(existsSync);
  if (found !== undefined) return found;
  throw inputError('no-scores', 'the folder has no scores', {
    file: path,
    need: 'difficulty.jsonl or scores.jsonl',
    remedy: 'Run winnow score there first, or name a file',
  });
}

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly { readonly where: Where; readonly value: (column: string) => unknown }[];
}

async function readObjects(file: string): Promise<Table> {
  const rows: { where: Where; value: (column: string) => unknown }[] = [];
  const header = new Set<string>();
  for await (const { row, value } of readRows(file, '{id, difficulty}')) {
    const where = { file, row };
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw inputError('bad-row', 'the row is no object', { ...where, got: value, need: NEED });
    for (const name of Object.keys(value)) header.add(name);
    rows.push({ where, value: (column) => (value as Record<string, unknown>)[column] });
  }
  return { header: [...header], rows };
}

/** Row 0 is the first behind the header. */
async function readTable(file: string): Promise<Table> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readUnzipped(file)) pieces.push(piece);
  const text = decodeUtf8(Buffer.concat(pieces), { file }).replace(/^\uFEFF/, '');
  const parse = /\.tsv(\.gz)?$/i.test(file) ? tsvParseRows : csvParseRows;
  const lines = parse(text).filter((cells) => cells.some((cell) => cell.trim() !== ''));
  const [first = []] = lines;
  // The released code's records have no header: an id and a loss.
  const isBare = first.length === 2 && isNumber(first[1]);
  const header = isBare ? ['id', 'loss'] : first.map((name) => name.trim());
  const places = new Map(header.map((name, place) => [name, place]));
  const rows = (isBare ? lines : lines.slice(1)).map((cells, row) => ({
    where: { file, row },
    value: (column: string) => cells[places.get(column) ?? -1],
  }));
  return { header, rows };
}

function pick(file: string, header: readonly string[], among: readonly string[], what: string): string {
  const found = among.find((name) => header.includes(name));
  if (found !== undefined) return found;
  throw inputError('no-column', `there is no column of ${what}`, {
    file,
    got: header.slice(0, 12),
    need: among.join(', '),
    remedy: `This is no file of scores (${NEED}), or its columns must be named: --id NAME, --column NAME`,
  });
}

function scoreColumns(file: string, header: readonly string[], given?: readonly string[]): readonly string[] {
  if (given !== undefined) return given.map((name) => pick(file, header, [name], 'scores'));
  const named = SCORES.find((name) => header.includes(name));
  if (named !== undefined) return [named];
  const raw = header.filter((name) => RAW.test(name));
  return raw.length > 0 ? raw : [pick(file, header, SCORES, 'scores')];
}

function idOf(value: unknown, name: string, where: Where): string {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw inputError('bad-id', `${name} is no id`, {
    ...where,
    got: value ?? null,
    need: 'a text or a number',
  });
}

function numberOf(value: unknown, name: string, where: Where): number {
  const number = typeof value === 'number' ? value : isNumber(value) ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw inputError('bad-score', `${name} is no finite number`, {
    ...where,
    got: value ?? null,
    need: 'a finite number',
    remedy: 'Score the pair again, or leave its row out',
  });
}

function isNumber(text: unknown): text is string {
  return typeof text === 'string' && text.trim() !== '' && Number.isFinite(Number(text));
}
