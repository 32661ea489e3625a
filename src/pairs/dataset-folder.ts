import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { inputError } from '../base/errors.ts';
import { DATA_FILE } from './files.ts';

/** Which part of a dataset folder is read. */
export interface DatasetChoice {
  /** Default: train_prefs, else train, else the only one. */
  readonly split?: string | null;
  /** What Hugging Face calls a config; of LLaMA-Factory the name in dataset_info.json. Default: the only one. */
  readonly subset?: string | null;
}

/** The files of the chosen split, in order. */
export interface DatasetFiles {
  readonly files: string[];
  readonly split: string;
  readonly subset: string | null;
  readonly notes: string[];
}

/**
 * The files of one split of a dataset folder in the Hugging Face layout: by the `configs` and `data_files` in the
 * front matter of its README.md, or where there are none by the names of its files
 * (`data/train-00000-of-00002.parquet`, `test.jsonl`, `train_prefs/0.parquet`; a name without a split is train).
 * @throws input error `no-data-files`, `which-subset`, `no-such-subset`, `which-split`, `no-such-split`,
 * `missing-shard`, `mixed-files`, `arrow-folder`, `bad-card`.
 */
export function datasetFiles(folder: string, choice: DatasetChoice): DatasetFiles {
  const all = filesBelow(folder);
  const subsets =
    subsetsOfCard(folder, all) ?? new Map([[null, splitsByName(folder, dataFilesOf(folder, all))]]);
  const subset = chooseSubset(folder, subsets, choice.subset ?? null);
  const splits = subsets.get(subset) ?? new Map<string, string[]>();
  const split = chooseSplit(folder, [...splits.keys()], choice.split ?? null);
  const files = splits.get(split) ?? [];
  needAllShards(files);
  needOneKind(folder, files);
  const others = [...splits.keys()].filter((name) => name !== split);
  const left = others.length === 0 ? '' : `; not read: ${others.join(', ')}`;
  const part = subset === null ? `split ${split}` : `subset ${subset}, split ${split}`;
  const count = files.length === 1 ? '1 file' : `${files.length} files`;
  return { files, split, subset, notes: [`${part} of the folder was read (${count}${left})`] };
}

type Splits = Map<string, string[]>;

/** Paths below the folder, sorted; nothing hidden. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
    .sort();
}

function dataFilesOf(folder: string, all: readonly string[]): string[] {
  const files = all.filter((path) => DATA_FILE.test(path) && !DESCRIBES.test(basename(path)));
  if (files.length > 0) return files;
  if (all.some((path) => path.endsWith('.arrow'))) {
    throw inputError('arrow-folder', 'the folder was written by save_to_disk, as Arrow files', {
      file: folder,
      remedy: 'In Python: `datasets.load_from_disk(FOLDER)["train"].to_parquet("pairs.parquet")`.',
    });
  }
  throw inputError('no-data-files', 'there is no file of rows in the folder', {
    file: folder,
    need: '.jsonl, .json, .parquet, .csv or .tsv',
    got: all.slice(0, 5).join(', ') || 'an empty folder',
    remedy: 'Name the file, or a folder with such files.',
  });
}

/** JSON files that describe a dataset and hold none of its rows. */
const DESCRIBES = /^(dataset_infos?|state|dataset_dict|receipt|config)\.json$/;

/** Subsets by name with their splits, from the card; null where it names no files. */
function subsetsOfCard(folder: string, all: readonly string[]): Map<string | null, Splits> | null {
  const card = join(folder, 'README.md');
  if (!existsSync(card)) return null;
  const front = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(readFileSync(card, 'utf8'))?.[1];
  if (front === undefined) return null;
  const bad = (got: unknown, need: string, cause?: unknown) =>
    inputError('bad-card', 'the front matter of the card cannot be used', { file: card, got, need }, cause);
  let values: { configs?: unknown } | null;
  try {
    values = parseYaml(front) as { configs?: unknown } | null;
  } catch (error) {
    throw bad(error instanceof Error ? error.message.split('\n')[0] : String(error), 'valid YAML', error);
  }
  const configs = values?.configs;
  if (configs === undefined || configs === null) return null;
  if (!Array.isArray(configs)) throw bad(configs, 'a list under `configs`');
  const subsets = new Map<string | null, Splits>();
  for (const config of configs as { config_name?: unknown; data_files?: unknown; data_dir?: unknown }[]) {
    const name = config?.config_name;
    if (typeof name !== 'string') throw bad(config, 'a config_name in every config');
    const within = typeof config.data_dir === 'string' ? `${config.data_dir.replace(/\/$/, '')}/` : '';
    const here = all.filter((path) => path.startsWith(within));
    if (config.data_files === undefined) {
      subsets.set(name, splitsByName(folder, dataFilesOf(folder, here)));
      continue;
    }
    const entries = Array.isArray(config.data_files) ? config.data_files : [config.data_files];
    const splits: Splits = new Map();
    for (const entry of entries as (string | { split?: string; path?: unknown } | null)[]) {
      const { split = 'train', path } = typeof entry === 'string' ? { path: entry } : (entry ?? {});
      const patterns = (Array.isArray(path) ? path : [path]).map((pattern) => {
        if (typeof pattern === 'string') return pattern;
        throw bad(entry, 'a split and a path in every entry of data_files');
      });
      const found = here.filter((file) => patterns.some((pattern) => matches(`${within}${pattern}`, file)));
      if (found.length === 0) {
        throw inputError('no-data-files', 'the card names files that are not there', {
          file: card,
          got: patterns.join(', '),
          remedy: 'Fetch the whole dataset, or name a file of it.',
        });
      }
      splits.set(split, [...(splits.get(split) ?? []), ...found.map((file) => join(folder, file))]);
    }
    subsets.set(name, splits);
  }
  return subsets.size === 0 ? null : subsets;
}

