import type { Config } from '../run/config.ts';

/** Tokens that were worked on, prompts included, and hours of single workers. */
export interface Work {
  /** Tokens of forward and backward passes. */
  readonly trainedTokens: number;
  /** Tokens of forward passes alone. */
  readonly scoredTokens: number;
  readonly generatedTokens: number;
  readonly workerHours: number;
}

/** What the pilot took, what selection saves, and when it has paid. No money: that is `priced`. */
export interface CostSheet {
  /** What it takes to have difficulties: reference pass, learning rate, scoring runs. */
  readonly scoring: Work;
  /** Trying keep fractions, training the arms, and evaluating them: what it takes to know whether selection helps. */
  readonly comparing: Work;
  /** Hours of reward models among `comparing`. */
  readonly judgingHours: number;
  /** A training on all pairs, on the kept ones, and what the difference is: of the pilot’s pairs. */
  readonly finalTraining: {
    readonly fullTokens: number;
    readonly keptTokens: number;
    readonly savedTokens: number;
    /** At the speed that the arms were trained with; null where nothing was measured. */
    readonly savedHours: number | null;
  };
  readonly breakEven: {
    /** Scoring as tokens of training: a forward pass is a third of forward and backward. */
    readonly scoringTokens: number;
    /**
     * Final trainings after which scoring has paid for itself; also how many times as large as the scoring model one
     * final model must be. null: nothing is saved.
     */
    readonly trainings: number | null;
  };
  /** Whether more evaluation prompts or pairs would tell more; null without a comparison. */
  readonly largerPilot: LargerPilot | null;
}

export interface LargerPilot {
  readonly metric: string;
  readonly against: string;
  readonly n: number;
  readonly difference: number;
  /** Half of the interval's width: now, with twice and with four times as many. */
  readonly halfWidth: number;
  readonly doubled: number;
  readonly fourfold: number;
  /** Cases with which the interval would exclude 0 if the difference stayed as it is; null where it is 0. */
  readonly needed: number | null;
}

const STAGES_OF_SCORING = /^(Reference log-probabilities|Scoring runs|Choosing the learning rate)/;
const TRAINING = 'Training the arms';
const JUDGING = /rewards$/;
/** A backward pass is twice a forward pass: Kaplan et al. 2020 (arXiv 2001.08361), 2.1. */
const FORWARD_SHARE = 1 / 3;

export interface CostInputs {
  /** Tokens of each pool pair, both sides and the prompt once, by id. */
  readonly poolTokens: ReadonlyMap<string, number>;
  readonly heldOutTokens: number;
  readonly keptIds: readonly string[];
  /** Ids that each training of an arm saw. */
  readonly arms: readonly (readonly string[])[];
  readonly generatedTokens: number;
  readonly folds: number;
  readonly seeds: number;
  readonly checkpoints: number;
  readonly epochs: number;
  readonly stages: readonly { readonly stage: string; readonly seconds: number }[];
  readonly comparison: {
    readonly metric: string;
    readonly against: string;
    readonly n: number;
    readonly difference: { readonly value: number; readonly low: number; readonly high: number };
  } | null;
}

/**
 * scoring = seeds · (folds − 1) · epochs · T trained + (1 + seeds · checkpoints) · T + H scored
 * saved = epochs · (T − T_kept);  break-even = (trained + scored / 3) / saved
 *
 * T, T_kept, H: tokens of the pool, of the kept pairs, and of held-out pairs. Tokens of the search for a learning rate and
 * of trials of keep fractions are in the hours alone. Scoring and saving both grow with the pairs, so that the number of
 * trainings that pay for scoring does not depend on how many there are; it falls where a small model scores for a large
 * one, as work a token grows with the parameters.
 */
