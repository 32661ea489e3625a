import type { DifficultyRow } from '../difficulty/scores.ts';
import type { RefusedRow } from '../pairs/pair.ts';
import type { KeepOptions } from './keep.ts';

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
}

/** The ledger, in the order of the input. */
export function ledger({ difficulties, kept, heldOut, refused, options }: LedgerInput): LedgerRow[] {
  const position = new Map(kept.map(({ id }, place) => [id, place]));
  const total = difficulties.length;
  const what = {
    easiest: `of the easiest ${kept.length}`,
    hardest: `of the hardest ${kept.length}`,
    random: `of ${kept.length} drawn at random`,
  }[options.direction];
  const rows: LedgerRow[] = [];
  for (const { id, row, difficulty, spread, rank } of difficulties) {
    const place = position.get(id);
    const standing = `rank ${rank} of ${total}`;
    const reason =
      place === undefined
        ? `${standing}: not one ${what} (keep fraction ${options.keepFraction})`
        : `${standing}: one ${what} (keep fraction ${options.keepFraction})`;
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
