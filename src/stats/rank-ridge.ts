import { Random } from '../base/random.ts';
import { spearman } from './correlation.ts';
import { type LinearFit, leastSquares, predict } from './least-squares.ts';
import { rankAverage } from './rank.ts';

/** A ridge regression on ranks, and the penalty that its folds chose. */
export interface RankRidge {
  readonly fit: LinearFit;
  readonly lambda: number;
  /** Rank correlation with predictions out of fold, by penalty; null where predictions are constant. */
  readonly tried: readonly { readonly lambda: number; readonly spearman: number | null }[];
}

export interface RankRidgeOptions {
  /** Of the shuffle that makes the folds. */
  readonly seed: number;
  /** Penalties a row, on standardised columns; default: decades from 0.001 to 1. */
  readonly penalties?: readonly number[];
  /** Default 5. */
  readonly folds?: number;
}

const PENALTIES = [0.001, 0.01, 0.1, 1];

/**
 * min_b Σᵢ (uᵢ − b₀ − Σⱼ bⱼ zᵢⱼ)² + λ n Σⱼ bⱼ²,  uᵢ = (rank(yᵢ) − ½) / n
 *
 * Ridge regression of ranks: predictions are places between easy and hard, and no far value of y pulls the line. λ is
 * the one whose predictions out of fold have the highest rank correlation with y; of equal ones the largest.
 * *Reference:* Hoerl and Kennard 1970, Technometrics 12(1); Iman and Conover 1979, Technometrics 21(4) (regression
 * on ranks); Stone 1974, J. R. Stat. Soc. B 36(2) (choice by cross-validation).
 * Throws with fewer rows than two a fold.
 */
export function rankRidge(
  rows: readonly (readonly number[])[],
  y: readonly number[],
  { seed, penalties = PENALTIES, folds = 5 }: RankRidgeOptions,
): RankRidge {
  const n = rows.length;
  if (n < 2 * folds) throw new RangeError(`rankRidge: ${n} rows for ${folds} folds`);
  const solve = (places: readonly number[], lambda: number): LinearFit => {
    const ranks = rankAverage(places.map((i) => y[i] as number));
    const own = places.map((i) => rows[i] as readonly number[]);
    return leastSquares(
      own,
      Array.from(ranks, (rank) => (rank - 0.5) / places.length),
      lambda * places.length,
    );
  };
  const all = rows.map((_, i) => i);
  const shuffled = new Random(seed, 'rank ridge').shuffle(all);
  const tried = penalties.map((lambda) => {
    const out = new Array<number>(n).fill(0);
    for (let fold = 0; fold < folds; fold++) {
      const fitted = solve(
        shuffled.filter((_, place) => place % folds !== fold),
        lambda,
      );
      for (const [place, i] of shuffled.entries())
        if (place % folds === fold) out[i] = predict(fitted, rows[i] as readonly number[]);
    }
    return { lambda, spearman: spearman(out, y) };
  });
  const best = tried.reduce((a, b) => ((b.spearman ?? -2) >= (a.spearman ?? -2) ? b : a));
  return { fit: solve(all, best.lambda), lambda: best.lambda, tried };
}
