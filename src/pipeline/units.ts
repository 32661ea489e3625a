import type { Json } from '../base/hash.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import type { UnitSpec } from '../run/unit.ts';
import { type LossName, weighsTokens } from '../train/losses.ts';
import type { InputFile } from './inputs.ts';
import { ENGINE, SERVER_ENGINE, TRL_ENGINE } from './version.ts';

/**
 * Hyper-parameters of DPO with nothing left to be found out. What only corrected losses have is left out where it does
 * nothing: units of plain DPO are known by what they were known by before there was anything else.
 */
export type Hyper = Omit<
  Config['training'],
  'learningRate' | 'batchSize' | 'targets' | 'adapter' | 'lossAlpha' | 'lossBeta' | 'anchorWeight'
> & {
  readonly targets: readonly string[];
  readonly learningRate: number;
  readonly batchSize: number;
  readonly loss: LossName;
  readonly lossAlpha?: number;
  readonly lossBeta?: number;
  readonly anchorWeight?: number;
};

/** What all units of a run share. */
export interface UnitBase {
  readonly modelDir: string;
  readonly modelHash: string;
  /** `Checkpoint.stamp` when it was hashed: spares workers the reading of all weights. */
  readonly modelStamp?: string;
  /** The adapter that belongs to the start model, if there is one. */
  readonly adapter?: { readonly dir: string; readonly hash: string };
  readonly tokens: InputFile;
  /** Left out: the embedded engine. */
  readonly trl?: TrlBase;
  /** Left out: the engine answers. */
  readonly server?: ServerBase;
}

/** A model server that answers in the engine's place. */
export interface ServerBase {
  /** Whether it gives log-probabilities of the reference pass and of held-out pairs too. */
  readonly scoring: boolean;
  /** Address, name of the model and the like: where the server is, which is no part of what a unit is known by. */
  readonly settings: string;
}

/** The engine trl: what it computes in is part of what a unit is known by, how it runs is not. */
export interface TrlBase {
  readonly dtype: 'bfloat16' | 'float32';
  /** File of section `trl` and its like. */
  readonly settings: string;
}

function unit(
  kind: string,
  base: UnitBase,
  inputs: Record<string, Json>,
  files: Record<string, InputFile>,
  places: Record<string, string> = {},
): UnitSpec {
  const hashes = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, file.hash]));
  const paths = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, file.path]));
  const engine = engineFor(kind, base);
  return {
    kind,
    inputs: {
      ...engine.inputs,
      model: base.modelHash,
      ...(base.adapter === undefined ? {} : { adapter: base.adapter.hash }),
      tokens: base.tokens.hash,
      ...hashes,
      ...inputs,
    },
    places: {
      ...engine.places,
      model: base.modelDir,
      ...(base.modelStamp === undefined ? {} : { modelStamp: base.modelStamp }),
      ...(base.adapter === undefined ? {} : { adapter: base.adapter.dir }),
      tokens: base.tokens.path,
      ...paths,
      ...places,
    },
  };
}

/** Who does this kind of work, and where it is told how. */
function engineFor(
  kind: string,
  { trl, server }: UnitBase,
): { readonly inputs: Record<string, Json>; readonly places: Record<string, string> } {
  if (server !== undefined && (kind === 'answers' || (server.scoring && SCORED_BY_SERVER.has(kind))))
    return { inputs: { engine: SERVER_ENGINE }, places: { server: server.settings } };
  if (trl === undefined) return { inputs: { engine: ENGINE }, places: {} };
  return { inputs: { engine: TRL_ENGINE, dtype: trl.dtype }, places: { engine: trl.settings } };
}

const SCORED_BY_SERVER: ReadonlySet<string> = new Set(['reference', 'held-out']);

/** Where both sides of a comparison must be the engine's own. */
export function withoutServer({ server: _, ...base }: UnitBase): UnitBase {
  return base;
}

function withoutTrl({ trl: _, ...base }: UnitBase): UnitBase {
  return base;
}

type ScoringPrecision = Config['difficulty']['precision'];

/** What a unit is known by where its products are not plain ones. */
function inPrecision(precision: ScoringPrecision): Record<string, Json> {
  return precision === 'f32' ? {} : { precision };
}

/**
 * Log-probabilities of all pairs under the start model: π_ref of every training and, in the precision of scoring, of
 * the scores. Output `log-probs.jsonl`; with those of every token where the loss of the training weighs tokens.
 */
export function referenceUnit(
  base: UnitBase,
  { precision = 'f32', loss = 'sigmoid' }: { precision?: ScoringPrecision; loss?: LossName } = {},
): UnitSpec {
  const byToken = weighsTokens(loss) ? { byToken: true } : {};
  return unit('reference', base, { ...inPrecision(precision), ...byToken }, {});
}

