import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { openDuckDb, sqlText } from './duckdb.ts';
import { pairId } from './id.ts';
import type { PreferencePair } from './pair.ts';
import { type ReadPairsOptions, readPairs } from './read.ts';

/** For tests: a folder that goes when the test file is through. */
export const folder = mkdtempSync(join(tmpdir(), 'winnow-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

/** A fresh folder with these files. */
export function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const dir = join(folder, String(made++));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

export function save(content: string | Uint8Array, name: string): string {
  return join(folderOf({ [name]: content }), name);
}

/** The input error that reading ends with. */
export async function failure(path: string, options: ReadPairsOptions = {}): Promise<WinnowError> {
  const error: unknown = await readPairs(path, options).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WinnowError)) throw new Error(`expected a WinnowError, got ${String(error)}`);
  expect(error.exitCode).toBe(2);
  return error;
}

export const rowOf = (n: number) => ({ prompt: `question ${n}`, chosen: `good ${n}`, rejected: `bad ${n}` });

export function jsonl(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

export function promptsOf({ pairs }: { readonly pairs: readonly PreferencePair[] }) {
  return pairs.map(({ prompt }) => prompt);
}

/** A Parquet file of a query. */
export async function parquet(file: string, query: string): Promise<string> {
  mkdirSync(dirname(file), { recursive: true });
  const { connection, close } = await openDuckDb();
  await connection.run(`COPY (${query}) TO ${sqlText(file)} (FORMAT parquet)`);
  close();
  return file;
}

type Text = PreferencePair['prompt'];

export function pairOf(prompt: Text, chosen: Text, rejected: Text, meta = {}): PreferencePair {
  return { id: pairId(prompt, chosen, rejected), row: 0, prompt, chosen, rejected, meta };
}
