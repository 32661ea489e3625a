import { inputError } from '../base/errors.ts';
import { spearman } from '../stats/correlation.ts';
import type { Interval } from '../stats/interval.ts';
import { normalQuantile } from '../stats/normal.ts';
import { jaccard } from '../stats/overlap.ts';
import { type Proportion, wilson } from '../stats/proportion.ts';
import type { ScoreFile } from './score-files.ts';

/** How far two scorings of the same pairs agree. */
export interface ScoreComparison {
  /** Ids that both have; all that follows is of these. */
  readonly n: number;
  readonly onlyInA: number;
  readonly onlyInB: number;
  /** Shares that each calls easy. */
  readonly at: readonly [number, number];
  /** Rank correlation; null where one side is constant, or n = 1. */
  readonly spearman: number | null;
  readonly spearmanInterval: Interval | null;
  /** |easy by both| / |easy by either|; `jaccardByChance` is what two random sets of these sizes would share. */
  readonly jaccardEasiest: number | null;
  readonly jaccardByChance: number | null;
  /** Of what A calls easy, the share that B calls easy too; by chance B's share `at`. null where A calls none easy. */
  readonly easyAgreement: number | null;
  /** The same of what A calls difficult; by chance 1 − B's share `at`. */
  readonly difficultAgreement: number | null;
  readonly easyInterval: Proportion | null;
  readonly difficultInterval: Proportion | null;
  /** Shares of A's and B's scores below ln 2: where the scores are DPO losses, pairs that are ordered as labelled. */
  readonly shareBelowLn2: readonly [number, number];
}

/**
 * Agreement of two scorings, joined by id: Spearman's ρ with its interval (Fisher's z with the variance
 * (1 + ρ²/2) / (n − 3), Bonett and Wright 2000, Psychometrika 65(1)), Jaccard of the easiest, and the paper's Fig. 11:
 * of the pairs that A calls easy (difficult), which share B calls so too. Easy are the ⌊n·at⌋ lowest scores (n·at as
 * printed), equal scores in the order of A. n = 1 has no correlation.
 *
 * *Reference:* Gao et al. 2025, Figs. 2 and 11.
 * @throws inputError `bad-fraction`, and `no-common-ids`.
 */
export function compareScores(a: ScoreFile, b: ScoreFile, at: readonly [number, number]): ScoreComparison {
  for (const share of at)
    if (!(share > 0 && share < 1))
      throw inputError('bad-fraction', 'the share of easy pairs must lie between 0 and 1', { got: share });
  const ids = [...a.scores.keys()].filter((id) => b.scores.has(id));
  const n = ids.length;
  if (n === 0)
    throw inputError('no-common-ids', 'the two files have no id in common', {
      file: `${a.file}, ${b.file}`,
      got: { a: [...a.scores.keys()].slice(0, 2), b: [...b.scores.keys()].slice(0, 2) },
      need: 'scores of the same pairs, under the same ids',
      remedy: 'Name the columns of ids (--id), or score the same pairs',
    });
  const [x, y] = [a, b].map(({ scores }) => ids.map((id) => scores.get(id) as number)) as [
    number[],
    number[],
  ];
  const [easyA, easyB] = [easiest(x, at[0]), easiest(y, at[1])];
  const both = [...easyA].filter((place) => easyB.has(place)).length;
  const difficult = n - easyA.size;
  const bothDifficult = n - easyA.size - easyB.size + both;
  const easyInterval = wilson(both, easyA.size);
  const difficultInterval = wilson(bothDifficult, difficult);
  const rho = spearman(x, y);
  const chance = (easyA.size * easyB.size) / n;
  const below = (values: readonly number[]) => values.filter((value) => value < Math.LN2).length / n;
  return {
    n,
    onlyInA: a.scores.size - n,
    onlyInB: b.scores.size - n,
    at,
    spearman: rho,
    spearmanInterval: rho === null ? null : fisherInterval(rho, n),
    jaccardEasiest: jaccard(easyA, easyB),
    jaccardByChance: easyA.size + easyB.size === 0 ? null : chance / (easyA.size + easyB.size - chance),
    easyAgreement: easyInterval?.value ?? null,
    difficultAgreement: difficultInterval?.value ?? null,
    easyInterval,
    difficultInterval,
    shareBelowLn2: [below(x), below(y)],
  };
}

/** Places of the lowest scores. */
function easiest(scores: readonly number[], share: number): Set<number> {
  const order = scores.map((score, place) => ({ score, place }));
  order.sort((one, other) => one.score - other.score || one.place - other.place);
  return new Set(order.slice(0, Math.floor(share * scores.length + 1e-9)).map(({ place }) => place));
}

/** null for n ≤ 3; a correlation of ±1 has no width. */
function fisherInterval(rho: number, n: number): Interval | null {
  if (n <= 3) return null;
  if (Math.abs(rho) >= 1) return { value: rho, low: rho, high: rho };
  const half = normalQuantile(0.975) * Math.sqrt((1 + (rho * rho) / 2) / (n - 3));
  const z = Math.atanh(rho);
  return { value: rho, low: Math.tanh(z - half), high: Math.tanh(z + half) };
}
