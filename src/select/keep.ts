import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { firstWithin } from './quota.ts';
import type { Strata } from './strata.ts';

export type Direction = 'easiest' | 'hardest' | 'random';

export interface KeepOptions {
  /** τ, in (0, 1]: the number kept is ⌊τ·N⌋, at least 1. */
  readonly keepFraction: number;
  readonly direction: Direction;
  /** For `random`. */
  readonly seed: number;
}

/**
 * The pairs to train on, in training order. Easiest: the lowest difficulties, from easy to hard (Gao et al. 2025,
 * Algorithm 1, lines 9–11). Hardest: the highest, also from easy to hard. Random: a sample in random order.
 *
 * With `strata` the same holds within each of them (`firstWithin`): every stratum keeps the same share, in all exactly
 * as many are kept as without, and the training order is still over all that are kept.
 *
 * @throws inputError `nothing-to-select`, `bad-keep-fraction`, `no-stratum`.
 */
export function keep(
  difficulties: readonly DifficultyRow[],
  options: KeepOptions,
  strata: Strata | null = null,
): DifficultyRow[] {
  const { keepFraction, direction, seed } = options;
  if (difficulties.length === 0)
    throw inputError('nothing-to-select', 'there is no scored pair to select from');
  if (!(keepFraction > 0 && keepFraction <= 1))
    throw inputError('bad-keep-fraction', 'the keep fraction must lie in (0, 1]', { got: keepFraction });
  const count = keptCount(difficulties.length, keepFraction);
  const first = (preferred: readonly DifficultyRow[]) => {
    const ids = preferred.map(({ id }) => id);
    return firstWithin(ids, count, strata);
  };
  if (direction === 'random') {
    const drawn = new Random(seed, 'keep').shuffle(difficulties);
    const kept = first(drawn);
    return drawn.filter(({ id }) => kept.has(id));
  }
  const ascending = [...difficulties].sort((a, b) => a.rank - b.rank);
  const kept = first(direction === 'easiest' ? ascending : [...ascending].reverse());
  return ascending.filter(({ id }) => kept.has(id));
}

/** ⌊τ·N⌋, at least 1, with the rounding error of τ·N forgiven. */
export function keptCount(pairs: number, keepFraction: number): number {
  return Math.max(1, Math.floor(keepFraction * pairs + 1e-9));
}
