import type { DuelVerdict } from './duel.ts';

/** What a judge's own chance does to a result: the same questions asked again. */
export interface JudgeNoise {
  readonly repeats: number;
  /** Duels with a verdict in every repeat: the others are left out. */
  readonly duels: number;
  readonly leftOut: number;
  /** Share of pairs of repeats that name the same winner (or both a tie); mean over duels. null without a duel. */
  readonly agreement: number | null;
  /** Win rate of each repeat. Empty without a duel. */
  readonly winRates: readonly number[];
  /** Standard deviation of these win rates (n − 1). null without a duel. */
  readonly winRateDeviation: number | null;
  /** The same from the spread within duels, which knows it better where repeats are few. null without a duel. */
  readonly winRateError: number | null;
}

/**
 * A judge's own noise, from n ≥ 2 repeats of D duels with the wins w_ir:
 * agreement = mean_i of #{r < s : sign(w_ir − ½) = sign(w_is − ½)} / (n (n − 1) / 2) (test-retest);
 * winRateDeviation = sd_r(mean_i w_ir);
 * winRateError = √(Σ_i s_i²) / D with s_i² the variance of w_i1 … w_in (n − 1): the standard error that the judge alone
 * gives one repeat's win rate, when its errors on two duels are independent. The mean of n repeats has it / √n.
 *
 * null for n = 1: one asking tells nothing. D = 1 gives its own spread.
 */
export function judgeNoise(verdicts: readonly DuelVerdict[]): JudgeNoise | null {
  const numbers = [...new Set(verdicts.map(({ repeat }) => repeat))].sort((a, b) => a - b);
  const repeats = numbers.length;
  if (repeats < 2) return null;
  const byDuel = new Map<string, Map<number, number | null>>();
  for (const { id, repeat, win } of verdicts) {
    const wins = byDuel.get(id) ?? new Map<number, number | null>();
    byDuel.set(id, wins.set(repeat, win));
  }
  const rows: number[][] = [];
  for (const wins of byDuel.values()) {
    const row = numbers.map((repeat) => wins.get(repeat) ?? null);
    if (row.every((win) => win !== null)) rows.push(row as number[]);
  }
  const duels = rows.length;
  const known = duels > 0;
  const winRates = known ? numbers.map((_, r) => mean(rows.map((row) => row[r] as number))) : [];
  return {
    repeats,
    duels,
    leftOut: byDuel.size - duels,
    agreement: known ? mean(rows.map(agreementOf)) : null,
    winRates,
    winRateDeviation: known ? Math.sqrt(variance(winRates)) : null,
    winRateError: known ? Math.sqrt(rows.reduce((sum, row) => sum + variance(row), 0)) / duels : null,
  };
}

function agreementOf(wins: readonly number[]): number {
  let [same, pairs] = [0, 0];
  for (let r = 0; r < wins.length; r++)
    for (let s = 0; s < r; s++) {
      pairs++;
      if (Math.sign((wins[r] as number) - 0.5) === Math.sign((wins[s] as number) - 0.5)) same++;
    }
  return same / pairs;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample variance (n − 1), from the distances to the first value, so that equal values have exactly none. */
function variance(values: readonly number[]): number {
  const distances = values.map((value) => value - (values[0] as number));
  const center = mean(distances);
  return distances.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1);
}
