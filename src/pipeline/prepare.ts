import { join } from 'node:path';
import { inputError, machineError } from '../base/errors.ts';
import { readJsonLines, writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { type Checkpoint, openCheckpoint } from '../model/checkpoint.ts';
import { type HubOptions, modelFolder } from '../model/hub.ts';
import { loraTargets } from '../model/layer.ts';
import { refusedBy } from '../pairs/check.ts';
import { nearDuplicateKey } from '../pairs/keys.ts';
import type { Message, PreferencePair, RefusedRow, Text } from '../pairs/pair.ts';
import { type PairSet, type ReadPairsOptions, readPairs } from '../pairs/read.ts';
import { splitHeldOut } from '../pairs/split.ts';
import { type Config, requireKey } from '../run/config.ts';
import { checkRuleSet } from '../select/rule-matches.ts';
import { readRules } from '../select/rules.ts';
import { type PairLengths, type Strata, strataWithin } from '../select/strata.ts';
import { tokenizePairs, tokenizePrompts } from '../text/tokenize.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { loadTokenizer, type TextTokenizer } from '../text/tokenizer.ts';
import type { TruncationPolicy } from '../text/truncation.ts';
import { type AskedPrompt, writeTokens } from './inputs.ts';
import { openRunRewardModel, type RunRewardModel, rewardPromptTokens } from './reward-model.ts';
import { serverBase } from './server/settings.ts';
import { type StartAdapter, startAdapter } from './start.ts';
import { trlBase } from './trl/settings.ts';
import type { GenerationInputs, UnitBase } from './units.ts';

/** A pair that can be used, as the model sees it; its texts are in `pairs.jsonl` alone. */
export interface UsedPair {
  readonly tokens: TokenizedPair;
  readonly duplicateKey: string;
}

/** Everything that is known before any model runs. */
export interface Prepared {
  readonly config: Config;
  readonly checkpoint: Checkpoint;
  readonly start: StartAdapter | null;
  readonly tokenizer: TextTokenizer;
  readonly source: PairSet['source'];
  readonly read: number;
  readonly refused: readonly RefusedRow[];
  /** Pairs for difficulty, selection and training, in the order of the input. */
  readonly pool: readonly UsedPair[];
  readonly heldOut: readonly UsedPair[];
  /** Of the pool's pairs; null: the keep fraction is that of the whole pool. */
  readonly strata: Strata | null;
  readonly prompts: readonly AskedPrompt[];
  /** To choose the learning rate on; none: it is chosen by held-out loss. */
  readonly tuningPrompts: readonly AskedPrompt[];
  /** The judge of answers, where a reward model is. */
  readonly rewardModel: RunRewardModel | null;
  /** Of each prompt under the reward model; none without one. */
  readonly rewardPromptTokens: Readonly<Record<'evaluation' | 'tuning', readonly number[]>>;
  readonly promptsCut: number;
  readonly notes: readonly string[];
  readonly base: UnitBase;
}

export const PAIRS_FILE = 'pairs.jsonl';

/** What the user is told while a model comes from the hub, and while a reward model does. */
interface HubTalk extends Pick<HubOptions, 'onProgress' | 'onNote' | 'signal'> {
  readonly reward?: Pick<HubOptions, 'onProgress' | 'onNote' | 'signal'>;
}

/** Reads, checks, tokenises and splits the pairs; writes `pairs.jsonl`, `refused.jsonl` and the token file. */
export async function prepare(
  config: Config,
  runDir: string,
  { reward = {}, ...hub }: HubTalk = {},
): Promise<Prepared> {
  const modelDir = await modelFolder(requireKey(config, 'model'), { revision: config.revision, ...hub });
  const dataFile = requireKey(config, 'data');
  const checkpoint = openCheckpoint(modelDir);
  // Before any work: a layer that the model does not have would be told only when training starts.
  loraTargets(checkpoint.config, config.training.targets);
  needPrecision(config);
  const trl = trlBase(config, runDir);
  const server = serverBase(config);
  needAutoKeep(config);
  const start = startAdapter(config, checkpoint);
  const tokenizer = loadTokenizer(modelDir);
  const rewardModel = await openRunRewardModel(config, reward);
  const policy = truncationPolicy(config, checkpoint);
  const set = await readPairs(dataFile, pairOptions(config));
  const vocabSize = checkpoint.config.vocabSize;
  const tokenized = tokenizePairs(set.pairs, tokenizer, policy, { vocabSize });
  const refused = [...set.refused, ...tokenized.refused].sort((a, b) => a.row - b.row);
  const tokens = new Map(tokenized.rows.map((row) => [row.id, row]));
  const usable = set.pairs.filter(({ id }) => tokens.has(id));
  if (usable.length < 4)
    throw inputError('too-few-pairs', 'too few pairs of the file can be used', {
      file: dataFile,
      got: `${usable.length} of ${set.read} rows; refused: ${summary(refused)}`,
      need: 'at least 4',
      remedy:
        'Run `winnow check` on the file without a model to see what is in it; every refused row is told with how to mend it',
    });
  const split = splitHeldOut(usable, { share: config.evaluation.heldOut, seed: config.seed });
  if (split.heldOut.length === 0 || split.pool.length < 2)
    throw inputError('bad-held-out', 'these pairs cannot be split into a pool and held-out pairs', {
      got: `${split.pool.length} and ${split.heldOut.length} of ${usable.length} pairs`,
      need: 'at least 2 in the pool and 1 held out; pairs that share a prompt stay together',
      remedy: 'Give more pairs, or change evaluation.heldOut',
    });
  const used = (pair: PreferencePair): UsedPair => ({
    tokens: tokens.get(pair.id) as TokenizedPair,
    duplicateKey: nearDuplicateKey(pair),
  });
  const pool = split.pool.map(used);
  const heldOut = split.heldOut.map(used);
  // Before any work: a field that no pair has would be told only after scoring.
  const strata = strataWithin(config.selection.within, { pairs: split.pool, lengths: lengthsOf(pool) });
  const { rules } = config.selection;
  if (rules !== null) await checkRuleSet(readRules(rules), split.pool);
  const { prompts: file, tuningPrompts: tuningFile } = config.evaluation;
  const asPrompts = (texts: PromptTexts) => fitPrompts(config, texts, tokenizer, policy, vocabSize);
  const prompts = asPrompts(file === null ? promptsOfPairs(split.heldOut) : await readPromptFile(file));
  const tuningPrompts = tuningFile === null ? [] : asPrompts(await readPromptFile(tuningFile));
  const seen = new Set(prompts.map(({ text }) => text));
  const shared = tuningPrompts.find(({ text }) => seen.has(text));
  if (shared !== undefined)
    throw inputError('shared-prompt', 'a tuning prompt is an evaluation prompt too', {
      ...(tuningFile === null ? {} : { file: tuningFile }),
      got: shared.text,
      remedy: 'Take it out of one of the files: what is tuned on says nothing as evidence',
    });
  const promptTokens = (asked: readonly AskedPrompt[]) =>
    rewardModel === null ? [] : rewardPromptTokens(rewardModel, asked);
  const ofReward = { evaluation: promptTokens(prompts), tuning: promptTokens(tuningPrompts) };

  writeJsonLines(join(runDir, PAIRS_FILE), withRoles(usable, split.heldOut));
  writeJsonLines(join(runDir, 'refused.jsonl'), refused);
  const base = {
    modelDir,
    modelHash: checkpoint.hash,
    modelStamp: checkpoint.stamp,
    ...(start === null ? {} : { adapter: { dir: start.dir, hash: start.hash } }),
    tokens: writeTokens(runDir, tokenized.rows),
    ...(trl === undefined ? {} : { trl }),
    ...(server === undefined ? {} : { server }),
  };
  const notes = [
    ...set.notes,
    ...(tokenized.boundaryMerges > 0
      ? [
          `${tokenized.boundaryMerges} completions begin inside what the tokenizer would join to the prompt; they were encoded apart.`,
        ]
      : []),
    ...(tokenized.untemplated > 0 && tokenizer.chatTemplate !== null
      ? [
          `${tokenized.untemplated} pairs are plain text and were used as they stand, without the model's chat template.`,
        ]
      : []),
  ];
  const { promptsCut } = tokenized;
  return {
    config,
    checkpoint,
    start,
    tokenizer,
    source: set.source,
    read: set.read,
    refused,
    pool,
    heldOut,
    strata,
    prompts,
    tuningPrompts,
    rewardModel,
    rewardPromptTokens: ofReward,
    promptsCut,
    notes,
    base,
  };
}

/** Completion lengths in tokens, by id. */
export function lengthsOf(pairs: readonly UsedPair[]): ReadonlyMap<string, PairLengths> {
  return new Map(
    pairs.map(({ tokens: { id, chosen, rejected } }) => [
      id,
      { chosen: chosen.length, rejected: rejected.length },
    ]),
  );
}

/** Tokens of prompts and completions, by id. */
export function tokenCounts(pairs: readonly UsedPair[]) {
  return new Map(
    pairs.map(({ tokens: { id, prompt, chosen, rejected } }) => [
      id,
      { prompt: prompt.length, chosen: chosen.length, rejected: rejected.length },
    ]),
  );
}

/** Tokens that a pair takes in a row that shares its prompt, by id: what a budget counts. */
export function pairTokensOf(pairs: readonly UsedPair[]): ReadonlyMap<string, number> {
  return new Map(
    pairs.map(({ tokens: { id, prompt, chosen, rejected } }) => [
      id,
      prompt.length + chosen.length + rejected.length,
    ]),
  );
}

/** Weights are rounded to integers once: they must not change, and what multiplies integers fast is the CPU. */
function needPrecision({ difficulty: { precision }, device, training: { method } }: Config): void {
  if (precision === 'f32') return;
  const key = 'difficulty.precision';
  if (device !== 'cpu')
    throw inputError('precision-device', 'products of integers are computed on the CPU alone', {
      key,
      got: `${precision} with device ${device}`,
      remedy: 'Set device: cpu, or difficulty.precision: f32',
    });
  if (method === 'full')
    throw inputError('precision-full', 'products of integers are of frozen weights, and all are trained', {
      key,
      got: `${precision} with training.method ${method}`,
      remedy: 'Set training.method: lora, or difficulty.precision: f32',
    });
}

/**
 * `keepFraction: auto` is a comparison on prompts that no evaluation uses.
 * @throws inputError `auto-keep` where there is nothing to compare by.
 */
function needAutoKeep({ selection, evaluation, llmJudge }: Config): void {
  if (selection.keepFraction !== 'auto') return;
  const { judge, rewardModel, tuningPrompts } = evaluation;
  const isJudged = judge !== 'none' || rewardModel !== null || llmJudge.model !== null;
  if (isJudged && tuningPrompts !== null) return;
  throw inputError('auto-keep', 'keepFraction auto needs a judge and prompts to choose on', {
    key: 'selection.keepFraction',
    got: `judge ${judge}, rewardModel ${rewardModel}, llmJudge.model ${llmJudge.model}, tuningPrompts ${tuningPrompts}`,
    need: 'evaluation.judge, evaluation.rewardModel or llmJudge.model, and evaluation.tuningPrompts',
    remedy:
      'Give both, or a fraction: without a judge nothing tells whether leaving pairs out helps, and 1 keeps them all',
  });
}

function* withRoles(pairs: readonly PreferencePair[], heldOut: readonly PreferencePair[]) {
  const held = new Set(heldOut);
  for (const pair of pairs) yield { ...pair, role: held.has(pair) ? 'held-out' : 'pool' };
}

/** All usable pairs of a run, one at a time, from `pairs.jsonl`. */
export function usablePairs(runDir: string): Iterable<PreferencePair> {
  return parseLines<PreferencePair>(join(runDir, PAIRS_FILE));
}

/** The usable pairs with these ids, from `pairs.jsonl`. */
export function readUsable(runDir: string, ids: Iterable<string>): Map<string, PreferencePair> {
  const wanted = new Set(ids);
  const pairs = new Map<string, PreferencePair>();
  const path = join(runDir, PAIRS_FILE);
  for (const pair of parseLines<PreferencePair>(path)) if (wanted.has(pair.id)) pairs.set(pair.id, pair);
  if (pairs.size < wanted.size)
    throw machineError('pairs-changed', 'the run folder no longer has the pairs of this run', {
      file: path,
      need: `${wanted.size} pairs`,
      got: pairs.size,
      remedy: 'Give every configuration a run folder of its own, and run the same command again',
    });
  return pairs;
}

/** How the configured data is read. */
export function pairOptions(config: Config): ReadPairsOptions {
  const { format, split, subset, columns, ratings, seed, limit } = config;
  const options = { format, split, subset, columns, ratings: { ...ratings, seed } };
  return limit === null ? options : { ...options, limit };
}

/** The configured lengths, within what the model can see. */
function truncationPolicy(config: Config, checkpoint: Checkpoint): TruncationPolicy {
  const maxLength = Math.min(config.text.maxLength, checkpoint.config.maxPositions);
  return {
    maxLength,
    maxPromptLength: Math.min(config.text.maxPromptLength, maxLength - 1),
    onLong: config.text.onLong,
    limitedByModel: checkpoint.config.maxPositions <= config.text.maxLength,
  };
}

/** Prompts by their text, each once, in order. */
type PromptTexts = ReadonlyMap<string, { readonly id: string; readonly prompt: Text }>;

function promptsOfPairs(pairs: readonly PreferencePair[]): PromptTexts {
  const texts = new Map<string, { id: string; prompt: Text }>();
  for (const pair of pairs) {
    const key = JSON.stringify(pair.prompt);
    if (!texts.has(key)) texts.set(key, { id: pair.id, prompt: pair.prompt });
  }
  return texts;
}

async function readPromptFile(file: string): Promise<PromptTexts> {
  const texts = new Map<string, { id: string; prompt: Text }>();
  for await (const { line, value } of readJsonLines<{ prompt?: unknown } | null>(file)) {
    const prompt = value?.prompt;
    if (typeof prompt !== 'string' && !isMessages(prompt))
      throw inputError('bad-prompt', 'a line without a prompt', {
        file,
        line,
        got: value,
        need: '{"prompt": text or list of messages}',
      });
    texts.set(JSON.stringify(prompt), { id: `prompt-${line}`, prompt });
  }
  return texts;
}

function isMessages(value: unknown): value is Message[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item?.role === 'string' && typeof item?.content === 'string')
  );
}

