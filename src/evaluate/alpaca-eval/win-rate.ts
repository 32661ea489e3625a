import { meanWithError } from '../../stats/standard-error.ts';

/** Rates and errors in percent, as the leaderboard has them. */
export interface WinRate {
  /** Judgments that count. */
  readonly n: number;
  /** Judgments without a preference. */
  readonly dropped: number;
  readonly wins: number;
  readonly losses: number;
  /** Preferences of exactly 1.5. */
  readonly ties: number;
  readonly winRate: number | null;
  readonly standardError: number | null;
  readonly discreteWinRate: number | null;
}

/**
 * winRate = 100 · mean(p − 1),  standardError = 100 · s(p − 1) / √n,
 * discreteWinRate = 100 · mean of 1 where p > 1.5, ½ where p = 1.5, 0 where p < 1.5
 *
 * over preferences p in 1 … 2. *Reference:* alpaca_eval's `winrate.py` and `helpers.py` (`AbsoluteScoringRule`,
 * `ZeroOneScoringRule`). n = 0 gives null for all three, n = 1 for the error.
 */
export function winRate(preferences: readonly (number | null)[]): WinRate {
  const shares = preferences.flatMap((p) => (p === null ? [] : [p - 1]));
  const count = (is: (share: number) => boolean) => shares.filter(is).length;
  const n = shares.length;
  const [wins, losses, ties] = [count((p) => p > 0.5), count((p) => p < 0.5), count((p) => p === 0.5)];
  const counts = { n, dropped: preferences.length - n, wins, losses, ties };
  if (n === 0) return { ...counts, winRate: null, standardError: null, discreteWinRate: null };
  const { mean, standardError } = meanWithError(shares);
  return {
    ...counts,
    winRate: 100 * mean,
    standardError: standardError === null ? null : 100 * standardError,
    discreteWinRate: (100 * (wins + ties / 2)) / n,
  };
}
