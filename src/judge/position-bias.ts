import type { DuelVerdict } from './duel.ts';

/** Counts, from which shares and their intervals are made. */
export interface PositionBias {
  /** Duels (times repeats) with a verdict in both orders. */
  readonly duels: number;
  /** Of these, those whose two orders name different winners (a tie and a win differ too). */
  readonly disagree: number;
  /** Of these, those whose two orders name opposite winners: the judge follows the place. */
  readonly opposite: number;
  /** Their games by which place won. */
  readonly first: number;
  readonly second: number;
  readonly tied: number;
  /** Mean share of the answer in the first place, 0 … 1: ½ without bias, since each answer stood there once. null without a duel. */
  readonly firstShare: number | null;
  /** For an interval of `firstShare`: its mean over both games of each duel. */
  readonly firstShares: readonly number[];
}

/**
 * How much the order of two answers decides, from duels judged in both orders with the model's shares w₁ (opponent
 * first) and w₂ (model first): disagree where sign(w₁ − ½) ≠ sign(w₂ − ½);
 * firstShare = mean of ((1 − w₁) + w₂) / 2. Duels without both games are left out.
 *
 * *Reference:* Zheng et al. 2023, section 3.3 (position bias).
 */
export function positionBias(verdicts: readonly DuelVerdict[]): PositionBias {
  const firstShares: number[] = [];
  let [disagree, opposite, first, second, tied] = [0, 0, 0, 0, 0];
  for (const { games } of verdicts) {
    const ahead = games.find(({ order }) => order === 'opponent-first')?.win ?? null;
    const behind = games.find(({ order }) => order === 'model-first')?.win ?? null;
    // Equal answers were not asked.
    if (ahead === null || behind === null || games.every(({ key }) => key === null)) continue;
    const shares = [1 - ahead, behind];
    const [one, two] = [Math.sign(ahead - 0.5), Math.sign(behind - 0.5)];
    if (one !== two) disagree++;
    if (one * two < 0) opposite++;
    for (const share of shares) {
      if (share > 0.5) first++;
      else if (share < 0.5) second++;
      else tied++;
    }
    firstShares.push((1 - ahead + behind) / 2);
  }
  const duels = firstShares.length;
  const sum = firstShares.reduce((total, share) => total + share, 0);
  return {
    duels,
    disagree,
    opposite,
    first,
    second,
    tied,
    firstShare: duels === 0 ? null : sum / duels,
    firstShares,
  };
}