/** The reference pass of training, and that in the precision of scoring: the rounding is then in both of its sides. */
export interface References {
  readonly training: UnitResult;
  readonly scoring: UnitResult;
}

export interface ScoringInputs {
  readonly hyper: Hyper;
  readonly seed: number;
  readonly part: number;
  readonly checkpoints: number;
  readonly precision: ScoringPrecision;
  readonly trainOn: InputFile;
  readonly score: InputFile;
}

/** A scoring run of the cross-fit. Output `scores.jsonl` (ScoreRow), `steps.jsonl`. */
export function scoringUnit(base: UnitBase, references: References, run: ScoringInputs): UnitSpec {
  const { hyper, seed, part, checkpoints, precision, trainOn, score } = run;
  const { training, scoring } = references;
  const inputs = {
    reference: training.id,
    training: hyper,
    seed,
    part,
    checkpoints,
    ...inPrecision(precision),
  };
  const places = {
    reference: resultFile(training, 'log-probs.jsonl'),
    scoringReference: resultFile(scoring, 'log-probs.jsonl'),
  };
  return unit('scoring', base, inputs, { trainOn, score }, places);
}

export interface ArmInputs {
  readonly hyper: Hyper;
  readonly seed: number;
  /** Ids in training order. */
  readonly order: InputFile;
  /** What each pair's loss counts, in the order of the ids; left out where all count 1. */
  readonly weights?: InputFile;
  readonly shuffleSeed: number | null;
}

/** DPO training of an arm. Output `adapter/…` (LoRA) or `model/…` (full), `steps.jsonl`, `order.jsonl`. */
export function trainingUnit(base: UnitBase, reference: UnitResult, arm: ArmInputs): UnitSpec {
  const { hyper, seed, order, weights, shuffleSeed } = arm;
  const inputs = { reference: reference.id, training: hyper, seed, shuffleSeed };
  const files = { order, ...(weights === undefined ? {} : { weights }) };
  return unit('training', base, inputs, files, { reference: resultFile(reference, 'log-probs.jsonl') });
}

/** Log-probabilities of held-out pairs under a trained arm. Output `log-probs.jsonl`. */
export function heldOutUnit(base: UnitBase, trained: UnitResult, rows: InputFile): UnitSpec {
  return unit('held-out', base, { trained: trained.id }, { rows }, { trained: trained.dir });
}

export type GenerationInputs = Pick<Config['evaluation'], 'maxNewTokens' | 'temperature' | 'topP'> & {
  readonly seed: number;
  readonly stopIds: readonly number[];
  readonly tokenizerHash: string;
};

/** Answers of a trained arm, or of the start model. Output `answers.jsonl` (Answer). */
export function answersUnit(
  base: UnitBase,
  trained: UnitResult | null,
  prompts: InputFile,
  generation: GenerationInputs,
): UnitSpec {
  return unit(
    'answers',
    // Answers do not depend on the pairs. They are a server's, or the embedded engine's, which reads what any engine has trained.
    { ...withoutTrl(base), tokens: prompts },
    { trained: trained?.id ?? null, generation: { ...generation, stopIds: [...generation.stopIds] } },
    {},
    { tokenizer: base.modelDir, ...(trained === null ? {} : { trained: trained.dir }) },
  );
}

/** Rewards of conversations, given as tokens of the reward model. Output `rewards.jsonl` (RewardRow). */
export function rewardsUnit(
  { dir, hash }: { readonly dir: string; readonly hash: string },
  conversations: InputFile,
): UnitSpec {
  return unit('rewards', { modelDir: dir, modelHash: hash, tokens: conversations }, {}, {});
}

export interface TrialInputs extends ArmInputs {
  readonly heldOut: InputFile;
  readonly prompts: InputFile;
  readonly generation: GenerationInputs;
}

/**
 * An arm that is trained to be judged and not to be kept, in one process: outputs `answers.jsonl` (Answer),
 * `log-probs.jsonl` of the held-out pairs and `losses.jsonl` (a number a step); no weights.
 */
export function trialUnit(base: UnitBase, reference: UnitResult, trial: TrialInputs): UnitSpec {
  const { hyper, seed, order, shuffleSeed, heldOut, prompts, generation } = trial;
  return unit(
    'trial',
    base,
    {
      reference: reference.id,
      training: hyper,
      seed,
      shuffleSeed,
      generation: { ...generation, stopIds: [...generation.stopIds] },
    },
    { order, heldOut, prompts },
    { reference: resultFile(reference, 'log-probs.jsonl'), tokenizer: base.modelDir },
  );
}
