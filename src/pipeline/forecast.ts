import { SCORERS } from '../difficulty/scorers.ts';
import { AUTO_SHARES } from '../select/auto-keep.ts';
import { rewardsStage } from './judging.ts';
import { nominalShare } from './keep-share.ts';
import { firstRates, MOST_TRIES } from './learning-rate.ts';
import type { Prepared } from './prepare.ts';
import type { Probe, ProbeResult } from './probe.ts';
import type { Hyper } from './units.ts';
import type { WorkModel } from './work.ts';

/** A stage of a run, as it is expected. */
export interface PlannedStage {
  readonly stage: string;
  readonly units: number;
  /** By the clock. */
  readonly seconds: number;
  /** The same with the shortest and the longest answers and searches for a learning rate. */
  readonly between: readonly [number, number];
}

/** The part of a stage that is not known to be done, by its units. */
export function leftOf({ units, done }: { readonly units: number; readonly done: number | null }): number {
  return units === 0 ? 0 : 1 - Math.min(units, done ?? 0) / units;
}

/** Means over the workers that measured side by side. */
export interface Measured extends Omit<ProbeResult, 'aliveSeconds'> {
  /** Of a unit beside its worker's life: starting it, taking over its result. Seconds. */
  readonly overhead: number;
}

/** Of a probe that was made before, whose start nobody timed. Seconds. */
const USUAL_OVERHEAD = 0.3;

/** @param wallSeconds by the clock, from before the workers were started until the last was done; null: not known. */
export function together(probes: readonly ProbeResult[], wallSeconds: number | null): Measured {
  const mean = (of: (probe: ProbeResult) => number) =>
    probes.reduce((sum, probe) => sum + of(probe), 0) / probes.length;
  const longest = Math.max(...probes.map(({ aliveSeconds }) => aliveSeconds));
  const keys = Object.keys((probes[0] as ProbeResult).seconds) as (keyof Probe)[];
  return {
    seconds: Object.fromEntries(
      keys.map((key) => [key, mean(({ seconds }) => seconds[key])]),
    ) as unknown as Probe,
    prompts: (probes[0] as ProbeResult).prompts,
    rounds: mean(({ rounds }) => rounds),
    ended: probes.every(({ ended }) => ended),
    peakBytes: Math.max(...probes.map(({ peakBytes }) => peakBytes)),
    overhead: wallSeconds === null ? USUAL_OVERHEAD : Math.max(0, wallSeconds - longest),
  };
}

/** What the probe took for how much work. */
export interface Rates {
  /** So many workers at a time, and one with all cores to itself. */
  readonly busy: Measured;
  readonly alone: Measured;
  readonly workers: number;
  /** Work of the probe's passes (`WorkModel`). */
  readonly scoring: number;
  readonly epoch: number;
  /** Tokens of the longest prompt in the probe's batch. */
  readonly promptTokens: number;
}

/** The probe's times when so many workers are busy: between the two that were measured, in equal ratios. */
export function measuredWith({ busy, alone, workers }: Rates, count: number): Probe {
  const part = workers <= 1 ? 1 : Math.log(Math.min(count, workers)) / Math.log(workers);
  const keys = Object.keys(busy.seconds) as (keyof Probe)[];
  // What one of the two did not measure, or the clock not see, is as in the other.
  const between = (a: number, b: number) => (a > 0 && b > 0 ? a ** (1 - part) * b ** part : a + b);
  return Object.fromEntries(
    keys.map((key) => [key, between(alone.seconds[key], busy.seconds[key])]),
  ) as unknown as Probe;
}

export interface Forecast {
  readonly rates: Rates;
  readonly work: WorkModel;
  /** Whether answers are judged. */
  readonly judged: boolean;
  /** The reward model that judges them, where one does. */
  readonly rewardWork: WorkModel | null;
}

/** Prompts that are answered together (`answers` units). */
const TOGETHER = 32;

