import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { inputError } from '../base/errors.ts';
import { hashOf } from '../base/hash.ts';
import { type DatasetChoice, datasetFiles } from './dataset-folder.ts';
import { DATA_FILE, readFileRows } from './files.ts';
import type { FormatRule } from './format-rule.ts';
import { sha256OfFile } from './lines.ts';
import { hasLlamaFactoryInfo, llamaFactorySource } from './llama-factory.ts';
import type { RawRow } from './rows.ts';

/** A row with its place. `row` counts over all files of the source. */
export interface SourceRow extends RawRow {
  /** File and row within it; only where the source has several files. */
  readonly place?: { readonly file: string; readonly row: number };
}

/** Where rows come from: one file, or the files of one split of a dataset folder, in order. */
export interface Source {
  /** Of rows. */
  readonly files: readonly string[];
  /** Files beside them that decide how rows are read (dataset_info.json). */
  readonly deciding: readonly string[];
  /** What was chosen, for people: split, subset. */
  readonly notes: readonly string[];
  readonly split: string | null;
  readonly subset: string | null;
  /** The format, where the folder says it. */
  readonly format: { readonly name: string; readonly rule: FormatRule } | null;
  readonly rows: () => AsyncGenerator<SourceRow>;
}

/**
 * Opens a file of rows; a pattern of files (`data/train-*.parquet`, the asterisk in the last part); a folder in the
 * Hugging Face layout (README.md with `configs`, or files named by their splits); or a folder of LLaMA-Factory
 * (dataset_info.json).
 * @throws input error: nothing is there; a split or subset must be chosen or does not exist; a shard is missing.
 */
export function openSource(path: string, choice: DatasetChoice = {}): Source {
  const file = { deciding: [], notes: [], split: null, subset: null, format: null };
  if (!existsSync(path) && basename(path).includes('*')) return withRows({ ...file, files: matching(path) });
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    const given = choice.split ?? choice.subset;
    if (given == null || !existsSync(path)) return withRows({ ...file, files: [path] });
    throw inputError('no-splits', 'a split or subset is of a folder, and this is a file', {
      file: path,
      got: given,
      remedy: 'Leave split and subset out, or name the folder.',
    });
  }
  if (hasLlamaFactoryInfo(path)) return withRows(llamaFactorySource(path, choice));
  const found = datasetFiles(path, choice);
  return withRows({ ...file, ...found });
}

function withRows(source: Omit<Source, 'rows'>): Source {
  const { files } = source;
  return {
    ...source,
    async *rows() {
      let row = 0;
      for (const file of files) {
        for await (const raw of readFileRows(file)) {
          const place = files.length > 1 ? { place: { file, row: raw.row } } : {};
          yield { row: row++, value: raw.value, ...place };
        }
      }
    },
  };
}

function matching(pattern: string): string[] {
  const folder = dirname(pattern);
  const parts = basename(pattern).split('*');
  const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const name = new RegExp(`^${escaped.join('.*')}$`);
  const names = existsSync(folder) ? readdirSync(folder).filter((entry) => name.test(entry)) : [];
  const files = names
    .filter((entry) => DATA_FILE.test(entry))
    .sort()
    .map((entry) => join(folder, entry));
  if (files.length > 0) return files;
  throw inputError('file-missing', 'no file matches the pattern', {
    file: pattern,
    remedy: 'Check the path.',
  });
}

/** The identity of what is read: of one file its own SHA-256, of several that of their names and hashes. */
export async function hashSource(
  path: string,
  { files, deciding }: Source,
): Promise<{ sha256: string; files?: { file: string; sha256: string }[] }> {
  const all = [...deciding, ...files];
  const [only] = all;
  if (all.length === 1 && only === path) return { sha256: await sha256OfFile(path) };
  const folder = existsSync(path) && statSync(path).isDirectory() ? path : dirname(path);
  const hashed: { file: string; sha256: string }[] = [];
  for (const file of all) {
    const name = relative(folder, file).replaceAll('\\', '/');
    hashed.push({ file: name, sha256: await sha256OfFile(file) });
  }
  return { sha256: hashOf(hashed), files: hashed };
}
