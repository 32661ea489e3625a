import { inputError } from '../base/errors.ts';
import { ranked } from './aggregate.ts';
import { LEARNED_MARGIN, learnedStep } from './learned-step.ts';
import { type DifficultyRow, marginOf, type ScoreRow } from './scores.ts';

/** A scorer gives every pair a number, and says which end of it comes first. Low difficulty comes first. */
export type ScorerName =
  | 'validation-loss'
  | 'learned-step'
  | 'implicit-margin'
  | 'perplexity-chosen'
  | 'perplexity-gap'
  | 'length'
  | 'length-gap'
  | 'rating-margin'
  | 'reward-margin'
  | 'file';

/** Which end of a scorer's own values counts as easy. */
export type First = 'smallest' | 'largest';

export interface Scorer {
  /** What of the model that is trained has to run: the cross-fitted trainings, one pass of it, or nothing. */
  readonly needs: 'scoring-runs' | 'reference' | 'nothing';
  readonly first: First;
  /** Of the value, for people. */
  readonly unit: string;
}

/** y_w chosen, y_l rejected, |y| tokens, m the implicit margin, π_ref the start model. Sources: docs/scorers.md. */
export const SCORERS: Readonly<Record<ScorerName, Scorer>> = {
  /** −log σ(m) of models that did not train on the pair, mean over seeds and checkpoints. */
  'validation-loss': { needs: 'scoring-runs', first: 'smallest', unit: 'nats' },
  /** The first evaluated step from which on m > δ; mean over seeds. */
  'learned-step': { needs: 'scoring-runs', first: 'smallest', unit: 'steps' },
  /** m of models that did not train on the pair, mean over seeds and checkpoints. */
  'implicit-margin': { needs: 'scoring-runs', first: 'largest', unit: 'nats' },
  /** exp(−log π_ref(y_w | x) / |y_w|) */
  'perplexity-chosen': { needs: 'reference', first: 'smallest', unit: '' },
  /** log π_ref(y_l | x) / |y_l| − log π_ref(y_w | x) / |y_w|: log perplexity, chosen − rejected. */
  'perplexity-gap': { needs: 'reference', first: 'smallest', unit: 'nats per token' },
  /** |y_w| */
  length: { needs: 'nothing', first: 'smallest', unit: 'tokens' },
  /** |y_w| − |y_l| */
  'length-gap': { needs: 'nothing', first: 'smallest', unit: 'tokens' },
  /** Rating of y_w − rating of y_l, from columns of the data. */
  'rating-margin': { needs: 'nothing', first: 'largest', unit: '' },
  /** Reward of (x, y_w) − reward of (x, y_l), by a reward model: its passes alone. */
  'reward-margin': { needs: 'nothing', first: 'largest', unit: '' },
  /** Scores of a file or another run. */
  file: { needs: 'nothing', first: 'smallest', unit: '' },
};

export const SCORER_NAMES = Object.keys(SCORERS) as ScorerName[];

/** What is known of a pair without training. */
export interface PairFacts {
  readonly id: string;
  readonly row: number;
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  /** Summed log-probabilities under the start model, nats; null where no pass was made. */
  readonly reference: { readonly chosen: number; readonly rejected: number } | null;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** A value by a scorer that needs no scoring runs and no file. @throws inputError `no-rating`. */
export function factValue(
  name: Exclude<
    ScorerName,
    'validation-loss' | 'learned-step' | 'implicit-margin' | 'reward-margin' | 'file'
  >,
  facts: PairFacts,
  ratings: readonly [chosen: string, rejected: string],
): number {
  const { chosenTokens, rejectedTokens, reference } = facts;
  const perToken = (side: 'chosen' | 'rejected') => {
    if (reference === null) throw new Error(`${name} needs the reference pass`);
    return -reference[side] / (side === 'chosen' ? chosenTokens : rejectedTokens);
  };
  switch (name) {
    case 'perplexity-chosen':
      return Math.exp(perToken('chosen'));
    case 'perplexity-gap':
      return perToken('chosen') - perToken('rejected');
    case 'length':
      return chosenTokens;
    case 'length-gap':
      return chosenTokens - rejectedTokens;
    case 'rating-margin':
      return rating(facts, ratings[0]) - rating(facts, ratings[1]);
  }
}

function rating({ meta, row }: PairFacts, field: string): number {
  const value = Object.hasOwn(meta, field) ? meta[field] : undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw inputError('no-rating', `a pair has no number in the column ${field}`, {
    row,
    key: 'difficulty.ratings',
    got: value,
    need: `numbers; the pair has the columns ${Object.keys(meta).join(', ') || 'prompt, chosen and rejected alone'}`,
    remedy: 'Name the columns of the ratings of chosen and rejected, or choose another scorer',
  });
}

/** A value of a pair by some scorer. */
export interface PairValue {
  readonly id: string;
  readonly row: number;
  readonly value: number;
}

/**
 * Difficulties from values: the value, or its negative where the largest come first, so that low is easy. Equal
 * values rank in the order of the input.
 *
 * @throws inputError `constant-scores` where all values are equal, `bad-score` for one that is not finite.
 */
export function difficultiesOf(values: readonly PairValue[], first: First, name: string): DifficultyRow[] {
  const bad = values.find(({ value }) => !Number.isFinite(value));
  if (bad !== undefined)
    throw inputError('bad-score', `the scorer ${name} gives a pair no finite number`, {
      row: bad.row,
      got: bad.value,
      remedy: 'Mend or remove the row, or choose another scorer',
    });
  needDifferences(
    values.map(({ value }) => value),
    name,
  );
  return ranked(
    values.map(({ id, row, value }) => ({
      id,
      row,
      // Never −0: it would be written as 0 and read as another number.
      difficulty: first === 'smallest' || value === 0 ? value : -value,
      spread: null,
      n: 1,
    })),
  );
}

/** @throws inputError `constant-scores`. */
export function needDifferences(values: readonly number[], name: string): void {
  if (values.length < 2 || values.some((value) => value !== values[0])) return;
  throw inputError('constant-scores', `the scorer ${name} gives every pair the same value`, {
    key: 'difficulty.scorer',
    got: values[0],
    need: 'values that differ: there is no order otherwise',
    remedy: 'Choose another scorer',
  });
}

export interface MeasureOptions {
  readonly beta: number;
  readonly first: First;
  readonly learnedMargin?: number;
}

/**
 * The scores of scoring runs with another measurement in the place of the loss, so that averages, spread and
 * reliability are those of the measurement. A learned step is one number a seed; a pair that is never learned counts
 * as learned one checkpoint after the last.
 */
export function measuredBy(
  name: ScorerName,
  scores: readonly ScoreRow[],
  { beta, first, learnedMargin = LEARNED_MARGIN }: MeasureOptions,
): readonly ScoreRow[] {
  const sign = first === 'smallest' ? 1 : -1;
  if (name === 'implicit-margin') return scores.map((row) => ({ ...row, loss: sign * marginOf(row, beta) }));
  if (name !== 'learned-step') return scores;
  const trajectories = new Map<string, ScoreRow[]>();
  for (const score of scores) {
    const key = JSON.stringify([score.id, score.seed]);
    const own = trajectories.get(key);
    if (own === undefined) trajectories.set(key, [score]);
    else own.push(score);
  }
  return [...trajectories.values()].map((rows) => {
    const last = rows.reduce((a, b) => (b.checkpoint > a.checkpoint ? b : a));
    const never = last.step * (1 + 1 / last.checkpoint);
    return { ...last, checkpoint: 1, loss: sign * (learnedStep(rows, beta, learnedMargin) ?? never) };
  });
}
