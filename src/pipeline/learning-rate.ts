import { parseLines } from '../base/own-lines.ts';
import type { ScoreRow } from '../difficulty/scores.ts';
import type { Answer } from '../evaluate/answers.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import type { UnitSpec } from '../run/unit.ts';
import { fullArm } from '../select/arms.ts';
import { execute, type StageContext, type StageCost } from './execute.ts';
import { writeIds, writePrompts } from './inputs.ts';
import type { Judged } from './judged.ts';
import { isJudged, judgeAnswers } from './judging.ts';
import { generationInputs, type Prepared } from './prepare.ts';
import { answersUnit, type Hyper, trainingUnit } from './units.ts';

export const PAPER_RATE = 5e-5;
const LARGE_MODEL = 1e9;
/** Steps of half a decade around what small models need; widened at its ends until the best lies inside. */
const FIRST_GRID = { lora: [3e-4, 1e-3, 3e-3], full: [1e-4, 3e-4, 1e-3] };
const GRID_STEP = 10 / 3;
export const MOST_TRIES = 7;

/** What the learning rate was chosen by. */
export interface TriedRates {
  /** The loss of one scoring run on its held-out part (lowest wins), or the full arm's win rate (highest wins). */
  readonly by: 'heldOutLoss' | 'winRate';
  /** By rate, ascending. */
  readonly tried: readonly {
    readonly learningRate: number;
    readonly value: number;
    readonly chosen: boolean;
  }[];
}

interface Run {
  readonly prepared: Prepared;
  readonly context: StageContext;
  readonly reference: UnitResult;
  readonly costs: StageCost[];
}

interface Trial {
  readonly learningRate: number;
  readonly value: number;
}

/**
 * Chooses the learning rate before anything is compared, for the full arm and by what it is judged by: its win
 * rate on tuning prompts where a judge and such prompts exist, otherwise the loss on held-out pairs. The
 * same rate then serves every arm, so that no arm is compared with a badly tuned baseline.
 */
export async function chooseLearningRate(
  run: Run,
  fixed: Omit<Hyper, 'learningRate'>,
  scoringRun: (hyper: Hyper) => UnitSpec,
): Promise<{ learningRate: number; rates: TriedRates | null }> {
  const { config, checkpoint, tuningPrompts } = run.prepared;
  let untried = firstRates(config, checkpoint.parameters);
  if (untried.length === 1) return { learningRate: untried[0] as number, rates: null };
  const byWinRate = isJudged(run.prepared, run.context) && tuningPrompts.length > 0;
  const trials: Trial[] = [];
  while (untried.length > 0) {
    const hypers = untried.map((learningRate): Hyper => ({ ...fixed, learningRate }));
    const values = byWinRate ? await winRates(run, hypers) : await heldOutLosses(run, hypers.map(scoringRun));
    untried.forEach((learningRate, i) => {
      trials.push({ learningRate, value: values[i] as number });
    });
    const next = config.training.learningRate === 'auto' ? widen(trials, byWinRate) : null;
    untried = next === null ? [] : [next];
  }
  const learningRate = best(trials, byWinRate);
  const tried = trials
    .map((trial) => ({ ...trial, chosen: trial.learningRate === learningRate }))
    .sort((a, b) => a.learningRate - b.learningRate);
  return { learningRate, rates: { by: byWinRate ? 'winRate' : 'heldOutLoss', tried } };
}

/** Mean validation loss of a scoring run at its last checkpoint, for each unit. */
async function heldOutLosses(
  { prepared, context, costs }: Run,
  specs: readonly UnitSpec[],
): Promise<number[]> {
  const results = await execute(prepared, context, 'Choosing the learning rate', specs, costs);
  return results.map((result) => {
    const scores = [...parseLines<ScoreRow>(resultFile(result, 'scores.jsonl'))];
    const last = scores.reduce((most, { checkpoint }) => Math.max(most, checkpoint), 0);
    return mean(scores.filter(({ checkpoint }) => checkpoint === last).map(({ loss }) => loss));
  });
}

/**
 * Win rate of the full arm on the tuning prompts, for each setting: the mean over as many orders as the arms are trained
 * with. A rate at which one order does well and the next badly must not win by its luck.
 */
async function winRates(
  { prepared, context, reference, costs }: Run,
  hypers: readonly Hyper[],
): Promise<number[]> {
  const { base, pool, config, tuningPrompts } = prepared;
  const ids = pool.map(({ tokens }) => tokens.id);
  const order = writeIds(context.runDir, ids);
  const seeds = Array.from({ length: config.trainingSeeds }, (_, i) => config.seed + i);
  const arms = hypers.flatMap((hyper) =>
    seeds.map((seed) =>
      trainingUnit(base, reference, { hyper, seed, order, shuffleSeed: fullArm(ids, seed).shuffleSeed }),
    ),
  );
  const trained = await execute(prepared, context, 'Choosing the learning rate', arms, costs);
  const prompts = writePrompts(context.runDir, tuningPrompts);
  const generation = generationInputs(prepared);
  const answering = [null, ...trained].map((result) => answersUnit(base, result, prompts, generation));
  const results = await execute(prepared, context, 'Choosing the learning rate: answers', answering, costs);
  const [start = [], ...others] = results.map((result) => [
    ...parseLines<Answer>(resultFile(result, 'answers.jsonl')),
  ]);
  const answered = { prompts: tuningPrompts, start, others };
  const judged = await judgeAnswers(prepared, context, 'Choosing the learning rate', answered, costs);
  const wins = (judged as Judged).others.map((graded) => mean(graded.map(({ win }) => win)));
  return hypers.map((_, i) => mean(wins.slice(i * seeds.length, (i + 1) * seeds.length)));
}

/** The rates that are tried first; one alone is taken without trying. */
export function firstRates(config: Config, parameters: number): readonly number[] {
  const { learningRate, method } = config.training;
  if (typeof learningRate === 'number') return [learningRate];
  if (learningRate !== 'auto') return learningRate;
  return parameters >= LARGE_MODEL ? [PAPER_RATE] : FIRST_GRID[method];
}

/** The next rate beyond the end at which the best one lies; null when it lies inside, or enough were tried. */
export function widen(trials: readonly Trial[], highest: boolean): number | null {
  if (trials.length < 2 || trials.length >= MOST_TRIES) return null;
  const rates = trials.map(({ learningRate }) => learningRate).sort((a, b) => a - b);
  const chosen = best(trials, highest);
  const rounded = (rate: number) => Number(rate.toPrecision(1));
  if (chosen === rates[0]) return rounded(chosen / GRID_STEP);
  if (chosen === rates.at(-1)) return rounded(chosen * GRID_STEP);
  return null;
}

/** The rate with the best value; the smaller of equals. */
export function best(trials: readonly Trial[], highest: boolean): number {
  const sorted = [...trials].sort(
    (a, b) => (highest ? b.value - a.value : a.value - b.value) || a.learningRate - b.learningRate,
  );
  return (sorted[0] as Trial).learningRate;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
