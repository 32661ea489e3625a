import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { writeError } from '../base/files.ts';
import { hashOfList, type Json, sha256 } from '../base/hash.ts';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { aggregate } from '../difficulty/aggregate.ts';
import { type CrossFitItem, crossFitPlan } from '../difficulty/cross-fit.ts';
import { type Reliability, reliability } from '../difficulty/reliability.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import type { Answer, GradedAnswer } from '../evaluate/answers.ts';
import { modelName } from '../model/hub.ts';
import type { PreferencePair } from '../pairs/pair.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { type ArmName, type ArmPlan, planArm } from '../select/arms.ts';
import type { AutoKeep } from '../select/auto-keep.ts';
import { type KeepOptions, keep } from '../select/keep.ts';
import { ledger } from '../select/ledger.ts';
import { firstWithin } from '../select/quota.ts';
import { strataCounts } from '../select/strata.ts';
import { totalSteps } from '../train/optimise.ts';
import { execute, runMemory, type StageContext, type StageCost } from './execute.ts';
import { type LogProbRow, readReference, writeIds, writePrompts } from './inputs.ts';
import { judgeAnswers, needRewardMemory } from './judging.ts';
import { keepShare, nominalShare } from './keep-share.ts';
import { chooseLearningRate, type TriedRates } from './learning-rate.ts';
import { generationInputs, lengthsOf, type Prepared, readUsable } from './prepare.ts';
import { needMemory } from './resources.ts';
import { type SelectionSideEffects, writeSideEffects } from './side-effects.ts';
import { fixedHyper } from './start.ts';
import { answersUnit, type Hyper, heldOutUnit, referenceUnit, scoringUnit, trainingUnit } from './units.ts';
import { VERSION } from './version.ts';

export interface Scored {
  readonly hyper: Hyper;
  readonly reference: UnitResult;
  readonly learningRates: TriedRates | null;
  readonly scores: readonly ScoreRow[];
  readonly difficulties: readonly DifficultyRow[];
  readonly reliability: Reliability;
  readonly costs: readonly StageCost[];
}

export interface Selected {
  /** The share that was kept, and how. */
  readonly options: KeepOptions;
  /** How the share was chosen; null where it was given. */
  readonly auto: AutoKeep | null;
  /** In training order. */
  readonly kept: readonly DifficultyRow[];
  /** Largest difficulty kept. */
  readonly threshold: number;
  /** What the selection did to the data, and what the dropped pairs look like. */
  readonly sideEffects: SelectionSideEffects;
  readonly costs: readonly StageCost[];
}

export interface TrainedArm {
  readonly plan: ArmPlan;
  readonly result: UnitResult;
  readonly steps: number;
}

export interface Trained {
  readonly arms: readonly TrainedArm[];
  readonly costs: readonly StageCost[];
}

export interface Evaluated {
  /** By arm and seed, in the order of `Trained.arms`. */
  readonly arms: readonly {
    readonly arm: TrainedArm;
    readonly heldOut: readonly LogProbRow[];
    readonly answers: readonly Answer[];
    /** Of the answers, in their order; null where there is no judge. */
    readonly graded: readonly GradedAnswer[] | null;
  }[];
  readonly start: { readonly answers: readonly Answer[]; readonly graded: readonly GradedAnswer[] | null };
  /** Conversations whose prompt lost its start to fit into the judge's context. */
  readonly promptsCut: number;
  /** Of the held-out pairs under the start model. */
  readonly reference: ReadonlyMap<string, LogProbRow>;
  readonly costs: readonly StageCost[];
}

