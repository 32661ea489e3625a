import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inputError, machineError } from '../base/errors.ts';
import type { RawRow } from './rows.ts';

type Connection = import('@duckdb/node-api').DuckDBConnection;

/** Enough for a row group of long conversations; what does not fit goes to a temporary file. */
const MEMORY_LIMIT = '1GB';

/** A fresh in-memory DuckDB of one thread, so that rows keep their order. Loaded only when it is used. */
export async function openDuckDb(): Promise<{ readonly connection: Connection; readonly close: () => void }> {
  const { DuckDBInstance } = await import('@duckdb/node-api').catch((error: unknown) => {
    throw machineError(
      'no-duckdb',
      'DuckDB, which reads and writes Parquet, cannot be loaded on this machine',
      { got: error instanceof Error ? firstLine(error.message) : error, remedy: 'Give the pairs as JSONL' },
      error,
    );
  });
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY_LIMIT,
    // Its default is a folder where the command runs.
    temp_directory: join(tmpdir(), `winnow-duckdb-${process.pid}`),
    // Nothing is fetched: Parquet and JSON are built in.
    autoinstall_known_extensions: 'false',
  });
  const connection = await instance.connect();
  return {
    connection,
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A text as an SQL literal. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * The rows of one Parquet file, streamed in chunks; lists and structs are arrays and objects. Integers beyond 2⁵³
 * become texts, decimals numbers, times ISO texts, binary columns `{bytes: length}`.
 * @throws input error `bad-parquet`: cut short, damaged, or no Parquet file; `empty-file`.
 */
export async function* readParquet(file: string): AsyncGenerator<RawRow> {
  const { connection, close } = await openDuckDb();
  let row = 0;
  try {
    const result = await connection.stream(`SELECT * FROM read_parquet(${sqlText(file)})`);
    for await (const chunk of result.yieldRowObjectJs()) {
      for (const value of chunk) yield { row: row++, value: plain(value) };
    }
  } catch (error) {
    throw badParquet(file, row, error);
  } finally {
    close();
  }
  if (row === 0) {
    throw inputError('empty-file', 'there is no row in the file', {
      file,
      remedy: 'Name a file with at least one row.',
    });
  }
}

function badParquet(file: string, row: number, error: unknown): unknown {
  // What a reader of these rows throws passes through this generator as well.
  if (!(error instanceof Error) || 'kind' in error) return error;
  if (/^out of memory/i.test(error.message)) {
    return machineError(
      'out-of-memory',
      `the Parquet file needs more memory than ${MEMORY_LIMIT}`,
      { file, remedy: 'Write it again with smaller row groups, such as 10,000 rows.' },
      error,
    );
  }
  return inputError(
    'bad-parquet',
    `the Parquet file cannot be read${row > 0 ? ` beyond row ${row - 1}` : ''}: ${firstLine(error.message)}`,
    { file, remedy: 'It is cut short, damaged, or no Parquet file: fetch or write it again.' },
    error,
  );
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').replace(/ file '[^']*'$/, ' file').trim();
}

/** What DuckDB gives, as JSON could hold it. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return { bytes: value.length };
  const row = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return transposed(row, 'role', 'content') ?? transposed(row, 'from', 'value') ?? row;
}

/** Messages that `datasets` stored as a struct of lists (its `Sequence` of a dictionary), as a list of messages. */
function transposed(row: Readonly<Record<string, unknown>>, role: string, content: string) {
  const [roles, contents] = [row[role], row[content]];
  if (!Array.isArray(roles) || !Array.isArray(contents) || roles.length !== contents.length) return null;
  return roles.map((_, i) =>
    Object.fromEntries(
      Object.entries(row).map(([key, list]) => [key, Array.isArray(list) ? (list[i] as unknown) : list]),
    ),
  );
}
