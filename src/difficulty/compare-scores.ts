import { inputError } from '../base/errors.ts';
import { spearman, spearmanInterval } from '../stats/correlation.ts';
import type { Interval } from '../stats/interval.ts';
import { jaccard } from '../stats/overlap.ts';
import { type Proportion, wilson } from '../stats/proportion.ts';
import type { ScoreFile } from './score-files.ts';

/** Scores of the same pairs by two measurements, in the order of the first; and how many only one of them has. */
export interface JoinedScores {
  readonly ids: readonly string[];
  readonly a: readonly number[];
  readonly b: readonly number[];
  /** Places in the order of the second file, by which it parts equal scores. */
  readonly orderB: readonly number[];
  readonly onlyInA: number;
  readonly onlyInB: number;
}

/** @throws inputError `no-common-ids`. */
export function joinScores(a: ScoreFile, b: ScoreFile): JoinedScores {
  const places = new Map([...b.scores.keys()].map((id, place) => [id, place]));
  const ids = [...a.scores.keys()].filter((id) => places.has(id));
  if (ids.length === 0)
    throw inputError('no-common-ids', 'the two files have no id in common', {
      file: a.file,
      got: `${[...a.scores.keys()][0]} and ${[...b.scores.keys()][0]}`,
      need: `ids of ${b.file}`,
      remedy: 'Compare scores of the same pairs: winnow names a pair by the hash of its three texts',
    });
  return {
    ids,
    a: ids.map((id) => a.scores.get(id) as number),
    b: ids.map((id) => b.scores.get(id) as number),
    orderB: ids.map((id) => places.get(id) as number),
    onlyInA: a.scores.size - ids.length,
    onlyInB: b.scores.size - ids.length,
  };
}

/** How two measurements of difficulty agree. Shares lie in 0 … 1, intervals are of 95 %. */
export interface ScoreComparison {
  /** Pairs that both have. */
  readonly n: number;
  readonly onlyInA: number;
  readonly onlyInB: number;
  /** Shares that count as easy in A and in B. */
  readonly at: readonly [number, number];
  /** Rank correlation; null where one side is constant. */
  readonly spearman: number | null;
  readonly spearmanInterval: Interval | null;
  /** |A ∩ B| / |A ∪ B| of the easiest; of two random halves 1/3. */
  readonly jaccardEasiest: number | null;
  /** Of the pairs that A calls easy, the share that B calls easy too; by chance B's share. null: A calls none easy. */
  readonly easyAgreement: number | null;
  /** Of the pairs that A calls difficult, the share that B calls difficult too; null: A calls none difficult. */
  readonly difficultAgreement: number | null;
  readonly easyAgreementInterval: Proportion | null;
  readonly difficultAgreementInterval: Proportion | null;
  /** The same shares of what B calls easy and difficult. */
  readonly ofB: { readonly easyAgreement: number | null; readonly difficultAgreement: number | null };
  /** Share of all scores of each file below ln 2: where they are DPO losses, pairs ordered as labelled. */
  readonly shareBelowLn2: { readonly a: number; readonly b: number };
}

/**
 * easy(X) = the first ⌊τ_X · n⌋ in the order of X;  easyAgreement = |easy(A) ∩ easy(B)| / |easy(A)|
 *
 * *Reference:* Gao et al. 2025, Fig. 11 and appendix E.2 (A is the oracle, B the classifier).
 * @param at τ of A and of B, each in (0, 1].
 * @throws inputError `no-common-ids`, `bad-at`.
 */
export function compareScores(
  a: ScoreFile,
  b: ScoreFile,
  at: readonly [number, number] = [0.5, 0.5],
): ScoreComparison {
  for (const share of at)
    if (!(share > 0 && share <= 1))
      throw inputError('bad-at', 'the share that counts as easy must lie in (0, 1]', { got: share });
  const joined = joinScores(a, b);
  const n = joined.ids.length;
  const easyA = easiest(joined.a, at[0]);
  const easyB = easiest(joined.b, at[1], joined.orderB);
  const both = [...easyA].filter((i) => easyB.has(i)).length;
  const neither = n - easyA.size - easyB.size + both;
  const share = (k: number, of: number) => (of === 0 ? null : k / of);
  const rho = spearman(joined.a, joined.b);
  return {
    n,
    onlyInA: joined.onlyInA,
    onlyInB: joined.onlyInB,
    at,
    spearman: rho,
    spearmanInterval: rho === null ? null : spearmanInterval(rho, n),
    jaccardEasiest: jaccard(easyA, easyB),
    easyAgreement: share(both, easyA.size),
    difficultAgreement: share(neither, n - easyA.size),
    easyAgreementInterval: wilson(both, easyA.size),
    difficultAgreementInterval: wilson(neither, n - easyA.size),
    ofB: { easyAgreement: share(both, easyB.size), difficultAgreement: share(neither, n - easyB.size) },
    shareBelowLn2: { a: shareBelowLn2(a), b: shareBelowLn2(b) },
  };
}

/** Places of the first ⌊τ n⌋ scores, at least one, ascending; equal ones in the order given (default: as they stand). */
export function easiest(
  scores: readonly number[],
  share: number,
  order: readonly number[] | null = null,
): ReadonlySet<number> {
  const count = Math.max(1, Math.floor(share * scores.length + 1e-9));
  const tie = (i: number, j: number) =>
    order === null ? i - j : (order[i] as number) - (order[j] as number);
  return new Set(
    scores
      .map((_, i) => i)
      .sort((i, j) => (scores[i] as number) - (scores[j] as number) || tie(i, j))
      .slice(0, count),
  );
}

function shareBelowLn2({ scores }: ScoreFile): number {
  let below = 0;
  for (const score of scores.values()) if (score < Math.LN2) below++;
  return below / scores.size;
}
