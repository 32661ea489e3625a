import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { inputError } from '../../base/errors.ts';
import { writeError, writeFileAtomic } from '../../base/files.ts';
import { sha256 } from '../../base/hash.ts';
import { readJson, writeJson, writeJsonLines } from '../../base/json.ts';
import { writeParquetRows } from '../../pairs/write-parquet.ts';
import { axolotlFiles } from './axolotl.ts';
import { card, dataFileOf, exportRows, needWholeCharacters, ofOneKind } from './dataset.ts';
import { llamaFactoryFiles } from './llama-factory.ts';
import { openRlhfFiles } from './openrlhf.ts';
import { readRunArm } from './run-pairs.ts';
import type { TrainerFiles, TrainerInput } from './trainer.ts';
import { trlFiles } from './trl.ts';

const TRAINERS: Readonly<Record<TrainerName, (input: TrainerInput) => TrainerFiles>> = {
  trl: trlFiles,
  'llama-factory': llamaFactoryFiles,
  axolotl: axolotlFiles,
  openrlhf: openRlhfFiles,
};

export type TrainerName = 'trl' | 'llama-factory' | 'axolotl' | 'openrlhf';

export const TRAINER_NAMES = Object.keys(TRAINERS) as readonly TrainerName[];

export interface ExportOptions {
  /** The run folder. */
  readonly run: string;
  /** The folder to make; an earlier export there is replaced, anything else is left alone. */
  readonly to: string;
  /** Default: jsonl. */
  readonly as?: 'jsonl' | 'parquet';
  /** Default: all trainers. */
  readonly trainers?: readonly TrainerName[];
  /** Default: selected. With several training seeds the name has the seed: `random-42`. */
  readonly arm?: string;
}

/** What was written. */
export interface Exported {
  readonly folder: string;
  readonly arm: string;
  readonly pairs: number;
  /** Within the folder, sorted. */
  readonly files: readonly string[];
  /** How to train with each trainer, in the folder. */
  readonly commands: Readonly<Record<string, string>>;
  /** What a trainer cannot do, and what was changed. */
  readonly notes: readonly string[];
}

/**
 * Writes the selection of a run (or another arm of it) in training order, as a folder that Hugging Face `datasets`
 * loads, with its receipt and with files to train on it elsewhere. The folder appears whole or not at all; the same
 * run gives the same bytes.
 * @throws input error `export-exists` where the folder holds something else; those of `readRunArm`.
 */
export async function exportRun(options: ExportOptions): Promise<Exported> {
  const { as = 'jsonl', trainers = TRAINER_NAMES, arm = 'selected' } = options;
  const to = resolve(options.to);
  needFreeFolder(to);
  const run = readRunArm(options.run, arm);
  const { pairs, messages, notes: changed } = ofOneKind(run.pairs, run.chatTemplate);
  needWholeCharacters(pairs);
  const input = { config: run.config, hyper: run.hyper, pairs, dataFile: dataFileOf(as), as, messages };
  const made = trainers.map((name) => [name, TRAINERS[name](input)] as const);
  const notes = [...changed, ...weightNotes(run.receipt), ...made.flatMap(([, { notes }]) => notes)];
  const commands = Object.fromEntries(made.map(([name, { command }]) => [name, command]));
  const ids = sha256(pairs.map(({ id }) => `${id}\n`).join(''));
  const receipt = { ...run.receipt, export: { arm, pairs: pairs.length, ids, as } };
  const partial = `${to}.partial`;
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(join(partial, 'data'), { recursive: true });
    const dataFile = join(partial, dataFileOf(as));
    if (as === 'jsonl') writeJsonLines(dataFile, exportRows(pairs));
    else await writeParquetRows(dataFile, exportRows(pairs));
    for (const [path, content] of made.flatMap(([, { files }]) => Object.entries(files))) {
      const file = join(partial, path);
      mkdirSync(dirname(file), { recursive: true });
      if (typeof content === 'string') writeFileAtomic(file, content);
      else writeJsonLines(file, content());
    }
    writeFileAtomic(
      join(partial, 'README.md'),
      card({
        run: { ...run, pairs },
        as,
        receipt,
        commands: Object.values(commands),
        notes: [...new Set(notes)],
      }),
    );
    writeJson(join(partial, RECEIPT), receipt);
    moveFolder(partial, to);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw writeError(to, error);
  }
  return {
    folder: to,
    arm,
    pairs: pairs.length,
    files: filesBelow(to),
    commands,
    notes: [...new Set(notes)],
  };
}

const RECEIPT = 'receipt.json';

function needFreeFolder(to: string): void {
  if (!existsSync(to)) return;
  if (statSync(to).isDirectory() && (readdirSync(to).length === 0 || isExport(to))) return;
  throw inputError('export-exists', 'something else is here', {
    file: to,
    need: 'no folder, an empty one, or an earlier export',
    remedy: 'Choose another folder with --to.',
  });
}

function isExport(folder: string): boolean {
  const file = join(folder, RECEIPT);
  if (!existsSync(file)) return false;
  const receipt = readJson(file) as { export?: unknown } | null;
  return typeof receipt?.export === 'object';
}

/** An earlier export makes way only when the new one is whole. */
function moveFolder(partial: string, to: string): void {
  const old = `${to}.old`;
  rmSync(old, { recursive: true, force: true });
  const before = existsSync(to);
  if (before) renameSync(to, old);
  try {
    renameSync(partial, to);
  } catch (error) {
    if (before) renameSync(old, to);
    throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}

/** Weights that rules give to pairs are the embedded engine's. */
function weightNotes({ rules }: Readonly<Record<string, unknown>>): string[] {
  const { coverage = [] } = (rules ?? {}) as {
    coverage?: readonly { readonly action: string; readonly name: string; readonly matched: number }[];
  };
  const weighing = coverage.filter(({ action, matched }) => action === 'weight' && matched > 0);
  if (weighing.length === 0) return [];
  return [
    `Rules weigh pairs (${weighing.map(({ name }) => name).join(', ')}), and none of these trainers has weights of pairs: there all count alike`,
  ];
}
