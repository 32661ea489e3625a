import { rmSync } from 'node:fs';
import { inputError, machineError } from '../base/errors.ts';
import { renameInto } from '../base/files.ts';
import { writeJsonLines } from '../base/json.ts';
import { openDuckDb, sqlText } from './duckdb.ts';
import type { PreferencePair, Text } from './pair.ts';
import { isWellFormed } from './shape.ts';
import { type PairRow, pairRows } from './write.ts';

/** A pair as a row of a file that every reader of datasets understands: `meta` is JSON text, for its keys may differ. */
export type FlatPair = PairRow & { readonly meta: string };

const MESSAGES = 'STRUCT("role" VARCHAR, "content" VARCHAR)[]';
/** Small enough that a reader of one part needs little memory. */
const ROW_GROUP = 8192; // rows

/**
 * Writes pairs as Parquet, whole or not at all: texts as strings, messages as native lists of structs, `meta` as JSON
 * text. Equal pairs give equal bytes. Reading the file back gives the same ids and meta.
 * @throws input error `lone-surrogate`: a text holds half a character, which UTF-8 cannot; `mixed-texts`: some pairs
 * are text and some messages, and a column has one type.
 */
export async function writePairsParquet(file: string, pairs: Iterable<PreferencePair>): Promise<void> {
  await writeParquetRows(file, flat(pairRows(pairs)));
}

function* flat(rows: Iterable<PairRow & { readonly meta: unknown }>): Generator<FlatPair> {
  for (const row of rows) yield { ...row, meta: JSON.stringify(row.meta) };
}

/** Writes rows with the columns of the first one; numbers become doubles, or integers where all of them are whole. */
export async function writeParquetRows(file: string, rows: Iterable<FlatPair>): Promise<void> {
  const [lines, partial] = [`${file}.rows.tmp`, `${file}.partial`];
  const types = new Map<string, string>();
  let longest = 0; // characters
  const checked = function* () {
    for (const row of rows) {
      longest = Math.max(longest, checkRow(row, types, file));
      yield row;
    }
  };
  try {
    writeJsonLines(lines, checked());
    const { connection, close } = await openDuckDb();
    try {
      const columns = [...types].map(([name, type]) => `${sqlText(name)}: ${sqlText(type)}`).join(', ');
      // A character has at most 6 bytes in JSON.
      const size = Math.max(2 ** 24, 6 * longest);
      await connection.run(
        `COPY (SELECT * FROM read_json(${sqlText(lines)}, format = 'newline_delimited', columns = {${columns}}, maximum_object_size = ${size})) ` +
          `TO ${sqlText(partial)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP})`,
      );
    } catch (error) {
      throw machineError('cannot-write', 'the Parquet file cannot be written', { file }, error);
    } finally {
      close();
    }
    renameInto(partial, file);
  } finally {
    rmSync(lines, { force: true });
    rmSync(partial, { force: true });
  }
}

/** Finds or holds the types of the columns; gives the length of the row as JSON. */
function checkRow(row: FlatPair, types: Map<string, string>, file: string): number {
  for (const [name, value] of Object.entries(row)) {
    const type = typeOf(value);
    const known = types.get(name);
    if (known === undefined || (known === 'BIGINT' && type === 'DOUBLE')) types.set(name, type);
    else if (known !== type && !(known === 'DOUBLE' && type === 'BIGINT')) {
      throw inputError('mixed-texts', `some pairs have text in ${name} and some messages`, {
        file,
        got: `${row.id}: ${type === MESSAGES ? 'messages' : 'text'}`,
        remedy: 'Write them as JSONL, or make them alike.',
      });
    }
  }
  const text = JSON.stringify(row);
  // JSON.stringify writes half a character as an escape: where there is none, the texts need no second look.
  if (!/\\ud[89a-f]/i.test(text) || allTexts(row).every(isWellFormed)) return text.length;
  throw inputError(
    'lone-surrogate',
    'a text holds half a character (a lone surrogate), which Parquet cannot',
    {
      file,
      got: row.id,
      remedy: 'Write the pairs as JSONL, or mend this text.',
    },
  );
}

function allTexts(row: FlatPair): string[] {
  const texts = (text: Text) =>
    typeof text === 'string' ? [text] : text.flatMap(({ role, content }) => [role, content]);
  return [...texts(row.prompt), ...texts(row.chosen), ...texts(row.rejected), row.meta];
}

function typeOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'BIGINT' : 'DOUBLE';
  return Array.isArray(value) ? MESSAGES : 'VARCHAR';
}
