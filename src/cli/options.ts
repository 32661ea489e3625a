import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { inputError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { type Config, loadConfig } from '../run/config.ts';

/** Flags that every verb of the way of the data takes. */
export interface CommonFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly set?: readonly string[];
  readonly [flag: string]: unknown;
}

/** Flags that stand for keys of the configuration: [flag, key, text]. `--set KEY=VALUE` reaches all others. */
const KEY_FLAGS = [
  [
    '--model <dir>',
    'model',
    'folder of the model (config.json, tokenizer.json, safetensors), or org/name on the hub',
  ],
  ['--revision <name>', 'revision', 'branch, tag or commit of a model on the hub (default: main)'],
  [
    '--data <path>',
    'data',
    'preference pairs: JSONL, JSON, CSV, TSV or Parquet, or a folder of Hugging Face or LLaMA-Factory',
  ],
  ['--format <name>', 'format', 'format of the pairs (default: found out)'],
  ['--split <name>', 'split', 'split of a dataset folder (default: train_prefs or train)'],
  ['--subset <name>', 'subset', 'subset of a dataset folder'],
  [
    '--columns <names>',
    'columns',
    'other names of columns, as the format calls them=as they are here: prompt=question,chosen=good',
  ],
  ['--ratings <rule>', 'ratings.pairs', 'pairs of rated answers: best-worst (default), best-random or all'],
  ['--limit <n>', 'limit', 'read at most n rows'],
  ['--out <dir>', 'out', 'run folder: made, or continued (default: winnow-run)'],
  ['--seed <n>', 'seed', 'seed of all randomness (default: 42)'],
  ['--keep <fraction>', 'selection.keepFraction', 'share of the pairs to keep, or auto (default: 0.5)'],
  ['--direction <name>', 'selection.direction', 'easiest, hardest, middle or random (default: easiest)'],
  ['--band <low,high>', 'selection.band', 'quantiles of difficulty between which all pairs are kept'],
  [
    '--within <strata>',
    'selection.within',
    'keep the same share of each: none (default), length or meta.FIELD',
  ],
  ['--rules <file>', 'selection.rules', 'rules that keep, drop or put pairs before a person (docs/rules.md)'],
  ['--scorer <name>', 'difficulty.scorer', 'what orders the pairs (default: validation-loss)'],
  ['--scores-file <path>', 'difficulty.scoresFile', 'file of scores or run folder, for --scorer file'],
  ['--folds <k>', 'difficulty.folds', 'parts of the cross-fit (default: 2)'],
  ['--seeds <r>', 'difficulty.seeds', 'repeats of the cross-fit (default: 1; the paper: 3)'],
  ['--checkpoints <c>', 'difficulty.checkpoints', 'evaluations of a scoring run (default: 1, at its end)'],
  ['--precision <name>', 'difficulty.precision', 'of scoring passes: f32 (default), int16 or int8'],
  ['--adapter <dir>', 'training.adapter', 'LoRA adapter of the model to go on from'],
  ['--method <name>', 'training.method', 'lora or full (default: lora)'],
  ['--beta <number>', 'training.beta', 'β of DPO (default: 0.01)'],
  ['--learning-rate <rates>', 'training.learningRate', 'a rate, several to choose from, or auto (default)'],
  ['--batch-size <n>', 'training.batchSize', 'pairs a step, or auto (default)'],
  ['--epochs <n>', 'training.epochs', 'passes over the pairs (default: 1)'],
  ['--max-length <n>', 'text.maxLength', 'most tokens of prompt and completion (default: 1024)'],
  [
    '--arms <names>',
    'arms',
    'what is compared (default: selected,full,random,hardest,easiest-shuffled; also length-matched,shortest)',
  ],
  [
    '--reward-model <dir>',
    'evaluation.rewardModel',
    'reward model that judges answers: a folder, or org/name on the hub',
  ],
  [
    '--llm-judge <name>',
    'llmJudge.model',
    'language model that judges answers, at an OpenAI-compatible server; prices and budget: --set llmJudge.…',
  ],
  ['--training-seeds <n>', 'trainingSeeds', 'trainings of each arm, with consecutive seeds (default: 1)'],
  ['--lang <code>', 'language', 'language of the report: en, ja or auto (default)'],
  ['--engine <name>', 'engine', 'embedded (default) or trl'],
  [
    '--executor <kind>',
    'executor.kind',
    'where workers run: local (default), slurm, ray or command; its own keys: --set executor.…',
  ],
  ['--workers <n>', 'workers', 'processes side by side, or auto (default)'],
  ['--device <name>', 'device', 'cpu (default), webgpu or auto'],
  ['--memory-gb <n>', 'memoryGB', 'memory of all workers, 10⁹ bytes, or auto (default)'],
  ['--threads <n>', 'threads', 'threads of each process, or auto (default)'],
] as const;

/** Adds the flags of the way of the data to a verb. */
export function withRunFlags(command: Command): Command {
  command.option('--config <file>', 'winnow.yaml with any of the keys (flags win over it)');
  for (const [flag, key, text] of KEY_FLAGS) command.option(flag, `${text} [${key}]`);
  command.option('--set <key=value>', 'any other key of the configuration; may be repeated', collect, []);
  return withTalkFlags(command);
}

export function withTalkFlags(command: Command): Command {
  return command.option('--json', 'data as JSON on stdout').option('--quiet', 'no progress');
}

/** A flag's whole number. */
export function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw inputError('bad-number', `--${name} must be a whole number of at least ${least}`, { got: text });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** File in a run folder that holds its configuration with every default filled in. */
const SAVED = 'winnow.yaml';

/**
 * The configuration of a verb: `--config`, or what the run folder was last used with (where neither a
 * configuration nor a model or data file is named), then the flags.
 */
export function configOf(flags: CommonFlags): Config {
  const overrides: Record<string, unknown> = {};
  for (const [flag, key] of KEY_FLAGS) {
    const name = camelCase(flag.slice(2).split(' ', 1)[0] as string);
    if (flags[name] !== undefined) overrides[key] = flags[name];
  }
  for (const assignment of flags.set ?? []) {
    const at = assignment.indexOf('=');
    if (at < 1)
      throw inputError('bad-set', '--set takes KEY=VALUE', {
        got: assignment,
        remedy: 'For example --set text.onLong=refuse',
      });
    overrides[assignment.slice(0, at)] = assignment.slice(at + 1);
  }
  if (flags.config !== undefined) return loadConfig(resolve(flags.config), overrides);
  const saved = join(resolve((flags.out as string | undefined) ?? 'winnow-run'), SAVED);
  const fresh = flags.model !== undefined || flags.data !== undefined;
  return loadConfig(!fresh && existsSync(saved) ? saved : null, { out: resolve('winnow-run'), ...overrides });
}

/** Keeps the configuration in the run folder, for the verbs that come later. */
export function saveConfig(config: Config): void {
  writeFileAtomic(
    join(config.out, SAVED),
    `# Written by winnow: the configuration this run was last used with.\n${stringify(config)}`,
  );
}

/** The name under which commander gives a flag: `learning-rate` → `learningRate`. */
export function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
