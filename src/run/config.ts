import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { inputError, type WinnowError } from '../base/errors.ts';
import { isHubId } from '../base/hub-id.ts';
import { checkScorer, checkSelection } from './checks.ts';
import { type Config, configSchema } from './schema.ts';
import { type Place, readSource, type Section, type Source } from './source.ts';
import { configKeys, nearestKey, type SchemaNode, typeInWords } from './words.ts';

export type { Config } from './schema.ts';
export { configJsonSchema, explainConfig } from './words.ts';

/**
 * The configuration of a run: `winnow.yaml` (or none), then `overrides` from the command line by dotted key
 * (`training.beta`), whose texts are read as YAML and whose lists may be written with commas. Relative paths
 * are relative to the file's folder (an `out` by default too), those of overrides to the working folder.
 *
 * @throws inputError `config-…` with file, line, key, what was found and what is needed.
 */
export function loadConfig(file: string | null, overrides: Readonly<Record<string, unknown>> = {}): Config {
  const source: Source =
    file === null ? { values: {}, placeOf: () => ({ file: 'command line' }) } : readSource(file);
  const values = source.values;
  const given = new Set<string>();
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const node = configKeys().get(key);
    if (node === undefined || node.properties !== undefined) throw unknownKey(key, { file: 'command line' });
    given.add(key);
    override(values, key.split('.'), fromFlag(value, node));
  }

  const checked = configSchema.safeParse(values);
  if (!checked.success) throw firstFault(checked.error.issues, values, source, given);
  const config = checked.data;
  const text = promptLength(config, values, source);
  checkJudge(config, source, given);
  const placeOf = (key: string) =>
    given.has(key) ? { file: 'command line' } : source.placeOf(key.split('.'));
  checkSelection(config, placeOf);
  checkScorer(config, placeOf);
  checkLossAlpha(
    config,
    given.has('training.lossAlpha') ? { file: 'command line' } : source.placeOf(['training', 'lossAlpha']),
  );
  const base = file === null ? process.cwd() : dirname(resolve(file));
  const fileOf = (key: string, path: string) => resolve(given.has(key) ? process.cwd() : base, path);
  // A hub's name for a model stays a name, unless there is such a folder.
  const modelOf = (key: string, path: string) => {
    const found = fileOf(key, path);
    return isHubId(path) && !existsSync(found) ? path : found;
  };
  const place = (key: 'model' | 'data' | 'out') => {
    const path = config[key];
    if (path === null) return null;
    return key === 'model' ? modelOf(key, path) : fileOf(key, path);
  };
  const within = (key: 'prompts' | 'tuningPrompts') => {
    const path = config.evaluation[key];
    return path === null ? null : fileOf(`evaluation.${key}`, path);
  };
  const { rewardModel } = config.evaluation;
  const evaluation = {
    ...config.evaluation,
    prompts: within('prompts'),
    tuningPrompts: within('tuningPrompts'),
    rewardModel: rewardModel === null ? null : modelOf('evaluation.rewardModel', rewardModel),
  };
  const chosen = (key: 'rules' | 'decisions') => {
    const path = config.selection[key];
    return path === null ? null : fileOf(`selection.${key}`, path);
  };
  const selection = { ...config.selection, rules: chosen('rules'), decisions: chosen('decisions') };
  const { scoresFile } = config.difficulty;
  const difficulty = {
    ...config.difficulty,
    scoresFile: scoresFile === null ? null : fileOf('difficulty.scoresFile', scoresFile),
  };
  const { adapter } = config.training;
  const training = {
    ...config.training,
    adapter: adapter === null ? null : fileOf('training.adapter', adapter),
  };
  return {
    ...config,
    text,
    training,
    selection,
    difficulty,
    evaluation,
    model: place('model'),
    data: place('data'),
    out: place('out') ?? base,
  };
}

/** `model` or `data`, which have no default: an error that says how to give it where it is missing. */
export function requireKey(config: Config, key: 'model' | 'data'): string {
  const value = config[key];
  if (value !== null) return value;
  throw inputError('config-missing-key', `${key} is not given`, {
    need: configKeys().get(key)?.description,
    remedy: `Write \`${key}: PATH\` into winnow.yaml, or add --${key} PATH`,
  });
}

