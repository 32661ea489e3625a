import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { type CrossFitItem, crossFitPlan, type ScoringRun } from '../difficulty/cross-fit.ts';
import { NO_RELIABILITY, type Reliability } from '../difficulty/reliability.ts';
import { readScoreFile } from '../difficulty/score-files.ts';
import { difficultiesOf, type First, factValue, type PairValue, SCORERS } from '../difficulty/scorers.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { totalSteps } from '../train/optimise.ts';
import { execute, runMemory, type StageContext, type StageCost } from './execute.ts';
import { type InputFile, readReference, writeIds } from './inputs.ts';
import { needRewardMemory } from './judging.ts';
import { keptOfOrder, nominalShare } from './keep-share.ts';
import { chooseLearningRate, firstRates, type TriedRates } from './learning-rate.ts';
import { rewardMargins } from './pair-rewards.ts';
import { type Prepared, readUsable } from './prepare.ts';
import { needMemory } from './resources.ts';
import { mergeScores, writeDifficulties } from './score-table.ts';
import { scoresFromFile } from './scores-from-file.ts';
import { needServer } from './server/check.ts';
import { fixedHyper } from './start.ts';
import { type Hyper, type References, referenceUnit, scoringUnit, withoutServer } from './units.ts';

/** What a scorer gives: the pairs in order, and how far the order can be trusted. */
export interface ScoredPairs {
  /** Of scoring runs; none where the scorer needs none. */
  readonly scores: readonly ScoreRow[];
  readonly difficulties: readonly DifficultyRow[];
  readonly reliability: Reliability;
  readonly costs: readonly StageCost[];
}

/** With what trainings need; a scorer that needs no training leaves it to {@link tune}. */
export interface Scored extends ScoredPairs {
  readonly hyper: Hyper;
  readonly reference: UnitResult;
  readonly learningRates: TriedRates | null;
}

/** Whether trainings can follow. */
export function isTuned(scored: ScoredPairs): scored is Scored {
  return 'hyper' in scored;
}

/** Which end of the scorer's values counts as easy. */
export function firstOf({ difficulty: { scorer, first } }: Pick<Config, 'difficulty'>): First {
  return first === 'default' ? SCORERS[scorer].first : first;
}

/** Difficulty by the configured scorer; writes `difficulty.jsonl` and `reliability.json`. */
export async function measure(prepared: Prepared, context: StageContext): Promise<ScoredPairs> {
  await needServer(prepared, context.runDir, context.signal);
  const { needs } = SCORERS[prepared.config.difficulty.scorer];
  if (needs === 'scoring-runs') return score(prepared, context);
  const costs: StageCost[] = [];
  const difficulties = await withoutRuns(prepared, context, costs);
  // What another scorer left would not be of these difficulties.
  rmSync(join(context.runDir, 'scores.jsonl'), { force: true });
  writeDifficulties(context.runDir, difficulties, NO_RELIABILITY);
  return { scores: [], difficulties, reliability: NO_RELIABILITY, costs };
}

/** Reference log-probabilities and learning rate, where scoring has not needed them: before the first training. */
export async function tune(prepared: Prepared, scored: ScoredPairs, context: StageContext): Promise<Scored> {
  if (isTuned(scored)) return scored;
  const costs = [...scored.costs];
  const tuned = await tuning(prepared, context, costs);
  const { hyper, learningRates, references } = tuned;
  return { ...scored, hyper, learningRates, reference: references.training, costs };
}

/**
 * Reference log-probabilities, learning rate, cross-fit; writes `scores.jsonl`, `difficulty.jsonl`, `reliability.json`.
 */
export async function score(prepared: Prepared, context: StageContext): Promise<Scored> {
  const { config } = prepared;
  const { checkpoints, scorer, learnedMargin } = config.difficulty;
  const costs: StageCost[] = [];
  const { hyper, learningRates, references, inputs, unitFor } = await tuning(prepared, context, costs);
  const fewestSteps = Math.min(...inputs.map(({ run }) => totalSteps(run.trainOn.length, hyper)));
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
  const table = mergeScores(
    results.map((result) => resultFile(result, 'scores.jsonl')),
    {
      ...{ runDir: context.runDir, scorer, learnedMargin, seeds: config.difficulty.seeds },
      ...{ first: firstOf(config), beta: hyper.beta, keepFraction: nominalShare(prepared) },
      kept: keptOfOrder(prepared),
    },
  );
  const reference = references.training;
  return { ...table, hyper, reference, learningRates, costs };
}

