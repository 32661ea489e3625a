import { Random } from '../../base/random.ts';
import type { DifficultyRow } from '../../difficulty/scores.ts';
import type { Hyper } from '../../pipeline/units.ts';
import { keptCount } from '../../select/keep.ts';
import { type LabArm, type Replicate, seedOf } from './replicate.ts';

/** How an arm's training differs from the others', besides its pairs. */
interface Difference {
  /** Easy to hard instead of shuffled. */
  readonly sorted?: boolean;
  /** Of another order or draw of the same kind. */
  readonly repeat?: number;
  readonly hyper?: Partial<Hyper>;
  /** Added to the name. */
  readonly label?: string;
}

/** The same arm in several orders: at a good rate one training may lie ten points below the next of the same pairs. */
export function inOrders(count: number, arm: (difference: { readonly repeat: number }) => LabArm): LabArm[] {
  return Array.from({ length: count }, (_, repeat) => arm({ repeat }));
}

/** All pairs, shuffled. */
export function full(replicate: Replicate, difference: Difference = {}): LabArm {
  return armOf(replicate, 'full', ids(replicate.scored.difficulties), difference);
}

/** The easiest share of the pairs. */
export function easiest(replicate: Replicate, share: number, difference: Difference = {}): LabArm {
  const chosen = ascending(replicate).slice(0, count(replicate, share));
  return armOf(replicate, `easiest ${percent(share)}`, ids(chosen), difference);
}

/** The hardest share of the pairs. */
export function hardest(replicate: Replicate, share: number, difference: Difference = {}): LabArm {
  const rows = ascending(replicate);
  return armOf(
    replicate,
    `hardest ${percent(share)}`,
    ids(rows.slice(rows.length - count(replicate, share))),
    difference,
  );
}

/** As many pairs at random. */
export function random(replicate: Replicate, share: number, difference: Difference = {}): LabArm {
  const draw = new Random(seedOf(replicate, 'random arm'), difference.repeat ?? 0);
  const drawn = draw.shuffle(ascending(replicate)).slice(0, count(replicate, share));
  return armOf(replicate, `random ${percent(share)}`, ids(drawn), difference);
}

/** The share of the pairs with the lowest values; ties in the order of difficulty. */
export function lowest(
  replicate: Replicate,
  name: string,
  share: number,
  value: (id: string) => number,
  difference: Difference = {},
): LabArm {
  const rows = ascending(replicate).map((row) => ({ row, value: value(row.id) }));
  const sorted = rows.sort((a, b) => a.value - b.value || a.row.rank - b.row.rank);
  const chosen = sorted.slice(0, count(replicate, share)).map(({ row }) => row);
  return armOf(replicate, `${name} ${percent(share)}`, ids(chosen), difference);
}

/** Any pairs by their ids, in the order given. */
export function armOf(
  replicate: Replicate,
  kind: string,
  pairs: readonly string[],
  { sorted = false, repeat = 0, hyper, label }: Difference = {},
): LabArm {
  return {
    name: [kind, ...(sorted ? ['sorted'] : []), ...(label === undefined ? [] : [label])].join(', '),
    order: repeat,
    ids: pairs,
    // The same for all arms: a difference between two of them is then not one of luck in the shuffling alone.
    shuffleSeed: sorted ? null : seedOf(replicate, `order ${repeat}`),
    ...(hyper === undefined ? {} : { hyper }),
  };
}

/** From easy to hard. */
export function ascending({ scored }: Replicate): DifficultyRow[] {
  return scored.difficulties.toSorted((a, b) => a.rank - b.rank);
}

function count({ scored }: Replicate, share: number): number {
  return keptCount(scored.difficulties.length, share);
}

function ids(rows: readonly DifficultyRow[]): string[] {
  return rows.map(({ id }) => id);
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
