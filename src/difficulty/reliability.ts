import { spearman } from '../stats/correlation.ts';
import { overlap } from '../stats/overlap.ts';
import { dpoLoss } from '../train/preference-loss.ts';
import { meanBy } from './aggregate.ts';
import { marginOf, type ScoreRow } from './scores.ts';

/** How far two measurements of difficulty agree: without this, a difficulty is a number without an error. */
export interface Reliability {
  /**
   * What was measured twice: the whole scoring (seeds); the loss at two halves of the checkpoints; or the margin
   * over the even and the odd tokens of the completions. The last two share one training, so they say less. null:
   * nothing was measured twice.
   */
  readonly between: 'seeds' | 'checkpoints' | 'token-halves' | null;
  /** Mean rank correlation over the pairs of measurements; null where a measurement is constant. */
  readonly spearman: number | null;
  /** Mean share of the pairs kept by one measurement that the other keeps too. By chance: the keep fraction. */
  readonly overlap: number | null;
  /** Difficulty by the first two measurements, pair by pair, in the order of the input. */
  readonly agreement: readonly (readonly [number, number])[];
}

export interface ReliabilityOptions {
  readonly beta: number;
  readonly keepFraction: number;
  /** Difficulty from a margin, for halves of it; default: the DPO loss. */
  readonly ofMargin?: (margin: number) => number;
  /** What a selection keeps of ids that are given from easy to hard, of which it keeps `count`; default: the first. */
  readonly kept?: (order: readonly string[], count: number) => ReadonlySet<string>;
}

/** Of a difficulty that is measured once, such as a length. */
export const NO_RELIABILITY: Reliability = { between: null, spearman: null, overlap: null, agreement: [] };

/** Agreement between the seeds of a cross-fit, or between halves of its evidence where there is one seed. */
export function reliability(scores: readonly ScoreRow[], options: ReliabilityOptions): Reliability {
  const { between, measurements } = measure(scores, options);
  const ids = [...new Map([...scores].sort((a, b) => a.row - b.row).map(({ id }) => [id, id])).keys()];
  const columns = measurements.map((measurement) => ids.map((id) => measurement.get(id) as number));
  const kept = columns.map((column) => keptIds(ids, column, options));
  const correlations: (number | null)[] = [];
  const overlaps: (number | null)[] = [];
  for (let a = 0; a < columns.length; a++)
    for (let b = a + 1; b < columns.length; b++) {
      correlations.push(spearman(columns[a] as number[], columns[b] as number[]));
      overlaps.push(overlap(kept[a] as ReadonlySet<string>, kept[b] as ReadonlySet<string>));
    }
  return {
    between,
    spearman: meanOrNull(correlations),
    overlap: meanOrNull(overlaps),
    agreement: ids.map((_, i) => [columns[0]?.[i] as number, columns[1]?.[i] as number]),
  };
}

type Measurement = ReadonlyMap<string, number>;

function measure(
  scores: readonly ScoreRow[],
  { beta, ofMargin = dpoLoss }: ReliabilityOptions,
): { between: Reliability['between']; measurements: Measurement[] } {
  const group = (keep: (score: ScoreRow) => boolean) => meanBy(scores.filter(keep), (score) => score.id);
  const seeds = [...new Set(scores.map((score) => score.seed))];
  if (seeds.length > 1)
    return { between: 'seeds', measurements: seeds.map((seed) => group((score) => score.seed === seed)) };
  const checkpoints = scores.reduce((most, score) => Math.max(most, score.checkpoint), 0);
  if (checkpoints > 1)
    return {
      between: 'checkpoints',
      measurements: [0, 1].map((odd) => group((score) => score.checkpoint % 2 === odd)),
    };
  // Twice the half's margin stands for the whole, so that the losses are on one scale.
  const half = (margin: (score: ScoreRow) => number) =>
    new Map(scores.map((score) => [score.id, ofMargin(2 * beta * margin(score))]));
  return {
    between: 'token-halves',
    measurements: [
      half((score) => score.evenTokenMargin),
      half((score) => marginOf(score, 1) - score.evenTokenMargin),
    ],
  };
}

function keptIds(
  ids: readonly string[],
  difficulty: readonly number[],
  { keepFraction, kept = (order, count) => new Set(order.slice(0, count)) }: ReliabilityOptions,
): ReadonlySet<string> {
  const order = ids
    .map((_, i) => i)
    .sort((a, b) => (difficulty[a] as number) - (difficulty[b] as number) || a - b);
  // As many as the selection keeps (select/keep.ts).
  const count = Math.max(1, Math.floor(keepFraction * ids.length + 1e-9));
  return kept(
    order.map((i) => ids[i] as string),
    count,
  );
}

function meanOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