/** The stages of `stages.ts` and `learning-rate.ts`, and what their units take. */
export function plannedStages(
  prepared: Prepared,
  hyper: Pick<Hyper, 'batchSize' | 'epochs'>,
  { rates, work, judged, rewardWork }: Forecast,
): PlannedStage[] {
  const { config, checkpoint, pool, heldOut, prompts, tuningPrompts, rewardPromptTokens } = prepared;
  const poolPairs = pool.map(({ tokens }) => tokens);
  const heldOutPairs = heldOut.map(({ tokens }) => tokens);
  const inPool = work.scoring(poolPairs);
  const inHeldOut = work.scoring(heldOutPairs);
  const epoch = work.epoch(poolPairs, hyper.batchSize);
  const { folds, seeds, checkpoints, precision, scorer } = config.difficulty;
  const needsRuns = SCORERS[scorer].needs === 'scoring-runs';
  const { overhead } = rates.busy;
  const score = (probe: Probe, amount: number) =>
    overhead + probe.startScore + (amount * probe.score) / rates.scoring;
  const train = (probe: Probe, share: number) => {
    const steps = hyper.epochs * Math.ceil((share * pool.length) / hyper.batchSize);
    const passes = (hyper.epochs * share * epoch * probe.train) / rates.epoch;
    return overhead + probe.startTrain + passes + steps * probe.step;
  };
  const scoringRun = (probe: Probe) =>
    train(probe, (folds - 1) / folds) +
    probe.startRounded +
    ((checkpoints / folds) * inPool * probe.rounded) / rates.scoring;
  const rounded = (probe: Probe) =>
    overhead + probe.startScore + probe.startRounded + ((inPool + inHeldOut) * probe.rounded) / rates.scoring;

  // The answers of the start model tell how long answers get; those of trained models may be shorter or ramble.
  const chosen = poolPairs.reduce((sum, pair) => sum + pair.chosen.length, 0) / pool.length;
  const most = config.evaluation.maxNewTokens;
  const known = rates.busy.ended || rates.busy.rounds >= most;
  const rounds = {
    expected: known ? rates.busy.rounds : most,
    low: Math.min(most, Math.max(1, Math.min(chosen, rates.busy.rounds))),
    high: most,
  };
  type Length = keyof typeof rounds;
  type Unit = (probe: Probe, length: Length) => number;
  const answer = (probe: Probe, count: number, length: Length) => {
    const batches = count / Math.min(TOGETHER, Math.max(1, rates.busy.prompts));
    // Later rounds look back at more tokens.
    const { promptTokens, busy } = rates;
    const per = (count: number) => work.rounds(busy.prompts, promptTokens, Math.max(1, count - 1));
    const later = (per(rounds[length]) / per(busy.rounds)) * Math.max(1, busy.rounds - 1) * probe.round;
    return overhead + probe.startAnswer + batches * (probe.prompts + (rounds[length] > 1 ? later : 0));
  };

  // Nothing of the reward model was measured: its passes are taken to run as fast as those of the model.
  const reward =
    (prompts: readonly number[]): Unit =>
    (probe, length) => {
      const texts = prompts.map((n) => n + Math.round(rounds[length]));
      return score(probe, rewardWork?.texts(texts) ?? 0);
    };

  /** Units of one call of `execute`, in their order. */
  const call = (units: readonly ((probe: Probe, length: Length) => number)[], length: Length) => {
    const probe = measuredWith(rates, units.length);
    return makespan(
      units.map((unit) => unit(probe, length)),
      rates.workers,
    );
  };
  const repeat = (n: number, unit: Unit) => new Array<Unit>(Math.max(0, n)).fill(unit);
  const stage = (name: string, calls: readonly (readonly Unit[])[]): PlannedStage => {
    const seconds = (length: Length) => calls.reduce((sum, units) => sum + call(units, length), 0);
    const units = calls.reduce((sum, list) => sum + list.length, 0);
    return { stage: name, units, seconds: seconds('expected'), between: [seconds('low'), seconds('high')] };
  };

  const first = firstRates(config, checkpoint.parameters).length;
  const byWinRate = judged && tuningPrompts.length > 0;
  const searches = first > 1;
  const widens = searches && config.training.learningRate === 'auto';
  const trial: Unit = byWinRate ? (probe) => train(probe, 1) : scoringRun;
  const asked: Unit = (probe, length) => answer(probe, tuningPrompts.length, length);
  // By win rate, each rate is tried with as many orders as the arms are trained with.
  const orders = byWinRate ? config.trainingSeeds : 1;
  // A grid is widened by one rate where its best lies at an end, which is often; by more, seldom.
  const search = (name: string, unit: Unit, beside = 0): PlannedStage => {
    const after = (more: number) =>
      stage(name, [
        repeat(orders * first + beside, unit),
        ...new Array<Unit[]>(more).fill(repeat(orders, unit)),
      ]);
    const least = after(0).between[0];
    const longest = after(widens ? Math.max(0, Math.min(2, MOST_TRIES - first)) : 0).between[1];
    return { ...after(widens ? 1 : 0), between: [least, longest] };
  };
  const auto = config.selection.keepFraction === 'auto';
  // Which share will be chosen is not known: as much as all pairs is the safe side.
  const keepFraction = auto ? 1 : nominalShare(prepared);
  const shares = auto ? [...AUTO_SHARES, 1] : [];
  const tried = shares.flatMap((share) =>
    repeat(
      config.trainingSeeds,
      (probe, length) =>
        train(probe, share) + score(probe, inHeldOut) + answer(probe, tuningPrompts.length, length),
    ),
  );
  const arms = config.arms.flatMap((name) =>
    repeat(config.trainingSeeds, (probe) => train(probe, name === 'full' ? 1 : keepFraction)),
  );
  const answering: Unit = (probe, length) => answer(probe, prompts.length, length);
  const evaluation = arms.flatMap((): Unit[] => [(probe) => score(probe, inHeldOut), answering]);
  return [
    stage('Reference log-probabilities', [
      [(probe) => score(probe, inPool + inHeldOut), ...(precision === 'f32' ? [] : [rounded])],
    ]),
    ...(searches ? [search('Choosing the learning rate', trial)] : []),
    ...(searches && byWinRate ? [search('Choosing the learning rate: answers', asked, 1)] : []),
    ...(searches && byWinRate && rewardWork !== null
      ? [search(rewardsStage('Choosing the learning rate'), reward(rewardPromptTokens.tuning), 1)]
      : []),
    // One of the scoring runs is that of the rate which was chosen, unless rates were told apart by answers.
    stage('Scoring runs', [
      repeat(needsRuns ? folds * seeds - (searches && !byWinRate ? 1 : 0) : 0, scoringRun),
    ]),
    ...(auto ? [stage('Choosing the keep fraction', [[asked, ...tried]])] : []),
    ...(auto && rewardWork !== null
      ? [
          stage(rewardsStage('Choosing the keep fraction'), [
            repeat(1 + tried.length, reward(rewardPromptTokens.tuning)),
          ]),
        ]
      : []),
    stage('Training the arms', [arms]),
    stage('Evaluation', [[answering, ...evaluation]]),
    ...(rewardWork === null
      ? []
      : [
          stage(rewardsStage('Evaluation'), [repeat(1 + arms.length, reward(rewardPromptTokens.evaluation))]),
        ]),
  ].filter(({ units }) => units > 0);
}

/** Time until the last of the units is done, which workers take one after the other, in order. */
export function makespan(units: readonly number[], workers: number): number {
  const free = new Array<number>(Math.max(1, Math.min(workers, units.length))).fill(0);
  for (const seconds of units) {
    const next = free.indexOf(Math.min(...free));
    free[next] = (free[next] as number) + seconds;
  }
  return Math.max(0, ...free);
}