/** What a scoring run reads. */
interface RunInput {
  readonly run: ScoringRun;
  readonly trainOn: InputFile;
  readonly score: InputFile;
}

/**
 * The reference pass of training, and where it is another that of scoring: in another precision, or the engine's own
 * where a server makes the first one, so that both sides of a scoring run's difference are the engine's.
 * @param runs whether scoring runs follow.
 */
export async function referencePasses(
  prepared: Prepared,
  context: StageContext,
  costs: StageCost[],
  runs = false,
): Promise<References> {
  const { config, base } = prepared;
  const { precision } = config.difficulty;
  const passes = [
    referenceUnit(base, { loss: config.training.loss }),
    ...(precision !== 'f32' || (runs && base.server?.scoring === true)
      ? [referenceUnit(withoutServer(base), { precision })]
      : []),
  ];
  const title = 'Reference log-probabilities';
  const [training, scoring = training] = (await execute(prepared, context, title, passes, costs)) as [
    UnitResult,
    UnitResult?,
  ];
  return { training, scoring };
}

/** Everything that trainings need, and how scoring runs are made. */
async function tuning(prepared: Prepared, context: StageContext, costs: StageCost[]) {
  const { config, base, pool } = prepared;
  needMemory(config, runMemory(prepared));
  if (prepared.rewardModel !== null) needRewardMemory(prepared, prepared.rewardModel);
  const runs =
    SCORERS[config.difficulty.scorer].needs === 'scoring-runs' ||
    firstRates(config, prepared.checkpoint.parameters).length > 1;
  const references = await referencePasses(prepared, context, costs, runs);
  const { folds, seeds, checkpoints, precision } = config.difficulty;
  const items: CrossFitItem[] = pool.map(({ tokens, duplicateKey }) => ({ id: tokens.id, duplicateKey }));
  const plan = crossFitPlan(items, { folds, seeds, firstSeed: config.seed });
  const ids = (places: readonly number[]) =>
    writeIds(
      context.runDir,
      places.map((place) => (items[place] as CrossFitItem).id),
    );
  const inputs = plan.map((run): RunInput => ({ run, trainOn: ids(run.trainOn), score: ids(run.score) }));
  const unitFor = ({ run, trainOn, score: held }: RunInput, hyper: Hyper) =>
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
  const scoringRun = (hyper: Hyper) => unitFor(inputs[0] as RunInput, hyper);
  const run = { prepared, context, reference: references.training, costs };
  const { learningRate, rates } = await chooseLearningRate(run, fixed, scoringRun);
  return { references, inputs, unitFor, hyper: { ...fixed, learningRate }, learningRates: rates };
}

/** Difficulties by a scorer that trains nothing. */
async function withoutRuns(
  prepared: Prepared,
  context: StageContext,
  costs: StageCost[],
): Promise<DifficultyRow[]> {
  const { config, pool } = prepared;
  const { scorer, ratings, scoresFile } = config.difficulty;
  const ids = pool.map(({ tokens }) => tokens.id);
  const metaOf = () => readUsable(context.runDir, ids);
  let values: readonly PairValue[];
  if (scorer === 'file') {
    const file = await readScoreFile(scoresFile as string);
    values = scoresFromFile(file, [...metaOf().values()]);
  } else if (scorer === 'reward-margin') {
    values = await rewardMargins(prepared, [...metaOf().values()], context, costs);
  } else {
    if (scorer === 'validation-loss' || scorer === 'learned-step' || scorer === 'implicit-margin')
      throw new Error(`${scorer} needs scoring runs`);
    const passed = SCORERS[scorer].needs === 'reference';
    const passes = passed ? await referencePasses(prepared, context, costs) : null;
    const reference =
      passes === null ? null : readReference(resultFile(passes.scoring, 'log-probs.jsonl'), ids);
    const pairs = scorer === 'rating-margin' ? metaOf() : null;
    const fields = ratings as unknown as readonly [string, string];
    values = pool.map(({ tokens: { id, row, chosen, rejected } }) => {
      const meta = pairs?.get(id)?.meta ?? {};
      const facts = { id, row, meta, chosenTokens: chosen.length, rejectedTokens: rejected.length };
      const value = factValue(scorer, { ...facts, reference: reference?.get(id) ?? null }, fields);
      return { id, row, value };
    });
  }
  return difficultiesOf(values, firstOf(config), scorer);
}
