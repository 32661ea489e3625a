import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';

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
 */
export function keep(difficulties: readonly DifficultyRow[], options: KeepOptions): DifficultyRow[] {
  const { keepFraction, direction, seed } = options;
  if (difficulties.length === 0)
    throw inputError('nothing-to-select', 'there is no scored pair to select from');
  if (!(keepFraction > 0 && keepFraction <= 1))
    throw inputError('bad-keep-fraction', 'the keep fraction must lie in (0, 1]', { got: keepFraction });
  const count = keptCount(difficulties.length, keepFraction);
  if (direction === 'random') return new Random(seed, 'keep').shuffle(difficulties).slice(0, count);
  const ascending = [...difficulties].sort((a, b) => a.rank - b.rank);
  return direction === 'easiest' ? ascending.slice(0, count) : ascending.slice(ascending.length - count);
}

/** ⌊τ·N⌋, at least 1, with the rounding error of τ·N forgiven. */
export function keptCount(pairs: number, keepFraction: number): number {
  return Math.max(1, Math.floor(keepFraction * pairs + 1e-9));
}