/** Reference log-probabilities, learning rate, cross-fit; writes `scores.jsonl`, `difficulty.jsonl`, `reliability.json`. */
export async function score(prepared: Prepared, context: StageContext): Promise<Scored> {
  const { config, base, pool, strata } = prepared;
  needMemory(config, runMemory(prepared));
  if (prepared.rewardModel !== null) needRewardMemory(prepared, prepared.rewardModel);
  const costs: StageCost[] = [];
  const { folds, seeds, checkpoints, precision } = config.difficulty;
  const passes = [
    referenceUnit(base, { loss: config.training.loss }),
    ...(precision === 'f32' ? [] : [referenceUnit(base, { precision })]),
  ];
  const title = 'Reference log-probabilities';
  const [reference, rounded = reference] = (await execute(prepared, context, title, passes, costs)) as [
    UnitResult,
    UnitResult?,
  ];
  const references = { training: reference, scoring: rounded };
  const items: CrossFitItem[] = pool.map(({ tokens, duplicateKey }) => ({ id: tokens.id, duplicateKey }));
  const plan = crossFitPlan(items, { folds, seeds, firstSeed: config.seed });
  const ids = (places: readonly number[]) =>
    writeIds(
      context.runDir,
      places.map((place) => (items[place] as CrossFitItem).id),
    );
  const inputs = plan.map((run) => ({ run, trainOn: ids(run.trainOn), score: ids(run.score) }));
  const unitFor = ({ run, trainOn, score: held }: (typeof inputs)[number], hyper: Hyper) =>
    scoringUnit(base, references, {
      hyper,
      seed: run.seed,
      part: run.part,
      checkpoints,
      precision,
      trainOn,
      score: held,
    });

  const fixed = fixedHyper(config, prepared.checkpoint, prepared.start, pool.length);
  const scoringRun = (hyper: Hyper) => unitFor(inputs[0] as (typeof inputs)[number], hyper);
  const run = { prepared, context, reference, costs };
  const { learningRate, rates } = await chooseLearningRate(run, fixed, scoringRun);
  const hyper: Hyper = { ...fixed, learningRate };
  const fewestSteps = Math.min(...plan.map((item) => totalSteps(item.trainOn.length, hyper)));
  if (checkpoints > fewestSteps)
    throw inputError('too-many-checkpoints', 'a scoring run has fewer steps than checkpoints', {
      got: `${fewestSteps} steps, ${checkpoints} checkpoints`,
      remedy: 'Lower difficulty.checkpoints or training.batchSize, or give more pairs',
    });

  const results = await execute(
    prepared,
    context,
    'Scoring runs',
    inputs.map((input) => unitFor(input, hyper)),
    costs,
  );
  const scores = results
    .flatMap((result) => [...parseLines<ScoreRow>(resultFile(result, 'scores.jsonl'))])
    .sort((a, b) => a.row - b.row || a.seed - b.seed || a.checkpoint - b.checkpoint);
  const difficulties = aggregate(scores);
  const agreement = reliability(scores, {
    beta: hyper.beta,
    keepFraction: nominalShare(config),
    kept: (order, count) => firstWithin(order, count, strata),
  });
  writeJsonLines(join(context.runDir, 'scores.jsonl'), scores);
  writeJsonLines(join(context.runDir, 'difficulty.jsonl'), difficulties);
  const { agreement: _, ...summary } = agreement;
  writeJson(join(context.runDir, 'reliability.json'), summary);
  return {
    hyper,
    reference,
    learningRates: rates,
    scores,
    difficulties,
    reliability: agreement,
    costs,
  };
}

/**
 * Selection with its ledger and receipt: `selection/selected.jsonl`, `ledger.jsonl`, `receipt.json`; and what it did:
 * `labels.jsonl` of the dropped pairs, `effects.json`.
 */
export async function select(prepared: Prepared, scored: Scored, context: StageContext): Promise<Selected> {
  const { config, heldOut, refused, base, source, strata } = prepared;
  const costs: StageCost[] = [];
  const { options, auto } = await keepShare(prepared, scored, context, costs);
  const kept = keep(scored.difficulties, options, strata);
  const threshold = kept.reduce(
    (most, { difficulty }) => Math.max(most, difficulty),
    Number.NEGATIVE_INFINITY,
  );
  const folder = join(context.runDir, 'selection');
  mkdirSync(folder, { recursive: true });
  const keptIds = kept.map(({ id }) => id);
  const pairs = readUsable(context.runDir, keptIds);
  writeJsonLines(
    join(folder, 'selected.jsonl'),
    kept.map(({ id, difficulty, rank }) => {
      const { prompt, chosen, rejected, meta, row } = pairs.get(id) as PreferencePair;
      return { id, row, difficulty, rank, prompt, chosen, rejected, meta };
    }),
  );
  const held = heldOut.map(({ tokens: { id, row } }) => ({ id, row }));
  writeJsonLines(
    join(folder, 'ledger.jsonl'),
    ledger({ difficulties: scored.difficulties, kept, heldOut: held, refused, options, strata }),
  );
  writeJson(join(folder, 'receipt.json'), {
    version: VERSION,
    data: { ...source, rowsRead: prepared.read },
    model: { name: modelName(base.modelDir), dir: base.modelDir, hash: base.modelHash },
    tokens: base.tokens.hash,
    training: scored.hyper,
    difficulty: { ...config.difficulty, scores: hashOfList(scored.scores as unknown as Json[]) },
    selection: {
      ...options,
      ...(auto === null ? {} : { auto }),
      // Of each stratum how many pairs there were, and how many were kept.
      ...(strata === null ? {} : { within: config.selection.within, strata: strataCounts(strata, keptIds) }),
    },
    evaluation: { heldOut: config.evaluation.heldOut, seed: config.seed },
    kept: kept.length,
    dropped: scored.difficulties.length - kept.length,
    threshold,
    /** SHA-256 of the kept ids in training order, one a line. */
    keptIds: sha256(keptIds.map((id) => `${id}\n`).join('')),
  });
  const sideEffects = writeSideEffects(prepared, scored, kept, context.runDir);
  return { options, auto, kept, threshold, sideEffects, costs };
}

