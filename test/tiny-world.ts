import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { Random } from '../src/base/random.ts';
import type { ScoreRow } from '../src/difficulty/scores.ts';
import {
  initCheckpoint,
  type LlamaShape,
  llamaConfig,
  rewardConfig,
  type Weight,
  writeCheckpoint,
} from '../src/model/checkpoint.ts';
import { CHATML, tinyFiles } from '../src/text/tiny.fixture.ts';

/** The command as a user runs it. */
export const CLI = join(import.meta.dirname, '..', 'dist', 'cli.mjs');

/** A decoder of 37,000 parameters over the bytes and five special tokens of `tinyFiles`. */
export const TINY_DECODER: LlamaShape = {
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  vocabSize: 261,
  maxPositions: 96,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  tieWordEmbeddings: false,
  bosTokenId: 256,
  eosTokenIds: [257],
};

/** A fresh folder that goes when the test file is through; WINNOW_KEEP_TMP=1 leaves it to be looked at. */
export function scratch(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `winnow-${name}-`));
  afterAll(() => {
    if (process.env.WINNOW_KEEP_TMP !== '1') rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  return dir;
}

export function tinyWeights(): Map<string, Weight> {
  const weights = initCheckpoint(llamaConfig(TINY_DECODER), 5);
  // The usual start is so small that every answer is about as likely as any other; tests want differences.
  for (const [name, { data }] of weights)
    if (!name.includes('norm')) for (let i = 0; i < data.length; i++) data[i] = 6 * (data[i] as number);
  return weights;
}

/** Writes a whole model folder: random weights, tokenizer, configuration. */
export function writeModel(dir: string, weights: ReadonlyMap<string, Weight> = tinyWeights()): string {
  writeCheckpoint(dir, llamaConfig(TINY_DECODER), weights);
  const { tokenizer, config } = tinyFiles();
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(dir, 'tokenizer_config.json'), JSON.stringify(config));
  return dir;
}

/** Writes the folder of a random reward model with the same decoder and tokenizer, and with a chat template. */
export function writeRewardModel(dir: string, seed = 9): string {
  const config = rewardConfig(llamaConfig(TINY_DECODER), 257);
  const weights = initCheckpoint(config, seed);
  for (const [name, { data }] of weights)
    if (!name.includes('norm')) for (let i = 0; i < data.length; i++) data[i] = 6 * (data[i] as number);
  writeCheckpoint(dir, config, weights);
  const { tokenizer, config: settings } = tinyFiles({ chatTemplate: CHATML });
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(dir, 'tokenizer_config.json'), JSON.stringify(settings));
  return dir;
}