/** Prompts as tokens, with room left for the answer. */
function fitPrompts(
  config: Config,
  texts: PromptTexts,
  tokenizer: TextTokenizer,
  policy: TruncationPolicy,
  vocabSize: number,
): AskedPrompt[] {
  const { maxPrompts, maxNewTokens } = config.evaluation;
  const maxLength = Math.max(2, policy.maxLength - maxNewTokens);
  const maxPromptLength = Math.min(policy.maxPromptLength, maxLength - 1);
  const room = { maxLength, maxPromptLength, onLong: 'cut-prompt-start' as const };
  const asked = [...texts.values()].slice(0, maxPrompts);
  const shown = new Map(asked.map(({ id, prompt }) => [id, prompt]));
  return tokenizePrompts(asked, tokenizer, room, { vocabSize }).rows.map(({ id, prompt }) => {
    const asked = shown.get(id) as Text;
    const text = typeof asked === 'string' ? asked : JSON.stringify(asked);
    return { id, text, tokens: [...prompt], prompt: asked };
  });
}

function summary(refused: readonly RefusedRow[]): string {
  return (
    Object.entries(refusedBy(refused))
      .map(([cause, n]) => `${n} ${cause}`)
      .join(', ') || 'none'
  );
}

/** How answers are generated, for the units that do it. */
export function generationInputs({ config, checkpoint, tokenizer }: Prepared): GenerationInputs {
  const { maxNewTokens, temperature, topP } = config.evaluation;
  const stopIds = [...new Set([...checkpoint.config.eosTokenIds, tokenizer.eosId])];
  return { maxNewTokens, temperature, topP, seed: config.seed, stopIds, tokenizerHash: tokenizer.hash };
}