/** Patterns of cards: `*` and `?` within a part of the path, `**` over parts. */
function matches(pattern: string, path: string): boolean {
  const source = pattern
    .replace(/^\.\//, '')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('?', '[^/]')
    .replaceAll(/\*\*\/?|\*/g, (stars) => (stars === '*' ? '[^/]*' : '.*'));
  return new RegExp(`^${source}$`).test(path);
}

/** Words of which one in a name makes it that split's. */
const KEYWORDS: readonly (readonly [word: RegExp, split: string])[] = [
  [/(^|[^a-z])(train|training)($|[^a-z])/i, 'train'],
  [/(^|[^a-z])(validation|valid|val|dev)($|[^a-z])/i, 'validation'],
  [/(^|[^a-z])(test|testing|eval|evaluation)($|[^a-z])/i, 'test'],
];

function splitsByName(folder: string, files: readonly string[]): Splits {
  const splits: Splits = new Map();
  for (const file of files) {
    const split = splitOfName(file);
    splits.set(split, [...(splits.get(split) ?? []), join(folder, file)]);
  }
  return splits;
}

function splitOfName(path: string): string {
  const sharded = /(?:^|\/)([\w.]+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.\w+$/.exec(path)?.[1];
  if (sharded !== undefined) return sharded;
  const parts = path.replace(DATA_FILE, '').split('/').reverse();
  for (const part of parts) {
    // `train_prefs` is a split of its own; of `my-train-pairs` only the word counts.
    const own = /^(train|test|validation)_\w+$/.exec(part);
    if (own !== null) return part;
    const keyword = KEYWORDS.find(([word]) => word.test(part));
    if (keyword !== undefined) return keyword[1];
  }
  return 'train';
}

function chooseSubset(folder: string, subsets: ReadonlyMap<string | null, Splits>, wanted: string | null) {
  const names = [...subsets.keys()].filter((name) => name !== null);
  if (wanted !== null) {
    if (subsets.has(wanted)) return wanted;
    throw inputError('no-such-subset', 'the folder has no such subset', {
      file: folder,
      got: wanted,
      need: names.join(', ') || 'none: its card names no subsets',
    });
  }
  if (subsets.size === 1) return [...subsets.keys()][0] ?? null;
  if (subsets.has('default')) return 'default';
  throw inputError('which-subset', 'the folder has several subsets', {
    file: folder,
    got: names.join(', '),
    remedy: `Choose one: --subset ${names[0]}, or \`subset: ${names[0]}\` in winnow.yaml.`,
  });
}

function chooseSplit(folder: string, names: readonly string[], wanted: string | null): string {
  const split =
    wanted ??
    ['train_prefs', 'train'].find((name) => names.includes(name)) ??
    (names.length === 1 ? names[0] : null);
  if (split != null && names.includes(split)) return split;
  if (wanted !== null) {
    throw inputError('no-such-split', 'the folder has no such split', {
      file: folder,
      got: wanted,
      need: names.join(', '),
    });
  }
  throw inputError('which-split', 'the folder has several splits, and none is train', {
    file: folder,
    got: names.join(', '),
    remedy: `Choose one: --split ${names[0]}, or \`split: ${names[0]}\` in winnow.yaml.`,
  });
}

/** A shard that was not fetched would be lost in silence. */
function needAllShards(files: readonly string[]): void {
  const shards = files.map((file) => /^(.*)-(\d{5})-of-(\d{5})(.*)$/.exec(file));
  for (const shard of shards) {
    if (shard === null) continue;
    const [, stem, , total] = shard;
    const present = new Set(
      shards
        .filter((other) => other?.[1] === stem && other?.[3] === total)
        .map((other) => Number(other?.[2])),
    );
    const missing = Array.from({ length: Number(total) }, (_, i) => i).find((i) => !present.has(i));
    if (missing === undefined) continue;
    throw inputError('missing-shard', 'a shard of the split is missing', {
      file: `${stem}-${String(missing).padStart(5, '0')}-of-${total}`,
      got: `${present.size} of ${Number(total)} shards`,
      remedy: 'Fetch the whole split, or name the files that are to be read by a pattern with *.',
    });
  }
}

function needOneKind(folder: string, files: readonly string[]): void {
  const kinds = new Set(
    files.map((file) => (DATA_FILE.exec(file)?.[1] ?? '').toLowerCase().replace('ndjson', 'jsonl')),
  );
  if (kinds.size <= 1) return;
  throw inputError('mixed-files', 'the split has files of several kinds', {
    file: folder,
    got: [...kinds].join(', '),
    remedy: 'Name one of the files, or a pattern such as data/*.jsonl.',
  });
}
