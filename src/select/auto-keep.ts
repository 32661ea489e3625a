import { bootstrapMean, pairedDifference } from '../stats/bootstrap.ts';
import type { Interval } from '../stats/interval.ts';

/** Shares that `keepFraction: auto` chooses from, beside all pairs. */
export const AUTO_SHARES = [0.5, 0.6, 0.7, 0.8, 0.9] as const;
/** Two-sided; below its lower bound lies a truth of one-sided 5 %. */
export const AUTO_LEVEL = 0.9;

/** A share that was tried. */
export interface TriedShare {
  readonly keepFraction: number;
  /** [order][prompt]: 1 won, ½ tied, 0 lost against the start model. */
  readonly wins: readonly (readonly number[])[];
}

export interface AutoKeep {
  readonly keepFraction: number;
  /** Ascending; the last is all pairs. Intervals are of 90 %; reports of before there were any have none. */
  readonly tried: readonly {
    readonly keepFraction: number;
    readonly winRate: number;
    readonly interval?: Interval;
    /** Win rate minus that of the highest share of all: as good as that where the interval reaches 0. */
    readonly belowBest?: Interval;
  }[];
  /** Win rate of the best share below 1 minus that of all pairs, with its 90 % interval over prompts and orders. */
  readonly gain: Interval;
}

/**
 * Which share to keep: the one with the highest win rate on prompts of its own, but only where it beats all pairs there
 * beyond chance (the 90 % interval of the paired difference lies above 0). Otherwise all: pairs are not left out on
 * a hunch.
 * @param all the arm of all pairs.
 * @throws RangeError without a share below 1, or where prompts differ in number.
 */
export function autoKeep(shares: readonly TriedShare[], all: TriedShare, seed: number): AutoKeep {
  if (shares.length === 0) throw new RangeError('autoKeep: need at least one share below 1, got none');
  const best = shares.reduce((a, b) => (winRate(b) > winRate(a) ? b : a));
  const gain = pairedDifference(best.wins, all.wins, { seed, level: AUTO_LEVEL });
  const highest = winRate(best) > winRate(all) ? best : all;
  const tried = [...shares, all]
    .map((share) => ({
      keepFraction: share.keepFraction,
      winRate: winRate(share),
      interval: bootstrapMean(share.wins, { seed, level: AUTO_LEVEL }),
      belowBest: pairedDifference(share.wins, highest.wins, { seed, level: AUTO_LEVEL }),
    }))
    .sort((a, b) => a.keepFraction - b.keepFraction);
  return { keepFraction: gain.low > 0 ? best.keepFraction : all.keepFraction, tried, gain };
}

function winRate({ wins }: TriedShare): number {
  const all = wins.flat();
  return all.reduce((sum, win) => sum + win, 0) / all.length;
}
