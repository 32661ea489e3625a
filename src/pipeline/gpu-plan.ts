import type { Config } from '../run/config.ts';
import { AUTO_SHARES } from '../select/auto-keep.ts';
import { leftOf } from './forecast.ts';
import {
  FORWARD,
  GPUS,
  gpuHours,
  type ModelSize,
  type PassKind,
  type Sequences,
  scoringRunFlop,
  sequenceFlop,
  shareOf,
} from './gpu-cost.ts';

/** What a run works on, in tokens. */
export interface Workload {
  readonly size: ModelSize;
  readonly pool: Sequences;
  readonly heldOut: Sequences;
  /** Prompts that are answered, and their tokens together. */
  readonly prompts: { readonly count: number; readonly tokens: number };
  readonly tuningPrompts: { readonly count: number; readonly tokens: number };
  /** Learning rates that are tried first; 1: it is fixed. */
  readonly rates: number;
  /** Whether a rate, or a share, is chosen by answers. */
  readonly judgedByAnswers: boolean;
  /** Share of the pairs that `selected` keeps. */
  readonly keep: number;
  readonly needsRuns: boolean;
}

/** A stage before it runs: equal in name and units to those of `stages.ts`. */
export interface GpuStage {
  readonly stage: string;
  readonly units: number;
  /** Of all units: passes over pairs. */
  readonly flop: number;
  /** Of all units: tokens that are generated one after the other, in batches of 32. */
  readonly rounds: number;
}

/** Prompts that are answered together (`answers` units). */
const TOGETHER = 32;
/** Share of the memory's bandwidth that generation reaches. Our assumption, not measured. */
const READING = 0.3;

type Keys = Pick<
  Config,
  'difficulty' | 'training' | 'selection' | 'arms' | 'trainingSeeds' | 'evaluation' | 'trl'
>;

/** Stages and their work: what `stages.ts`, `learning-rate.ts` and `keep-share.ts` run, with a cached reference. */
export function gpuStages(config: Keys, load: Workload): GpuStage[] {
  const { size, pool, heldOut, prompts, tuningPrompts, rates, judgedByAnswers, keep, needsRuns } = load;
  const { folds, seeds, checkpoints } = config.difficulty;
  const { epochs, method } = config.training;
  const again = config.trl.gradientCheckpointing;
  const gradient: PassKind = { gradient: true, method, again };
  const forward = (of: Sequences) => sequenceFlop(size, of, FORWARD);
  const train = (share: number) => epochs * sequenceFlop(size, shareOf(pool, share), gradient);
  const setup = { folds, seeds, checkpoints, epochs, method, again, cached: true };
  const scoringRun = scoringRunFlop(size, pool, setup);
  const answering = ({ count, tokens }: Workload['prompts']) => ({
    flop: 2 * size.weights * (tokens + count * config.evaluation.maxNewTokens),
    rounds: Math.ceil(count / TOGETHER) * config.evaluation.maxNewTokens,
  });
  const stage = (name: string, units: number, flop: number, rounds = 0): GpuStage => ({
    stage: name,
    units,
    flop,
    rounds,
  });
  const searches = rates > 1;
  const byAnswers = searches && judgedByAnswers;
  const tries = rates * (byAnswers ? config.trainingSeeds : 1);
  const tuning = answering(tuningPrompts);
  const auto = config.selection.keepFraction === 'auto';
  const shares = auto ? [...AUTO_SHARES, 1] : [];
  const tried = shares.length * config.trainingSeeds;
  const arms = config.arms.map((name) => (name === 'full' ? 1 : auto ? 1 : keep));
  const trainings = arms.length * config.trainingSeeds;
  const asked = answering(prompts);
  // A scoring run of the search is that of the rate which was chosen.
  const runs = needsRuns ? folds * seeds - (searches && !byAnswers ? 1 : 0) : 0;
  return [
    stage('Reference log-probabilities', 1, forward(pool) + forward(heldOut)),
    stage('Choosing the learning rate', searches ? tries : 0, tries * (byAnswers ? train(1) : scoringRun)),
    stage(
      'Choosing the learning rate: answers',
      byAnswers ? tries + 1 : 0,
      (tries + 1) * tuning.flop,
      (tries + 1) * tuning.rounds,
    ),
    stage('Scoring runs', runs, runs * scoringRun),
    stage(
      'Choosing the keep fraction',
      auto ? tried + 1 : 0,
      config.trainingSeeds * shares.reduce((sum, share) => sum + train(share) + forward(heldOut), 0) +
        (tried + 1) * tuning.flop,
      (tried + 1) * tuning.rounds,
    ),
    stage(
      'Training the arms',
      trainings,
      config.trainingSeeds * arms.reduce((sum, share) => sum + train(share), 0),
    ),
    stage(
      'Evaluation',
      1 + 2 * trainings,
      trainings * forward(heldOut) + (1 + trainings) * asked.flop,
      (1 + trainings) * asked.rounds,
    ),
  ].filter(({ units }) => units > 0);
}

/** How fast cards are. */
export interface Speed {
  /** FLOP a second of one card at its peak. */
  readonly peak: number;
  readonly utilisation: number;
  /** Bytes a second of its memory; null: not known, generation is reckoned as other passes. */
  readonly bandwidth: number | null;
  /** Whether finished units gave it. */
  readonly measured: boolean;
}

