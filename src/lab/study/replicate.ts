import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseLines } from '../../base/own-lines.ts';
import { deriveSeed } from '../../base/random.ts';
import type { Answer } from '../../evaluate/answers.ts';
import type { PreferencePair } from '../../pairs/pair.ts';
import { execute, type StageContext, type StageCost } from '../../pipeline/execute.ts';
import { type LogProbRow, readReference, writeIds, writePrompts } from '../../pipeline/inputs.ts';
import { generationInputs, type Prepared, prepare, readUsable } from '../../pipeline/prepare.ts';
import { type Scored, score } from '../../pipeline/stages.ts';
import { answersUnit, type Hyper, referenceUnit, trialUnit } from '../../pipeline/units.ts';
import { VERSION } from '../../pipeline/version.ts';
import { loadConfig } from '../../run/config.ts';
import { resultFile, type UnitResult } from '../../run/done.ts';
import { openRun } from '../../run/folder.ts';
import { weighsTokens } from '../../train/losses.ts';
import { labJudge } from '../gold.ts';
import type { LabPairMeta, WorldConfig } from '../world.ts';
import { ANSWER_TOKENS, makeWorldFiles, type WorldFiles } from '../world-files.ts';

/** Settings of a world without its seed, and the name that tables call it by. */
export interface NamedWorld extends Omit<WorldConfig, 'seed'> {
  readonly name: string;
}

/** How much of everything a replicate has; the full study's and the quick one's. */
export interface Scale {
  /** Pairs, of which a tenth is held out. */
  readonly pairs: number;
  readonly evaluationPrompts: number;
  readonly tuningPrompts: number;
}

export interface ReplicateOptions {
  readonly world: NamedWorld;
  readonly scale: Scale;
  /** The base model that is trained. */
  readonly modelDir: string;
  /** The base model whose answers are among the world's. */
  readonly authorDir: string;
  /** Of pairs, prompts, splits and orders: two replicates share nothing but, maybe, the base model. */
  readonly seed: number;
  /** auto: chosen for the arm of all pairs, on the tuning prompts. */
  readonly learningRate: number | 'auto';
  readonly beta: number;
  readonly difficultySeeds?: number;
  readonly checkpoints?: number;
}

/** A world of its own pairs, scored by the product's own way, in an ordinary run folder. */
export interface Replicate {
  readonly prepared: Prepared;
  readonly scored: Scored;
  readonly world: WorldFiles;
  /** Of the pool, by id. */
  readonly pairs: ReadonlyMap<string, LabPair>;
  readonly start: readonly Answer[];
  /** Of the held-out pairs, under the start model. */
  readonly reference: ReadonlyMap<string, LogProbRow>;
}

export interface LabPair extends Omit<PreferencePair, 'meta'> {
  readonly meta: LabPairMeta;
}

/** A training to be judged: what is unlike the other arms stands here. */
export interface LabArm {
  readonly name: string;
  /** 0, 1, …: trainings of one name differ in the order of their pairs (and in the draw, where pairs are drawn). */
  readonly order: number;
  /** In training order; shuffled where there is a seed. */
  readonly ids: readonly string[];
  readonly shuffleSeed: number | null;
  /** Hyper-parameters that differ from the replicate's. */
  readonly hyper?: Partial<Hyper>;
}

export interface ArmTrial {
  readonly arm: LabArm;
  readonly answers: readonly Answer[];
  readonly heldOut: readonly LogProbRow[];
  /** Mean training loss of each step, nats. */
  readonly losses: readonly number[];
}

/** What every run of the lab has in common (β, batch and full-parameter training are the first study's). */
export const LAB_TRAINING = { 'training.method': 'full', 'training.batchSize': 32 } as const;
export const LAB_BETA = 0.1;
/** Answers are drawn from the model as it is: greedy ones show any leaning of style as all of it. */
export const LAB_TEMPERATURE = 1;

