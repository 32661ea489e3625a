import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import type { DatasetChoice } from './dataset-folder.ts';
import {
  alpacaRule,
  LLAMA_FACTORY_COLUMNS,
  LLAMA_FACTORY_TAGS,
  type LlamaFactoryColumns,
  type LlamaFactoryTags,
  sharegptRule,
} from './format-llama-factory.ts';
import type { FormatRule } from './format-rule.ts';
import { isRow, type Row } from './shape.ts';

const INFO = 'dataset_info.json';

/** Whether the folder is one of LLaMA-Factory: `save_to_disk` writes a dataset_info.json too, without datasets in it. */
export function hasLlamaFactoryInfo(folder: string): boolean {
  const file = join(folder, INFO);
  if (!existsSync(file)) return false;
  const info = readJson(file);
  return isRow(info) && Object.values(info).some(isEntry);
}

function isEntry(value: unknown): value is Row {
  return isRow(value) && ['file_name', 'hf_hub_url', 'script_url', 'ms_hub_url'].some((key) => key in value);
}

/**
 * The dataset of a LLaMA-Factory folder: the one that `subset` names, else the only one with `ranking: true` (of those
 * whose file is there, where some are); its columns and tags are read as the entry says.
 * @throws input error `which-subset`, `no-such-subset`, `no-ranking`, `file-missing`, `bad-dataset-info`.
 */
export function llamaFactorySource(folder: string, { subset, split }: DatasetChoice) {
  const file = join(folder, INFO);
  const info = readJson(file) as Row;
  const all = Object.keys(info).filter((name) => isRow(info[name]) && info[name].ranking === true);
  // LLaMA-Factory's own file names many datasets that lie on hubs.
  const here = all.filter((name) => isHere(folder, info[name]));
  const ranking = here.length > 0 ? here : all;
  const name = subset ?? (ranking.length === 1 ? ranking[0] : undefined);
  if (name === undefined) {
    const what =
      ranking.length === 0 ? 'no dataset here has preferences' : 'several datasets here have preferences';
    throw inputError(ranking.length === 0 ? 'no-ranking' : 'which-subset', what, {
      file,
      need: 'a dataset with `ranking: true`',
      got: (ranking.length === 0 ? Object.keys(info) : ranking).join(', '),
      remedy: ranking.length === 0 ? 'Name a file of pairs.' : `Choose one: --subset ${ranking[0]}.`,
    });
  }
  const entry = info[name];
  if (!isRow(entry)) {
    throw inputError('no-such-subset', 'there is no such dataset here', {
      file,
      got: name,
      need: ranking.join(', '),
    });
  }
  if (entry.ranking !== true) {
    throw inputError('no-ranking', 'this dataset has no preferences', {
      file,
      got: name,
      need: '`ranking: true` in its entry',
    });
  }
  if (split != null) {
    throw inputError('no-splits', 'the datasets of LLaMA-Factory have no splits', { file, got: split });
  }
  const rule = ruleOf(entry, file, name);
  return {
    files: filesOf(folder, entry, file),
    deciding: [file],
    notes: [`dataset ${name} of ${INFO} was read, its columns as it says`],
    split: null,
    subset: name,
    format: { name: `llama-factory ${entry.formatting === 'sharegpt' ? 'sharegpt' : 'alpaca'}`, rule },
  };
}

function isHere(folder: string, entry: unknown): boolean {
  return isRow(entry) && typeof entry.file_name === 'string' && existsSync(join(folder, entry.file_name));
}

function filesOf(folder: string, { file_name: fileName }: Row, info: string): string[] {
  const path = typeof fileName === 'string' ? join(folder, fileName) : null;
  if (path === null || !existsSync(path)) {
    throw inputError('file-missing', 'the file of the dataset is not in the folder', {
      file: info,
      got: fileName ?? 'no file_name',
      remedy: 'Download the file into the folder, and name it under file_name.',
    });
  }
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => join(path, name));
}

function ruleOf(entry: Row, file: string, name: string): FormatRule {
  // LLaMA-Factory: once columns or tags are given, those that are not named are none.
  const columns = named<LlamaFactoryColumns>(entry.columns, LLAMA_FACTORY_COLUMNS, (key) => key);
  const tags = named<LlamaFactoryTags>(entry.tags, LLAMA_FACTORY_TAGS, (key) => `${key}_tag`);
  const bad = (need: string) =>
    inputError('bad-dataset-info', 'the entry of the dataset is not whole', { file, got: name, need });
  if (columns.chosen == null || columns.rejected == null) throw bad('columns chosen and rejected');
  switch (entry.formatting ?? 'alpaca') {
    case 'alpaca':
      if (columns.prompt == null) throw bad('a column prompt');
      return alpacaRule(columns);
    case 'sharegpt':
    case 'openai':
      if (columns.messages == null) throw bad('a column messages');
      if (tags.role == null || tags.content == null || tags.user == null || tags.assistant == null) {
        throw bad('role_tag, content_tag, user_tag and assistant_tag under tags, where tags are given');
      }
      return sharegptRule(columns, tags);
    default:
      throw bad('formatting alpaca or sharegpt');
  }
}

function named<T extends { readonly [K in keyof T]: string | null }>(
  given: unknown,
  defaults: T,
  keyOf: (key: string) => string,
): T {
  if (!isRow(given)) return defaults;
  return Object.fromEntries(
    Object.keys(defaults).map((key) => {
      const value = given[keyOf(key)];
      return [key, typeof value === 'string' ? value : null];
    }),
  ) as T;
}
