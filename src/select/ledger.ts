import type { DifficultyRow } from '../difficulty/scores.ts';
import type { RefusedRow } from '../pairs/pair.ts';
import type { Budget } from './budget.ts';
import type { KeepOptions } from './keep.ts';
import { type Strata, stratumOf } from './strata.ts';

/** A line of `ledger.jsonl`: for every row of the input what became of it and why. */
export interface LedgerRow {
  readonly row: number;
  readonly id: string | null;
  readonly decision: 'keep' | 'drop' | 'held-out' | 'refused';
  readonly reason: string;
  readonly difficulty: number | null;
  readonly spread: number | null;
  readonly rank: number | null;
  /** 0-based place in the training order. */
  readonly position: number | null;
}

export interface LedgerInput {
  readonly difficulties: readonly DifficultyRow[];
  /** In training order. */
  readonly kept: readonly DifficultyRow[];
  readonly heldOut: readonly { readonly id: string; readonly row: number }[];
  readonly refused: readonly RefusedRow[];
  readonly options: KeepOptions;
  /** Within what the keep fraction was applied; left out: within all. */
  readonly strata?: Strata | null;
}

/**
 * The ledger, in the order of the input. A reason holds the pair's rank and what it was one of; with strata also its
 * rank within its stratum, and how many were kept there.
 */
export function ledger({ difficulties, kept, heldOut, refused, options, strata }: LedgerInput): LedgerRow[] {
  const position = new Map(kept.map(({ id }, place) => [id, place]));
  const total = difficulties.length;
  const what = (count: number) =>
    ({
      easiest: `of the easiest ${count}`,
      hardest: `of the hardest ${count}`,
      middle: `of the middle ${count}`,
      random: `of ${count} drawn at random`,
    })[options.direction];
  const by = selectedBy(options);
  const within = strata == null ? null : standings(difficulties, position, strata);
  const rows: LedgerRow[] = [];
  for (const { id, row, difficulty, spread, rank } of difficulties) {
    const place = position.get(id);
    const own = within?.get(id);
    const standing = `rank ${rank} of ${total}${own === undefined ? '' : `, rank ${own.rank} of ${own.stratum.pairs} within ${own.stratum.name}`}`;
    const group = own === undefined ? what(kept.length) : `${what(own.stratum.kept)} there`;
    const reason = `${standing}: ${place === undefined ? 'not one' : 'one'} ${group} (${by})`;
    const decision = place === undefined ? 'drop' : 'keep';
    rows.push({ row, id, decision, reason, difficulty, spread, rank, position: place ?? null });
  }
  const bare = { difficulty: null, spread: null, rank: null, position: null };
  for (const { id, row } of heldOut)
    rows.push({ row, id, decision: 'held-out', reason: 'kept apart for evaluation', ...bare });
  for (const { id, row, message } of refused)
    rows.push({ row, id: id ?? null, decision: 'refused', reason: message, ...bare });
  return rows.sort((a, b) => a.row - b.row);
}

/** What decided the number: a share, a band of quantiles, a budget. */
export function selectedBy({ keepFraction, band, budget }: KeepOptions): string {
  const parts = [
    ...(band === undefined ? [] : [`band ${band[0]} to ${band[1]}`]),
    ...(budget === undefined ? [] : [`budget of ${budgetText(budget)}`]),
  ];
  return parts.length === 0 ? `keep fraction ${keepFraction}` : parts.join(', ');
}

function budgetText({ unit, most }: Budget): string {
  return unit === 'money' ? `${most} in money` : `${most} ${unit}`;
}

interface Standing {
  readonly rank: number;
  readonly stratum: { readonly name: string; readonly pairs: number; readonly kept: number };
}

/** Of every pair its place in its stratum, 1 the easiest, and what the stratum has. */
function standings(
  difficulties: readonly DifficultyRow[],
  kept: ReadonlyMap<string, number>,
  strata: Strata,
): ReadonlyMap<string, Standing> {
  const found = new Map<string, { name: string; pairs: number; kept: number }>();
  const ascending = [...difficulties].sort((a, b) => a.rank - b.rank);
  return new Map(
    ascending.map(({ id }) => {
      const name = stratumOf(strata, id);
      const stratum = found.get(name) ?? { name, pairs: 0, kept: 0 };
      found.set(name, stratum);
      stratum.pairs++;
      if (kept.has(id)) stratum.kept++;
      return [id, { rank: stratum.pairs, stratum }];
    }),
  );
}
