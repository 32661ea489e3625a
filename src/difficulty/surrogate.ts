import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { predict } from '../stats/least-squares.ts';
import { rankRidge } from '../stats/rank-ridge.ts';
import { type StandIn, standInOf } from './stand-in.ts';

/** What is known of a pair before anything is trained. */
export interface SurrogatePair {
  readonly id: string;
  readonly row: number;
  readonly prompt: ArrayLike<number>;
  readonly chosen: ArrayLike<number>;
  readonly rejected: ArrayLike<number>;
  /** Summed log-probabilities under the start model, nats. */
  readonly reference: { readonly chosen: number; readonly rejected: number };
  /** Pairs of one group (one prompt) are learned from together or tested together. */
  readonly group: string;
}

export interface Surrogate {
  /** Scored pairs that were learned from, and scored pairs that were not. */
  readonly learned: number;
  readonly tested: number;
  readonly features: number;
  readonly lambda: number;
  /** The predictions held against the scores of pairs that were not learned from, and whether they may be used. */
  readonly test: StandIn;
  /** Predicted place between easy (0) and hard (1) of every pair, in their order. */
  readonly predicted: readonly number[];
}

export interface SurrogateOptions {
  /** Of the scored pairs that are learned from. */
  readonly share: number;
  /** τ at which the kept sets are compared. */
  readonly at: number;
  readonly seed: number;
}

const FEWEST_LEARNED = 20;
const FEWEST_TESTED = 20;
/** Most tokens whose counts are features, and rows for each of them: more would be learned by heart. Our choice. */
const MOST_TOKENS = 64;
const ROWS_A_TOKEN = 5;

/**
 * Difficulty from cheap features: a ridge regression on ranks (`rankRidge`), learned from a share of the scored pairs
 * and tested on the others. Features: lengths and the log ratio of them, its size and square; mean log-probability of
 * both sides under the start model, their difference, its size and square; the difference of the summed ones; how many
 * tokens the two share; and the difference of the counts of the tokens that tell the sides apart most often. That the
 * scores follow such things is the shortcut of the data: a surrogate that is good says as much.
 *
 * @param scores of some of the pairs, by id. @throws inputError `few-scores`, `bad-share`.
 */
export function learnSurrogate(
  pairs: readonly SurrogatePair[],
  scores: ReadonlyMap<string, number>,
  { share, at, seed }: SurrogateOptions,
): Surrogate {
  if (!(share > 0 && share < 1))
    throw inputError('bad-share', 'the share that is learned from must lie between 0 and 1', { got: share });
  const scored = pairs.filter(({ id }) => scores.has(id));
  const { learned, tested } = split(scored, share, seed);
  if (learned.length < FEWEST_LEARNED || tested.length < FEWEST_TESTED)
    throw inputError('few-scores', 'too few scored pairs to learn from and to test on', {
      got: `${learned.length} to learn from, ${tested.length} to test on`,
      need: `at least ${FEWEST_LEARNED} and ${FEWEST_TESTED}`,
      remedy: 'Score more pairs, or change --share',
    });
  const tokens = tellingTokens(learned, Math.min(MOST_TOKENS, Math.floor(learned.length / ROWS_A_TOKEN)));
  const featuresOf = (list: readonly SurrogatePair[]) => list.map((pair) => surrogateFeatures(pair, tokens));
  const own = (list: readonly SurrogatePair[]) => list.map(({ id }) => scores.get(id) as number);
  const rows = featuresOf(learned);
  const { fit, lambda } = rankRidge(rows, own(learned), { seed });
  const guess = (list: readonly SurrogatePair[]) => featuresOf(list).map((row) => predict(fit, row));
  return {
    learned: learned.length,
    tested: tested.length,
    features: rows[0]?.length ?? 0,
    lambda,
    test: standInOf({ other: guess(tested), own: own(tested) }, at),
    predicted: guess(pairs),
  };
}

/** Whole groups, shuffled, until the share is reached. */
function split(scored: readonly SurrogatePair[], share: number, seed: number) {
  const groups = new Map<string, SurrogatePair[]>();
  for (const pair of scored) {
    const own = groups.get(pair.group);
    if (own === undefined) groups.set(pair.group, [pair]);
    else own.push(pair);
  }
  const learned: SurrogatePair[] = [];
  const tested: SurrogatePair[] = [];
  for (const group of new Random(seed, 'surrogate').shuffle([...groups.values()]))
    (learned.length + group.length / 2 <= share * scored.length ? learned : tested).push(...group);
  return { learned, tested };
}

/** The tokens whose counts differ between the sides of the most pairs; of equal ones the lower. */
function tellingTokens(pairs: readonly SurrogatePair[], most: number): readonly number[] {
  const pairsOf = new Map<number, number>();
  for (const pair of pairs)
    for (const [token, difference] of countDifferences(pair))
      if (difference !== 0) pairsOf.set(token, 1 + (pairsOf.get(token) ?? 0));
  return [...pairsOf]
    .sort(([a, n], [b, m]) => m - n || a - b)
    .slice(0, most)
    .map(([token]) => token);
}

function countDifferences({ chosen, rejected }: SurrogatePair): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const token of Array.from(chosen)) counts.set(token, (counts.get(token) ?? 0) + 1);
  for (const token of Array.from(rejected)) counts.set(token, (counts.get(token) ?? 0) - 1);
  return counts;
}

/** The features of a pair, finite always. @param tokens whose counts are features. */
export function surrogateFeatures(pair: SurrogatePair, tokens: readonly number[]): number[] {
  const { prompt, chosen, rejected, reference } = pair;
  const [w, l] = [chosen.length, rejected.length];
  const perToken = (sum: number, length: number) => sum / Math.max(1, length);
  const [nw, nl] = [perToken(reference.chosen, w), perToken(reference.rejected, l)];
  const ratio = Math.log((1 + w) / (1 + l));
  const gap = nw - nl;
  const differences = countDifferences(pair);
  const apart = [...differences.values()].reduce((sum, difference) => sum + Math.abs(difference), 0);
  const summed = reference.chosen - reference.rejected;
  return [
    Math.log1p(prompt.length),
    Math.log1p(w),
    Math.log1p(l),
    ratio,
    Math.abs(ratio),
    ratio ** 2,
    nw,
    nl,
    gap,
    Math.abs(gap),
    gap ** 2,
    Math.sign(summed) * Math.log1p(Math.abs(summed)),
    1 - apart / Math.max(1, w + l),
    ...tokens.map((token) => {
      const difference = differences.get(token) ?? 0;
      return Math.sign(difference) * Math.log1p(Math.abs(difference));
    }),
  ];
}