export interface Texts {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** What every run of the tiny world refuses, by cause. */
export const REFUSED = { 'identical-sides': 1, 'empty-chosen': 1, duplicate: 1 };

/**
 * 60 plain pairs, then four label conflicts (the same two answers, preferred the other way round), four variants
 * in white space and case, four pairs on prompts that stand above, and three rows that no model can learn from.
 */
export function tinyPairs(seed = 1): Texts[] {
  const random = new Random(seed, 'tiny pairs');
  const words = ['ash', 'bay', 'cob', 'dew', 'elm', 'fir', 'gum', 'hay', 'ivy', 'jam', 'kelp', 'lime'];
  const some = (count: number) => Array.from({ length: count }, () => random.pick(words)).join(' ');
  const plain = Array.from({ length: 60 }, (_, i): Texts => {
    // Half of the labels follow a rule that can be learnt; the others are noise.
    const [good, bad] = [` ${some(1 + random.integer(2))}!`, ` ${some(1 + random.integer(3))}`];
    const [chosen, rejected] = random.uniform() < 0.75 ? [good, bad] : [bad, good];
    return { prompt: `${i} ${some(2)}?`, chosen, rejected };
  });
  const at = (i: number) => plain[i] as Texts;
  const conflicts = [3, 11, 19, 27].map((i) => ({
    prompt: at(i).prompt,
    chosen: at(i).rejected,
    rejected: at(i).chosen,
  }));
  const variants = [5, 13, 21, 29].map((i) => ({
    prompt: at(i).prompt.replace(' ', '  ').toUpperCase(),
    chosen: `${at(i).chosen} `,
    rejected: at(i).rejected,
  }));
  const siblings = [7, 15, 23, 31].map((i) => ({
    prompt: at(i).prompt,
    chosen: ` ${some(2)}.`,
    rejected: ` ${some(3)};`,
  }));
  return [
    ...plain.slice(0, 30),
    { prompt: 'same?', chosen: ' a', rejected: ' a' },
    ...conflicts,
    { prompt: 'empty?', chosen: ' ', rejected: ' a' },
    ...variants,
    at(0),
    ...siblings,
    ...plain.slice(30),
  ];
}

export function writeRows(file: string, rows: readonly unknown[]): string {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

export interface World {
  readonly dir: string;
  readonly model: string;
  readonly data: string;
}

/** A model and its pairs in a scratch folder. */
export function tinyWorld(name: string): World {
  const dir = scratch(name);
  return {
    dir,
    model: writeModel(join(dir, 'model')),
    data: writeRows(join(dir, 'pairs.jsonl'), tinyPairs()),
  };
}

export interface RunOptions {
  readonly out: string;
  readonly arms?: string;
  readonly seeds?: number;
  readonly workers?: number;
  readonly threads?: number;
  readonly more?: readonly string[];
}

/** The arguments of a verb on the tiny world: few short steps, cross-fit 2 × 2, LoRA of rank 4. */
export function argumentsOf(verb: string, { model, data }: World, options: RunOptions): string[] {
  const { out, arms, seeds = 2, workers = 2, threads = 1, more = [] } = options;
  const lists = arms === undefined ? [] : ['--arms', arms];
  const sizes = `--learning-rate 0.01 --batch-size 4 --seeds ${seeds} --workers ${workers} --threads ${threads}`;
  const keys = 'training.rank=4 training.beta=0.5 evaluation.maxNewTokens=5 evaluation.maxPrompts=6';
  return [
    ...[verb, '--model', model, '--data', data, '--out', out, '--seed', '7', ...lists],
    ...[...sizes.split(' '), ...keys.split(' ').flatMap((key) => ['--set', key]), ...more],
  ];
}

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Live {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** In a process group of its own, as a shell starts a job. */
  readonly group?: boolean;
  /** As another user (root only). */
  readonly uid?: number;
  readonly cwd?: string;
}

const live = new Set<ChildProcess>();
afterAll(() => {
  for (const child of live) child.kill('SIGKILL');
});

/** Starts the command line and gathers what it says. */
export function start(args: readonly string[], options: StartOptions = {}): Live {
  const { env = {}, group = false, uid, cwd } = options;
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: group,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  live.add(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += String(text);
  });
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      live.delete(child);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { process: child, ended };
}

export function winnow(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

/** As `winnow`, for a command that must succeed. */
export async function winnowOk(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  const ended = await winnow(args, options);
  if (ended.code !== 0) throw new Error(`exit ${ended.code ?? ended.signal}: ${ended.stderr}`);
  return ended;
}

export function readText(...path: readonly string[]): string {
  return readFileSync(join(...path), 'utf8');
}

/** The rows of a JSONL file. */
export function readRows<T>(...path: readonly string[]): T[] {
  const text = readText(...path);
  if (text !== '' && !text.endsWith('\n')) throw new Error(`${join(...path)}: the last line is cut short`);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);
}

export function readScores(out: string): ScoreRow[] {
  return readRows<ScoreRow>(out, 'scores.jsonl');
}

/** Folders of the units of a run, of one kind or all; sorted. */
export function unitsOf(out: string, kind = ''): string[] {
  const units = join(out, 'units');
  if (!existsSync(units)) return [];
  return readdirSync(units)
    .filter((name) => name.startsWith(kind))
    .sort()
    .map((name) => join(units, name));
}

export function isDone(unit: string): boolean {
  return existsSync(join(unit, 'DONE.json'));
}

/** What a run has finished: the attempt, inode and time of each unit's record. */
export function stateOf(run: string): Record<string, string> {
  return Object.fromEntries(
    unitsOf(run)
      .filter(isDone)
      .map((unit) => {
        const { ino, mtimeMs } = statSync(join(unit, 'DONE.json'));
        const attempts = readdirSync(join(unit, 'attempts')).join();
        return [basename(unit), `${attempts} ${ino} ${mtimeMs}`];
      }),
  );
}

/** Waits until `test` gives something; fails loudly rather than for ever. */
export async function until<T>(what: string, test: () => T | null | undefined | false): Promise<T> {
  const givenUpMs = Date.now() + 60_000;
  for (;;) {
    const found = test();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > givenUpMs) throw new Error(`never seen: ${what}`);
    await sleep(5);
  }
}

export function makeFolder(...path: readonly string[]): string {
  const dir = join(...path);
  mkdirSync(dir, { recursive: true });
  return dir;
}