/** Makes the world's files, and scores its pairs. */
export async function openReplicate(context: StageContext, options: ReplicateOptions): Promise<Replicate> {
  const { scale, seed, modelDir, authorDir } = options;
  const { name, ...settings } = options.world;
  mkdirSync(context.runDir, { recursive: true });
  openRun(context.runDir, { create: true, version: VERSION, command: `winnow lab: ${name}` });
  const world = await makeWorldFiles(context, {
    ...scale,
    modelDir: authorDir,
    world: { ...settings, seed },
  });
  const config = loadConfig(null, {
    ...LAB_TRAINING,
    model: modelDir,
    data: world.pairsFile,
    out: context.runDir,
    seed,
    workers: 1,
    threads: 1,
    // Orders that a learning rate is tried with; the lab's arms have orders of their own.
    trainingSeeds: 3,
    'training.beta': options.beta,
    'training.learningRate': options.learningRate,
    'difficulty.seeds': options.difficultySeeds ?? 2,
    'difficulty.checkpoints': options.checkpoints ?? 1,
    'evaluation.heldOut': 0.1,
    'evaluation.prompts': world.promptsFile,
    'evaluation.tuningPrompts': world.tuningFile,
    'evaluation.maxPrompts': Math.max(scale.evaluationPrompts, scale.tuningPrompts),
    'evaluation.maxNewTokens': ANSWER_TOKENS,
    'evaluation.temperature': LAB_TEMPERATURE,
    'evaluation.judge': labJudge.name,
  });
  const prepared = await prepare(config, context.runDir);
  const scored = await score(prepared, context);
  const pairs = readUsable(
    context.runDir,
    prepared.pool.map(({ tokens }) => tokens.id),
  );
  const costs: StageCost[] = [];
  const unit = answersUnit(prepared.base, null, allPrompts(prepared), generationInputs(prepared));
  const [started] = await execute(prepared, context, 'Answers of the start model', [unit], costs);
  return {
    prepared,
    scored,
    world,
    pairs: new Map([...pairs].map(([id, pair]) => [id, labPair(pair)])),
    start: answersIn(started as UnitResult),
    reference: readReference(
      resultFile(scored.reference, 'log-probs.jsonl'),
      prepared.heldOut.map(({ tokens }) => tokens.id),
    ),
  };
}

/** A pair of the lab as it was read back: the world's columns have become its meta. */
function labPair(pair: PreferencePair): LabPair {
  const { family, flipped } = pair.meta;
  if (typeof family !== 'string' || typeof flipped !== 'boolean')
    throw new Error(`not a pair of the lab: ${pair.id}`);
  return { ...pair, meta: pair.meta as unknown as LabPairMeta };
}

/** Trains and judges arms; equal ones once. */
export async function tryArms(
  context: StageContext,
  { prepared, scored }: Replicate,
  arms: readonly LabArm[],
): Promise<ArmTrial[]> {
  const { base, heldOut, config } = prepared;
  const held = writeIds(
    context.runDir,
    heldOut.map(({ tokens }) => tokens.id),
  );
  const prompts = allPrompts(prepared);
  const generation = generationInputs(prepared);
  const references = await referencesFor(context, prepared, arms, scored);
  const specs = arms.map(({ ids, shuffleSeed, hyper }) =>
    trialUnit(base, references(hyper), {
      hyper: { ...scored.hyper, ...hyper },
      seed: config.seed,
      order: writeIds(context.runDir, ids),
      shuffleSeed,
      heldOut: held,
      prompts,
      generation,
    }),
  );
  const results = await execute(prepared, context, 'Training and judging arms', specs, []);
  return arms.map((arm, i) => {
    const result = results[i] as UnitResult;
    return {
      arm,
      answers: answersIn(result),
      heldOut: [...parseLines<LogProbRow>(resultFile(result, 'log-probs.jsonl'))],
      losses: [...parseLines<number>(resultFile(result, 'losses.jsonl'))],
    };
  });
}

/** The reference pass of an arm: with log-probabilities by token where its loss weighs tokens. */
async function referencesFor(
  context: StageContext,
  prepared: Prepared,
  arms: readonly LabArm[],
  scored: Scored,
): Promise<(hyper: LabArm['hyper']) => UnitResult> {
  const weighing = arms
    .map(({ hyper }) => hyper?.loss)
    .find((loss) => loss !== undefined && weighsTokens(loss));
  if (weighing === undefined) return () => scored.reference;
  const unit = referenceUnit(prepared.base, { loss: weighing });
  const [byToken] = await execute(prepared, context, 'Reference log-probabilities by token', [unit], []);
  return (hyper) =>
    hyper?.loss !== undefined && weighsTokens(hyper.loss) ? (byToken as UnitResult) : scored.reference;
}

/** A seed of a replicate for one use. */
export function seedOf({ prepared }: Replicate, use: string): number {
  return deriveSeed(prepared.config.seed, 'lab', use);
}

const TUNING = 'tuning-';

/** Whether an answer is to a prompt of the tuning part. */
export function isTuning({ id }: Pick<Answer, 'id'>): boolean {
  return id.startsWith(TUNING);
}

/** Prompts of the evaluation and of the tuning part together: what is judged on one may be chosen on the other. */
function allPrompts({ config, prompts, tuningPrompts }: Prepared) {
  const tuning = tuningPrompts.map((prompt) => ({ ...prompt, id: `${TUNING}${prompt.id}` }));
  return writePrompts(join(config.out), [...prompts, ...tuning]);
}

function answersIn(result: UnitResult): Answer[] {
  return [...parseLines<Answer>(resultFile(result, 'answers.jsonl'))];
}
