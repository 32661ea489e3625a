import { closeSync, openSync, readSync } from 'node:fs';
import { inputError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import { readCsv } from './csv.ts';
import { readParquet } from './duckdb.ts';
import { type RawRow, readRows } from './rows.ts';

/** Ends of the names of files that can hold rows. */
export const DATA_FILE = /\.(jsonl?|ndjson|csv|tsv|parquet)(\.gz)?$/i;

/**
 * The rows of one file of any kind that is known: Parquet by its first bytes, CSV and TSV by the name, all else as
 * JSON or JSON Lines. JSON, CSV and TSV may be gzip.
 * @throws input error: the file cannot be read, is damaged, empty, or of a kind that is not read.
 */
export async function* readFileRows(file: string): AsyncGenerator<RawRow> {
  const head = firstBytes(file);
  const named = (pattern: RegExp) => pattern.test(file);
  if (head.startsWith('PAR1')) yield* readParquet(file);
  else if (named(/\.parquet$/i)) throw otherKind(file, head);
  else if (Object.keys(OTHER_KINDS).some((magic) => head.startsWith(magic))) throw otherKind(file, head);
  else if (named(/\.(csv|tsv)(\.gz)?$/i)) yield* readCsv(file);
  else yield* readRows(file);
}

/** First bytes (as Latin-1) of files that people name by mistake: what they are, and what to do. */
const OTHER_KINDS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ARROW1: ['an Arrow file', 'In Python: `datasets.load_from_disk(FOLDER).to_parquet("pairs.parquet")`.'],
  '\xff\xff\xff\xff': [
    'an Arrow stream',
    'In Python: `datasets.load_from_disk(FOLDER).to_parquet("pairs.parquet")`.',
  ],
  'PK\x03\x04': ['a ZIP archive or an Excel workbook', 'Unpack it, or save the sheet as CSV UTF-8.'],
  '\x28\xb5\x2f\xfd': ['compressed by Zstandard', 'Unpack it: `zstd -d FILE`.'],
  BZh: ['compressed by bzip2', 'Unpack it: `bunzip2 FILE`.'],
  '\xfd7zXZ': ['compressed by xz', 'Unpack it: `unxz FILE`.'],
  'version https://git-lfs': ['a Git LFS pointer, not the data', 'Fetch the data: `git lfs pull`.'],
};

function otherKind(file: string, head: string): Error {
  const known = Object.entries(OTHER_KINDS).find(([magic]) => head.startsWith(magic))?.[1];
  if (known !== undefined) {
    const [what, remedy] = known;
    return inputError('other-kind', `the file is ${what}`, { file, remedy });
  }
  return inputError('bad-parquet', 'the file has the name of a Parquet file and is none', {
    file,
    need: 'the bytes PAR1 at its start',
    got: head.slice(0, 4),
    remedy: 'Fetch or write it again, or give it its own name.',
  });
}

function firstBytes(file: string): string {
  const bytes = Buffer.alloc(32);
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch (error) {
    throw readError(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
