import { inputError } from '../base/errors.ts';
import { spearman, spearmanInterval } from '../stats/correlation.ts';
import type { Interval } from '../stats/interval.ts';
import { type Proportion, wilson } from '../stats/proportion.ts';
import { easiest, joinScores } from './compare-scores.ts';
import type { ScoreFile } from './score-files.ts';

/**
 * From this rank correlation on, an order may stand in for a model's own. The weakest published agreement of an order
 * that was trained on: 0.847, of Qwen-2.5 7B and 32B.
 */
export const LEAST_AGREEMENT = 0.84;

/**
 * What the rule rests on. *Reference:* Gao et al. 2025, Fig. 9 (Qwen-2.5-7B on Argilla, easiest 60 %: own order .250,
 * order of 32B .236, of 3B .224, of Mistral .212, random .202), with the agreement of the scores as released (Spearman with 7B: 32B
 * .847, 3B .906).
 */
export const STAND_IN_BASIS =
  'Published: on the easiest 60 % by another size’s order (rank correlation 0.85 and 0.91), Qwen-2.5-7B kept 71 % and 46 % of what its own order gained over random pairs; by the order of another family, whose agreement is not published, 21 %.';

/** Whether scores may stand in for a model's own, by a sample that both have scored. */
export interface StandIn {
  /** Pairs that both have scored. */
  readonly n: number;
  /** τ. */
  readonly at: number;
  /** Rank correlation; null where one side is constant. */
  readonly spearman: Interval | null;
  /** Share of the stand-in's easiest that are among the model's own easiest; by chance τ. */
  readonly overlap: Proportion | null;
  /** Share of the stand-in's easiest that the model itself finds hard: among its hardest fifth; by chance a fifth. */
  readonly easyFoundHard: Proportion | null;
  /** Share of the stand-in's easiest with an own difficulty above ln 2, and that share of all: for losses. */
  readonly easyAboveLn2: { readonly easiest: number; readonly all: number };
  /**
   * yes: the interval of the rank correlation lies above `LEAST_AGREEMENT`; more-pairs: it holds it; no: it lies below,
   * or the overlap is no more than chance.
   */
  readonly use: 'yes' | 'more-pairs' | 'no';
  readonly least: number;
}

const HARDEST = 0.2;
const FEWEST = 10;

/** @throws inputError `no-common-ids`, `few-common-ids`. */
export function standIn(other: ScoreFile, own: ScoreFile, at: number): StandIn {
  const { ids, a, b, orderB } = joinScores(other, own);
  if (ids.length < FEWEST)
    throw inputError('few-common-ids', 'too few pairs are scored by both', {
      file: own.file,
      got: ids.length,
      need: `at least ${FEWEST}; a few hundred tell`,
      remedy: 'Score a larger sample with the large model, such as 300 random pairs',
    });
  return standInOf({ other: a, own: b, ownOrder: orderB }, at);
}

/** The same of two lists of scores of the same pairs. */
export function standInOf(
  scores: {
    readonly other: readonly number[];
    readonly own: readonly number[];
    /** Parts equal own scores; default: as they stand. */
    readonly ownOrder?: readonly number[];
  },
  at: number,
): StandIn {
  const { other, own, ownOrder = null } = scores;
  const n = own.length;
  const easy = [...easiest(other, at)];
  const ownEasy = easiest(own, at, ownOrder);
  const ownHard = easiest(
    own.map((score) => -score),
    HARDEST,
  );
  const share = (holds: (i: number) => boolean) => wilson(easy.filter(holds).length, easy.length);
  const above = (places: readonly number[]) =>
    places.filter((i) => (own[i] as number) > Math.LN2).length / places.length;
  const value = spearman(other, own);
  const rho = value === null ? null : spearmanInterval(value, n);
  const overlap = share((i) => ownEasy.has(i));
  return {
    n,
    at,
    spearman: rho,
    overlap,
    easyFoundHard: share((i) => ownHard.has(i)),
    easyAboveLn2: { easiest: above(easy), all: above(own.map((_, i) => i)) },
    use: ruleOf(rho, overlap, at),
    least: LEAST_AGREEMENT,
  };
}

function ruleOf(rho: Interval | null, overlap: Interval | null, at: number): StandIn['use'] {
  if (rho === null || rho.high < LEAST_AGREEMENT) return 'no';
  // All pairs overlap wholly whatever the order.
  if (at < 1 && (overlap === null || overlap.value <= at)) return 'no';
  return rho.low >= LEAST_AGREEMENT ? 'yes' : 'more-pairs';
}