export function costSheet(input: CostInputs): CostSheet {
  const { poolTokens, heldOutTokens, folds, seeds, checkpoints, epochs, stages } = input;
  const tokensOf = (ids: readonly string[]) => ids.reduce((sum, id) => sum + (poolTokens.get(id) ?? 0), 0);
  const pool = [...poolTokens.values()].reduce((sum, tokens) => sum + tokens, 0);
  const kept = tokensOf(input.keptIds);
  const hours = (is: (stage: string) => boolean) =>
    stages.reduce((sum, { stage, seconds }) => sum + (is(stage) ? seconds : 0), 0) / 3600;
  const scoring: Work = {
    trainedTokens: seeds * (folds - 1) * epochs * pool,
    scoredTokens: (1 + seeds * checkpoints) * pool + heldOutTokens,
    generatedTokens: 0,
    workerHours: hours((stage) => STAGES_OF_SCORING.test(stage)),
  };
  const trainedTokens = epochs * input.arms.reduce((sum, ids) => sum + tokensOf(ids), 0);
  const trainingHours = hours((stage) => stage === TRAINING);
  const savedTokens = epochs * (pool - kept);
  const scoringTokens = scoring.trainedTokens + FORWARD_SHARE * scoring.scoredTokens;
  return {
    scoring,
    comparing: {
      trainedTokens,
      scoredTokens: input.arms.length * heldOutTokens,
      generatedTokens: input.generatedTokens,
      workerHours: hours((stage) => !STAGES_OF_SCORING.test(stage)),
    },
    judgingHours: hours((stage) => JUDGING.test(stage)),
    finalTraining: {
      fullTokens: epochs * pool,
      keptTokens: epochs * kept,
      savedTokens,
      savedHours:
        trainedTokens > 0 && trainingHours > 0 ? (savedTokens / trainedTokens) * trainingHours : null,
    },
    breakEven: { scoringTokens, trainings: savedTokens > 0 ? scoringTokens / savedTokens : null },
    largerPilot: input.comparison === null ? null : largerPilot(input.comparison),
  };
}

/**
 * h(n′) = h · √(n / n′);  needed n′ = n · (h / |d|)²
 *
 * The half-width h of an interval falls with the root of the cases. What is needed counts on a difference that stays as it
 * was found; found differences are mostly too large where they were looked for, so take it for the least.
 */
export function largerPilot({
  metric,
  against,
  n,
  difference: { value, low, high },
}: NonNullable<CostInputs['comparison']>): LargerPilot {
  const halfWidth = (high - low) / 2;
  const needed = value === 0 ? null : Math.ceil(n * (halfWidth / value) ** 2);
  return {
    metric,
    against,
    n,
    difference: value,
    halfWidth,
    doubled: halfWidth / Math.SQRT2,
    fourfold: halfWidth / 2,
    needed,
  };
}

/** The same in money; null where no price says it. */
export interface Money {
  readonly currency: string;
  readonly scoring: number | null;
  readonly comparing: number | null;
  readonly judging: number | null;
  /** By the price of tokens where there is one, else by hours. */
  readonly savedPerTraining: number | null;
  /** Trainings after which scoring alone, and all of the pilot, has paid for itself. */
  readonly breakEvenScoring: number | null;
  readonly breakEvenPilot: number | null;
}

/** What the sheet is in the user's money; null without any price. */
export function priced(sheet: CostSheet, prices: Omit<Config['prices'], 'gpuHour'>): Money | null {
  const { currency, workerHour, millionTrainingTokens } = prices;
  if (workerHour === null && millionTrainingTokens === null) return null;
  const byTokens = (tokens: number) =>
    millionTrainingTokens === null ? null : (tokens / 1e6) * millionTrainingTokens;
  const byHours = (hours: number | null) =>
    workerHour === null || hours === null ? null : hours * workerHour;
  const { scoring, comparing, finalTraining, breakEven } = sheet;
  const scored = byHours(scoring.workerHours) ?? byTokens(breakEven.scoringTokens);
  const compared =
    byHours(comparing.workerHours) ??
    byTokens(comparing.trainedTokens + FORWARD_SHARE * (comparing.scoredTokens + comparing.generatedTokens));
  const saved = byTokens(finalTraining.savedTokens) ?? byHours(finalTraining.savedHours);
  const after = (cost: number | null) =>
    cost === null || saved === null || saved <= 0 ? null : cost / saved;
  return {
    currency,
    scoring: scored,
    comparing: compared,
    judging: byHours(sheet.judgingHours),
    savedPerTraining: saved,
    breakEvenScoring: after(scored),
    breakEvenPilot: after(scored === null || compared === null ? null : scored + compared),
  };
}