function override(values: Section, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    values[key] = value;
    return;
  }
  values[key] ??= {};
  // A section that is no section is left for the check to complain about.
  if (typeof values[key] === 'object') override(values[key] as Section, rest, value);
}

/** A flag's text as the value that the key takes: `0.5` a number, `a,b` a list, a path as it is. */
function fromFlag(value: unknown, node: SchemaNode): unknown {
  const kinds = [node, ...(node.anyOf ?? [])];
  if (Array.isArray(value)) return value.map((item) => fromFlag(item, node.items ?? {}));
  if (
    typeof value !== 'string' ||
    kinds.some(({ type, enum: e, const: c }) => isText(type) && !e && c === undefined)
  ) {
    return value;
  }
  const scalar = (text: string): unknown => {
    try {
      return parseYaml(text) as unknown;
    } catch {
      return text;
    }
  };
  // A map is written as YAML, or as `name=value,name=value`.
  if (node.type === 'object' && /^[^{]*=/.test(value)) {
    const pairs = value.split(',').map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    });
    return Object.fromEntries(pairs) as Record<string, string>;
  }
  const parsed = scalar(value);
  if (!kinds.some(({ type }) => type === 'array') || Array.isArray(parsed)) return parsed;
  const named = kinds.some(({ enum: e, const: c }) => c === parsed || e?.includes(parsed as string));
  const oneText =
    typeof parsed === 'string' && !named && kinds.some(({ items }) => items && isText(items.type));
  return value.includes(',') || node.type === 'array' || oneText
    ? value.split(',').map((part) => scalar(part.trim()))
    : parsed;
}

function isText(type: SchemaNode['type']): boolean {
  return [type].flat().includes('string');
}

/** The paper's 512 of 1024 is also what a shorter text gets at most: half. */
function promptLength(config: Config, values: Section, source: Source): Config['text'] {
  const { maxLength, maxPromptLength } = config.text;
  if ((values.text as Section | undefined)?.maxPromptLength === undefined) {
    return { ...config.text, maxPromptLength: Math.min(maxPromptLength, Math.floor(maxLength / 2)) };
  }
  if (maxPromptLength < maxLength) return config.text;
  throw inputError('config-value', 'text.maxPromptLength leaves no room for a completion', {
    ...source.placeOf(['text', 'maxPromptLength']),
    key: 'text.maxPromptLength',
    need: `less than text.maxLength, which is ${maxLength}`,
    got: maxPromptLength,
    remedy: 'Lower it, or leave it out: then it is at most half of text.maxLength',
  });
}

/** One judge a run: a win rate is one judge's. */
function checkJudge({ evaluation, llmJudge }: Config, source: Source, given: ReadonlySet<string>): void {
  const judges = [
    ['evaluation.judge', evaluation.judge === 'none' ? null : evaluation.judge],
    ['evaluation.rewardModel', evaluation.rewardModel],
    ['llmJudge.model', llmJudge.model],
  ].filter((judge): judge is [string, string] => judge[1] !== null);
  const [, second] = judges;
  if (second !== undefined)
    throw inputError('config-value', 'there are two judges, and a win rate is of one', {
      ...placeIn(second[0], source, given),
      key: second[0],
      need: 'evaluation.judge, evaluation.rewardModel or llmJudge.model',
      got: judges.map(([key, name]) => `${key}: ${name}`).join(', '),
      remedy: 'Leave one of them out, and compare two judges by two run folders',
    });
  const { priceIn, priceOut, budgetUsd } = llmJudge;
  if ((priceIn === null) === (priceOut === null) && (budgetUsd === null || priceIn !== null)) return;
  const key = priceIn === null ? 'llmJudge.priceIn' : 'llmJudge.priceOut';
  throw inputError('config-value', 'a price has two parts, and a budget needs both', {
    ...placeIn(key, source, given),
    key,
    need: 'llmJudge.priceIn and llmJudge.priceOut, USD for a million tokens',
    got: `priceIn ${priceIn}, priceOut ${priceOut}, budgetUsd ${budgetUsd}`,
    remedy: 'Give both, as the price list has them',
  });
}

