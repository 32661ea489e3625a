import type { Answer, Peer } from './peer.ts';

/** What several sides did with the same pairs, turn by turn in one sitting. */
export interface Turns {
  /** Pairs a second, [round][side]. */
  readonly rates: readonly (readonly number[])[];
  /** The sides' last answers. */
  readonly last: readonly Answer[];
}

/**
 * Asks every side for `pairs` pairs, in turns, `rounds` times, after `warmups` that do not count. Each round begins
 * with another side: a machine that slows down meanwhile favours none.
 */
export async function takeTurns(
  sides: readonly Peer[],
  { pairs, rounds, warmups }: { readonly pairs: number; readonly rounds: number; readonly warmups: number },
): Promise<Turns> {
  const rates: number[][] = [];
  const last: Answer[] = sides.map(() => ({}));
  for (let round = 0; round < warmups + rounds; round++) {
    const rate = sides.map(() => 0);
    for (let turn = 0; turn < sides.length; turn++) {
      const side = (round + turn) % sides.length;
      last[side] = await (sides[side] as Peer).ask({ pairs });
      rate[side] = pairs / (last[side].seconds as number);
    }
    if (round >= warmups) rates.push(rate);
  }
  return { rates, last };
}

/** Median pairs a second of a side. */
export function rateOf({ rates }: Turns, side: number): number {
  return median(rates.map((rate) => rate[side] as number));
}

/** One side's pairs a second over another's: the median of the rounds' ratios, the smallest and the largest. */
export function ratioOf(
  { rates }: Turns,
  side: number,
  other: number,
): { readonly ratio: number; readonly range: readonly [number, number] } {
  const ratios = rates.map((rate) => (rate[side] as number) / (rate[other] as number));
  return { ratio: median(ratios), range: [Math.min(...ratios), Math.max(...ratios)] };
}

/** The middle value, or the mean of the two middle ones; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