/** Trains every arm with every seed; copies what was trained to `arms/<name>/`. */
export async function train(
  prepared: Prepared,
  scored: Scored,
  selected: Selected,
  context: StageContext,
): Promise<Trained> {
  const { config, base, pool, strata } = prepared;
  const costs: StageCost[] = [];
  const input = { difficulties: scored.difficulties, lengths: lengthsOf(pool), strata };
  const plans = config.arms.flatMap((name: ArmName) =>
    Array.from({ length: config.trainingSeeds }, (_, i) =>
      planArm(name, input, selected.options, config.seed + i),
    ),
  );
  const specs = plans.map((plan) =>
    trainingUnit(base, scored.reference, {
      hyper: scored.hyper,
      seed: plan.seed,
      order: writeIds(context.runDir, plan.ids),
      shuffleSeed: plan.shuffleSeed,
    }),
  );
  const results = await execute(prepared, context, 'Training the arms', specs, costs);
  const arms = plans.map((plan, i): TrainedArm => {
    const result = results[i] as UnitResult;
    publishArm(context.runDir, config, plan, result);
    return { plan, result, steps: [...parseLines(resultFile(result, 'steps.jsonl'))].length };
  });
  return { arms, costs };
}

/** Held-out log-probabilities and answers of every arm, the start model's answers, and what the judge says of them. */
export async function evaluate(
  prepared: Prepared,
  scored: Scored,
  trained: Trained,
  context: StageContext,
): Promise<Evaluated> {
  const { base, heldOut, prompts } = prepared;
  const costs: StageCost[] = [];
  const ids = heldOut.map(({ tokens }) => tokens.id);
  const rows = writeIds(context.runDir, ids);
  const promptFile = writePrompts(context.runDir, prompts);
  const generation = generationInputs(prepared);
  const startAnswers = answersUnit(base, null, promptFile, generation);
  const specs = trained.arms.flatMap(({ result }) => [
    heldOutUnit(base, result, rows),
    answersUnit(base, result, promptFile, generation),
  ]);
  const results = await execute(prepared, context, 'Evaluation', [startAnswers, ...specs], costs);
  const answers = (result: UnitResult | undefined) => [
    ...parseLines<Answer>(resultFile(result as UnitResult, 'answers.jsonl')),
  ];
  const start = answers(results[0]);
  const others = trained.arms.map((_, i) => answers(results[2 + 2 * i]));
  const judged = await judgeAnswers(prepared, context, 'Evaluation', { prompts, start, others }, costs);
  const arms = trained.arms.map((arm, i) => ({
    arm,
    heldOut: [...parseLines<LogProbRow>(resultFile(results[1 + 2 * i] as UnitResult, 'log-probs.jsonl'))],
    answers: others[i] as Answer[],
    graded: judged?.others[i] ?? null,
  }));
  return {
    arms,
    start: { answers: start, graded: judged?.start ?? null },
    promptsCut: judged?.promptsCut ?? 0,
    reference: readReference(resultFile(scored.reference, 'log-probs.jsonl'), ids),
    costs,
  };
}

/** `arms/<name>/` (with several seeds `arms/<name>-<seed>/`): the adapter or model, and the order it was trained in. */
function publishArm(runDir: string, config: Config, plan: ArmPlan, result: UnitResult): void {
  const folder = join(runDir, 'arms', config.trainingSeeds > 1 ? `${plan.name}-${plan.seed}` : plan.name);
  mkdirSync(folder, { recursive: true });
  const files = new Map(result.files.map(({ path }) => [basename(path), join(result.dir, path)]));
  // What an earlier configuration left here (a whole model, before an adapter) is not of this arm. The
  // unfinished copies of another winnow on the same folder are its own.
  for (const name of readdirSync(folder))
    if (!files.has(name) && !name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  for (const [name, from] of files) copyWhole(from, join(folder, name));
}

/** Copies a file whole or not at all: another winnow may be reading it, and this one may be killed. */
function copyWhole(from: string, to: string): void {
  const temp = `${to}.${process.pid}.tmp`;
  try {
    copyFileSync(from, temp);
    renameSync(temp, to);
  } catch (error) {
    rmSync(temp, { force: true });
    throw writeError(to, error);
  }
}