function placeIn(key: string, source: Source, given: ReadonlySet<string>): Place {
  return given.has(key) ? { file: 'command line' } : source.placeOf(key.split('.'));
}

/** `lossAlpha` means what the loss makes of it, and nothing where the loss has none. */
function checkLossAlpha({ training: { loss, lossAlpha, lossBeta } }: Config, place: Place): void {
  if (lossBeta !== null && loss !== 'simpo')
    throw inputError('config-value', `training.lossBeta means nothing to the loss ${loss}`, {
      ...place,
      key: 'training.lossBeta',
      got: lossBeta,
      need: null,
      remedy: 'Leave it out (the loss takes training.beta), or set training.loss to simpo',
    });
  if (lossAlpha === null || loss === 'r-dpo' || loss === 'simpo') return;
  const isShare = loss === 'cdpo' || loss === 'robust';
  if ((loss === 'ld-dpo' && lossAlpha <= 1) || (isShare && lossAlpha < 0.5)) return;
  const fields = { ...place, key: 'training.lossAlpha', got: lossAlpha };
  if (loss === 'ld-dpo')
    throw inputError('config-value', 'training.lossAlpha is a weight with the loss ld-dpo', {
      ...fields,
      need: 'a number from 0 to 1',
      remedy: 'Lower it, or leave it out for the default, 0.5',
    });
  if (isShare)
    throw inputError('config-value', `training.lossAlpha is a share of wrong labels with the loss ${loss}`, {
      ...fields,
      need: 'a number from 0 to less than 0.5',
      remedy: 'Lower it, or leave it out for the default, 0.1',
    });
  throw inputError('config-value', `training.lossAlpha means nothing to the loss ${loss}`, {
    ...fields,
    need: null,
    remedy: 'Leave it out, or set training.loss to ld-dpo, r-dpo, cdpo, robust or simpo',
  });
}

function firstFault(
  issues: readonly z.core.$ZodIssue[],
  values: Section,
  source: Source,
  given: ReadonlySet<string>,
): WinnowError {
  const faults = issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        unknownKey([...issue.path, key].join('.'), source.placeOf(issue.path, key)),
      );
    }
    return [wrongValue(issue, values, source, given)];
  });
  faults.sort((a, b) => (a.fields.line ?? 0) - (b.fields.line ?? 0));
  const [first, ...others] = faults as [WinnowError, ...WinnowError[]];
  if (others.length > 0) first.message += `\n${others.map(({ message }) => message).join('\n')}`;
  return first;
}

function wrongValue(
  issue: z.core.$ZodIssue,
  values: Section,
  source: Source,
  given: ReadonlySet<string>,
): WinnowError {
  let path = issue.path;
  while (path.length > 0 && !configKeys().has(path.join('.'))) path = path.slice(0, -1);
  const key = path.join('.');
  const node = configKeys().get(key) ?? {};
  const got = issue.path.reduce<unknown>(
    (value, part) => (value as Section | undefined)?.[String(part)],
    values,
  );
  const what = issue.code === 'custom' ? `${key} ${issue.message}` : `${key} cannot have this value`;
  const fallback =
    node.properties === undefined ? `, or leave it out for the default, ${JSON.stringify(node.default)}` : '';
  return inputError('config-value', what, {
    ...(given.has(key) ? { file: 'command line' } : source.placeOf(issue.path)),
    key,
    need: typeInWords(node),
    got,
    remedy: `Change it${fallback}. ${key}: ${node.description ?? ''}`,
  });
}

function unknownKey(key: string, place: Place): WinnowError {
  const meant = nearestKey(key);
  const section = key.includes('.') ? key.slice(0, key.lastIndexOf('.') + 1) : '';
  const known = [...configKeys().keys()].filter(
    (name) => name.startsWith(section) && !name.slice(section.length).includes('.'),
  );
  return inputError('config-unknown-key', 'there is no such key', {
    ...place,
    key,
    got: key,
    remedy:
      meant === null
        ? `The keys here are ${known.map((name) => name.slice(section.length)).join(', ')}`
        : `Did you mean ${meant}?`,
  });
}