/** What the configuration assumes. */
export function assumedSpeed({ gpu, utilisation, dtype }: Config['trl']): Speed {
  if (typeof gpu === 'number') return { peak: gpu * 1e12, utilisation, bandwidth: null, measured: false };
  return { peak: GPUS[gpu][dtype], utilisation, bandwidth: GPUS[gpu].bandwidth, measured: false };
}

/**
 * hours = FLOP / (peak · utilisation) + rounds · 2N / (bandwidth · 0.3), over 3600
 *
 * A round of generation reads every weight once, in bfloat16.
 */
export function stageHours({ flop, rounds }: GpuStage, size: ModelSize, speed: Speed): number {
  const { peak, utilisation, bandwidth } = speed;
  const reading = bandwidth === null ? 0 : (rounds * 2 * size.parameters) / (bandwidth * READING) / 3600;
  return gpuHours(flop, peak, utilisation) + reading;
}

/** A change of the configuration that costs less, and what it would be then. */
export interface Saving {
  readonly set: string;
  readonly why: string;
  readonly gpuHours: number;
}

/** Cheaper settings, each alone, that are honest about what they give up; the largest saving first. */
export function gpuSavings(config: Keys, load: Workload, speed: Speed): Saving[] {
  const hours = (keys: Keys) =>
    gpuStages(keys, load).reduce((sum, stage) => sum + stageHours(stage, load.size, speed), 0);
  const { difficulty, trainingSeeds, arms, training } = config;
  const options: (readonly [string, string, Keys] | false)[] = [
    difficulty.seeds > 1 && [
      'difficulty.seeds=1',
      'the order of one seed agreed with that of three at ρ 0.96 to 1.00; reliability is then measured within one training',
      { ...config, difficulty: { ...difficulty, seeds: 1 } },
    ],
    difficulty.checkpoints > 1 && [
      'difficulty.checkpoints=1',
      'the last checkpoint alone agreed with the mean of five at ρ 0.99 to 1.00',
      { ...config, difficulty: { ...difficulty, checkpoints: 1 } },
    ],
    trainingSeeds > 1 && [
      'trainingSeeds=1',
      'an effect is then harder to tell from chance',
      { ...config, trainingSeeds: 1 },
    ],
    arms.length > 3 && [
      'arms=selected,full,random',
      'what tells order and direction apart is left out; the control of equal size stays',
      { ...config, arms: ['selected', 'full', 'random'] },
    ],
    load.rates > 1 &&
      typeof training.learningRate !== 'number' && [
        'training.learningRate=…',
        'a rate that is known is not searched for',
        config,
      ],
  ];
  return options
    .filter((option) => option !== false)
    .map(([set, why, keys]) => ({
      set,
      why,
      gpuHours:
        keys === config
          ? gpuStages(config, { ...load, rates: 1 }).reduce(
              (sum, stage) => sum + stageHours(stage, load.size, speed),
              0,
            )
          : hours(keys),
    }))
    .sort((a, b) => a.gpuHours - b.gpuHours);
}

/** A stage with what is left of it and what that takes. */
export interface GpuPlanStage extends GpuStage {
  /** Units that are done already; null: which units they will be is not known before scoring. */
  readonly done: number | null;
  /** Of one card: all units, and those that are not known to be done; null: no speed is known. */
  readonly gpuHours: number | null;
  readonly hoursLeft: number | null;
}

/** What a run takes on cards. */
export interface GpuPlan {
  readonly model: { readonly parameters: number };
  readonly pairs: number;
  readonly heldOut: number;
  /** Of the pool's sequences, the prompt in both. */
  readonly tokens: number;
  readonly gpu: Config['trl']['gpu'] | null;
  readonly speed: Speed | null;
  readonly stages: readonly GpuPlanStage[];
  readonly units: number;
  readonly done: number;
  readonly flop: number;
  readonly gpuHours: number | null;
  readonly hoursLeft: number | null;
  /** What is left, in `currency`; null without a price or a speed. */
  readonly money: number | null;
  readonly currency: string;
  readonly savings: readonly Saving[];
}

/** @param done of each stage, by its name; left out: not known. @param speed null: none is known. */
export function gpuPlan(
  config: Config,
  load: Workload,
  speed: Speed | null,
  done: ReadonlyMap<string, number>,
): GpuPlan {
  const stages = gpuStages(config, load).map((stage): GpuPlanStage => {
    const known = done.get(stage.stage) ?? null;
    const hours = speed === null ? null : stageHours(stage, load.size, speed);
    const left = leftOf({ units: stage.units, done: known });
    return { ...stage, done: known, gpuHours: hours, hoursLeft: hours === null ? null : hours * left };
  });
  const sum = (of: (stage: GpuPlanStage) => number) => stages.reduce((s, stage) => s + of(stage), 0);
  const hoursLeft = speed === null ? null : sum((stage) => stage.hoursLeft as number);
  const { gpuHour, currency } = config.prices;
  return {
    model: { parameters: load.size.parameters },
    pairs: load.pool.pairs,
    heldOut: load.heldOut.pairs,
    tokens: load.pool.tokens,
    gpu: config.engine === 'trl' ? config.trl.gpu : null,
    speed,
    stages,
    units: sum(({ units }) => units),
    done: sum((stage) => stage.done ?? 0),
    flop: sum(({ flop }) => flop),
    gpuHours: speed === null ? null : sum((stage) => stage.gpuHours as number),
    hoursLeft,
    money: gpuHour === null || hoursLeft === null ? null : gpuHour * hoursLeft,
    currency,
    savings: speed === null ? [] : gpuSavings(config, load, speed),
  };
}
