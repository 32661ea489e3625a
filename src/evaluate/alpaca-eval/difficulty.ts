import { csvParseRows } from 'd3-dsv';
import { inputError } from '../../base/errors.ts';
import { decodeUtf8, readUnzipped } from '../../base/json.ts';
import type { AnchorRows } from '../length-controlled.ts';
import { ANCHOR_WEIGHT, type Difficulties } from './anchors.ts';

/**
 * A CSV file with the columns `instruction_difficulty` and `index` (or no name, as pandas writes an index), gzip or not.
 * An index may stand twice if it has the same difficulty.
 * @throws inputError with line and column.
 */
export async function readDifficulties(file: string): Promise<Difficulties> {
  const table = await readTable(file);
  const index = table.column('index', '');
  const difficulty = table.column('instruction_difficulty');
  const found = new Map<number, number>();
  for (const row of table.rows) {
    const key = index(row);
    const value = difficulty(row);
    if (!Number.isSafeInteger(key) || key < 0)
      throw badCell(file, row, 'index', 'a whole number from 0', String(key));
    if (found.has(key) && found.get(key) !== value)
      throw badCell(file, row, 'instruction_difficulty', `${found.get(key)}, as above for this index`, value);
    found.set(key, value);
  }
  return found;
}

/**
 * The benchmark's own regularisation data, `df_gamed.csv` of the data set tatsu-lab/alpaca_eval: columns `preference`
 * (0 … 1), `std_delta_len` and `instruction_difficulty`.
 * @throws inputError with line and column.
 */
export async function readAnchors(file: string): Promise<AnchorRows> {
  const table = await readTable(file);
  const preference = table.column('preference');
  const delta = table.column('std_delta_len');
  const difficulty = table.column('instruction_difficulty');
  const numbers = (of: (row: TableRow) => number) => Float64Array.from(table.rows, of);
  return {
    length: numbers((row) => Math.tanh(delta(row))),
    difficulty: numbers(difficulty),
    share: numbers((row) => {
      const share = preference(row);
      if (share >= 0 && share <= 1) return share;
      throw badCell(file, row, 'preference', 'a share from 0 to 1', share);
    }),
    weight: ANCHOR_WEIGHT,
  };
}

interface TableRow {
  readonly line: number;
  readonly cells: readonly string[];
}

interface Table {
  readonly rows: readonly TableRow[];
  /** Reads numbers of the first of these columns that there is. */
  readonly column: (...names: readonly string[]) => (row: TableRow) => number;
}

async function readTable(file: string): Promise<Table> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readUnzipped(file)) pieces.push(piece);
  const text = decodeUtf8(Buffer.concat(pieces), { file });
  const [header = [], ...lines] = csvParseRows(text.startsWith('\uFEFF') ? text.slice(1) : text);
  const rows = lines
    .map((cells, i): TableRow => ({ line: i + 2, cells }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  if (rows.length === 0) {
    throw inputError('empty-file', 'there is no row in the file', {
      file,
      remedy: 'Name a CSV file with a header and rows',
    });
  }
  const column = (...names: readonly string[]) => {
    const name = names.find((candidate) => header.includes(candidate));
    if (name === undefined) {
      throw inputError('bad-csv', `there is no column ${names[0]}`, {
        file,
        line: 1,
        got: header.join(', '),
        remedy: 'Name the CSV file as alpaca_eval publishes it',
      });
    }
    const at = header.indexOf(name);
    return (row: TableRow) => {
      const cell = row.cells[at]?.trim() ?? '';
      const value = cell === '' ? Number.NaN : Number(cell);
      if (Number.isFinite(value)) return value;
      throw badCell(file, row, name, 'a finite number', cell);
    };
  };
  return { rows, column };
}

function badCell(file: string, { line }: TableRow, column: string, need: string, got: unknown) {
  return inputError('bad-csv', `column ${column === '' ? 'index' : column} is not usable`, {
    file,
    line,
    need,
    got,
    remedy: 'Mend or remove the row',
  });
}
