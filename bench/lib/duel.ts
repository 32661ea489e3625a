import type { Answer, Peer } from './peer.ts';

/** What two sides did with the same pairs, turn by turn in one sitting. */
export interface Duel {
  readonly rounds: number;
  /** Medians over the rounds. */
  readonly oursPairsPerSecond: number;
  readonly theirsPairsPerSecond: number;
  /** Ours over theirs, of pairs a second: the median of the rounds' ratios, the smallest and the largest. */
  readonly ratio: number;
  readonly ratioRange: readonly [number, number];
  /** Most memory that each process ever had. */
  readonly oursPeakBytes: number;
  readonly theirsPeakBytes: number;
  /** The sides' last answers. */
  readonly last: readonly [Answer, Answer];
}

/**
 * Asks both sides for `pairs` pairs, in turns, `rounds` times, after `warmups` that do not count. Whoever goes first
 * in one round goes second in the next: a machine that slows down meanwhile favours neither.
 */
export async function duel(
  ours: Peer,
  theirs: Peer,
  { pairs, rounds, warmups }: { readonly pairs: number; readonly rounds: number; readonly warmups: number },
): Promise<Duel> {
  const sides = [ours, theirs] as const;
  const rates: [number, number][] = [];
  const last: [Answer, Answer] = [{}, {}];
  for (let round = -warmups; round < rounds; round++) {
    const rate: [number, number] = [0, 0];
    for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      last[side] = await sides[side].ask({ pairs });
      rate[side] = pairs / (last[side].seconds as number);
    }
    if (round >= 0) rates.push(rate);
  }
  const ratios = rates.map(([a, b]) => a / b);
  return {
    rounds,
    oursPairsPerSecond: median(rates.map(([a]) => a)),
    theirsPairsPerSecond: median(rates.map(([, b]) => b)),
    ratio: median(ratios),
    ratioRange: [Math.min(...ratios), Math.max(...ratios)],
    oursPeakBytes: last[0].peakBytes as number,
    theirsPeakBytes: last[1].peakBytes as number,
    last,
  };
}

/** The middle value, or the mean of the two middle ones; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
