import { Random } from '../base/random.ts';
import { RowRefused } from './shape.ts';

/** How pairs are made of rows with several rated answers. */
export interface RatingsRule {
  /**
   * - `best-worst`: one pair a row, the best answer against the worst;
   * - `best-random`: one pair a row, the best against one drawn from the answers that are worse;
   * - `all`: every two answers of a row.
   */
  readonly pairs: 'best-worst' | 'best-random' | 'all';
  /** Least difference of the two scores; equal scores never make a pair. */
  readonly minGap: number;
  /** Of the draws of `best-random`. */
  readonly seed: number;
}

export const RATINGS_RULE: RatingsRule = { pairs: 'best-worst', minGap: 0, seed: 42 };

/** An answer with its score; a higher one is better, null is none. */
export interface Rated<T> {
  readonly answer: T;
  readonly score: number | null;
}

export interface RatedPair<T> {
  readonly chosen: T;
  readonly rejected: T;
  readonly scoreChosen: number;
  readonly scoreRejected: number;
}

/**
 * Pairs of a row's rated answers. Answers without a score take no part. Of equal scores the answer that stands first
 * counts as the better one for `chosen` and as the worse one for `rejected`; draws are derived from the seed and the
 * row's number, so that no row moves another's.
 * @throws RowRefused `no-ratings` for fewer than two scores, `no-preference` where no two differ enough.
 */
export function ratedPairs<T>(answers: readonly Rated<T>[], rule: RatingsRule, row: number): RatedPair<T>[] {
  const rated = answers.filter((item): item is { answer: T; score: number } => item.score !== null);
  if (rated.length < 2) {
    throw new RowRefused(
      'no-ratings',
      `a preference needs two answers with scores, and ${rated.length} of ${answers.length} have one`,
      'Give the row at least two rated answers, or remove it.',
    );
  }
  const sorted = rated
    .map((item, place) => ({ ...item, place }))
    .sort((a, b) => b.score - a.score || a.place - b.place);
  const best = sorted[0] as (typeof sorted)[number];
  const differ = (a: { score: number }, b: { score: number }) =>
    a.score > b.score && a.score - b.score >= rule.minGap;
  const worse = sorted.filter((item) => differ(best, item));
  if (worse.length === 0) {
    const gap = best.score - (sorted.at(-1)?.score ?? best.score);
    throw new RowRefused(
      'no-preference',
      `the scores of the answers differ by ${gap}, which states no preference${rule.minGap > 0 ? ` (ratings.minGap ${rule.minGap})` : ''}`,
      'Remove the row, or lower ratings.minGap.',
    );
  }
  const pair = (a: { answer: T; score: number }, b: { answer: T; score: number }): RatedPair<T> => ({
    chosen: a.answer,
    rejected: b.answer,
    scoreChosen: a.score,
    scoreRejected: b.score,
  });
  switch (rule.pairs) {
    case 'best-worst': {
      const lowest = Math.min(...worse.map(({ score }) => score));
      return [pair(best, worse.find(({ score }) => score === lowest) ?? best)];
    }
    case 'best-random':
      return [pair(best, new Random(rule.seed, 'ratings', String(row)).pick(worse))];
    case 'all':
      return sorted.flatMap((a, i) => sorted.slice(i + 1).flatMap((b) => (differ(a, b) ? [pair(a, b)] : [])));
  }
}

/** The rule in words, for what a run says. */
export function ratingsInWords({ pairs, minGap, seed }: RatingsRule): string {
  const words = {
    'best-worst': 'the best answer of a row against its worst',
    'best-random': `the best answer of a row against a worse one drawn at random (seed ${seed})`,
    all: 'every two answers of a row',
  };
  return `pairs were made of ratings: ${words[pairs]}${minGap > 0 ? `, scores at least ${minGap} apart` : ''}`;
}
