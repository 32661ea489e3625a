import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { affordable, type Budget, type PairTokens } from './budget.ts';
import { firstWithin } from './quota.ts';
import { type Strata, stratumOf } from './strata.ts';

export type Direction = 'easiest' | 'hardest' | 'middle' | 'random';

/** Quantiles of difficulty between which a selection takes its pairs. */
export type Band = readonly [low: number, high: number];

export interface KeepOptions {
  /** τ, in (0, 1]: the number kept is ⌊τ·N⌋, at least 1. A band or a budget decides the number in its place. */
  readonly keepFraction: number;
  /** Which pairs are preferred. */
  readonly direction: Direction;
  /** For `random`. */
  readonly seed: number;
  /** Only pairs between these quantiles are kept: all of them, or as many as a budget pays for. */
  readonly band?: Band;
  readonly budget?: Budget;
}

/**
 * The pairs to train on, in training order. Easiest: the lowest difficulties, from easy to hard (Gao et al. 2025,
 * Algorithm 1, lines 9–11). Hardest: the highest, also from easy to hard. Middle: those nearest to the median by rank,
 * from easy to hard. Random: a sample in random order.
 *
 * With `strata` the same holds within each of them (`firstWithin`): every stratum keeps the same share, in all exactly
 * as many are kept as without, and the training order is still over all that are kept. A band and the middle are
 * those of each stratum.
 *
 * @param tokens of every pair, for a budget of tokens or money.
 * @throws inputError `nothing-to-select`, `bad-keep-fraction`, `empty-band`, `no-stratum`, and those of `affordable`.
 */
export function keep(
  difficulties: readonly DifficultyRow[],
  options: KeepOptions,
  strata: Strata | null = null,
  tokens: PairTokens = new Map(),
): DifficultyRow[] {
  const { keepFraction, direction, seed, band, budget } = options;
  if (difficulties.length === 0)
    throw inputError('nothing-to-select', 'there is no scored pair to select from');
  if (!(keepFraction > 0 && keepFraction <= 1))
    throw inputError('bad-keep-fraction', 'the keep fraction must lie in (0, 1]', { got: keepFraction });
  const ascending = [...difficulties].sort((a, b) => a.rank - b.rank);
  const candidates = band === undefined ? ascending : inBand(ascending, band, strata);
  const first = (preferred: readonly DifficultyRow[]) => {
    const ids = preferred.map(({ id }) => id);
    if (budget !== undefined) return affordable(ids, budget, strata, tokens);
    if (band !== undefined) return new Set(ids);
    return firstWithin(ids, keptCount(difficulties.length, keepFraction), strata);
  };
  if (direction === 'random') {
    // Drawn from the order of the input, in which no difficulty shows.
    const inside = new Set(candidates);
    const drawn = new Random(seed, 'keep').shuffle(difficulties).filter((row) => inside.has(row));
    const kept = first(drawn);
    return drawn.filter(({ id }) => kept.has(id));
  }
  const preferred = {
    easiest: () => candidates,
    hardest: () => [...candidates].reverse(),
    middle: () => fromTheMiddle(candidates, strata),
  }[direction]();
  const kept = first(preferred);
  return candidates.filter(({ id }) => kept.has(id));
}

/** ⌊τ·N⌋, at least 1, with the rounding error of τ·N forgiven. */
export function keptCount(pairs: number, keepFraction: number): number {
  return Math.max(1, Math.floor(keepFraction * pairs + 1e-9));
}

/**
 * rows ⌊low · n⌋ … ⌊high · n⌋ − 1 of the n from easy to hard; with strata, of each of them
 *
 * So bands that meet share no pair and leave none out.
 */
function inBand(
  ascending: readonly DifficultyRow[],
  [low, high]: Band,
  strata: Strata | null,
): DifficultyRow[] {
  const places = (share: number, n: number) => Math.floor(share * n + 1e-9);
  const inside = ascendingPlaces(ascending, strata).filter(
    ({ place, of }) => place >= places(low, of) && place < places(high, of),
  );
  if (inside.length > 0) return inside.map(({ row }) => row);
  throw inputError('empty-band', 'no pair lies in the band', {
    key: 'selection.band',
    got: [low, high],
    need: `quantiles with a pair between them, of ${ascending.length} pairs`,
    remedy: 'Widen the band',
  });
}

/** From the median outwards, by rank; between two as far from it, the easier first. */
function fromTheMiddle(ascending: readonly DifficultyRow[], strata: Strata | null): DifficultyRow[] {
  return ascendingPlaces(ascending, strata)
    .map(({ row, place, of }) => ({ row, distance: Math.abs((2 * place + 1) / of - 1) }))
    .sort((a, b) => a.distance - b.distance || a.row.rank - b.row.rank)
    .map(({ row }) => row);
}

/** Of every pair its 0-based place from easy to hard in its stratum, and how many the stratum has. */
function ascendingPlaces(ascending: readonly DifficultyRow[], strata: Strata | null) {
  const sizes = new Map<string, number>();
  const placed = ascending.map((row) => {
    const name = strata === null ? '' : stratumOf(strata, row.id);
    const place = sizes.get(name) ?? 0;
    sizes.set(name, place + 1);
    return { row, name, place };
  });
  return placed.map(({ row, name, place }) => ({ row, place, of: sizes.get(name) as number }));
}
