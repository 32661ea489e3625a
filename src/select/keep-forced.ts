import { inputError } from '../base/errors.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type KeepOptions, keep, keptCount } from './keep.ts';
import type { Strata } from './strata.ts';
import type { Forced } from './verdicts.ts';

/**
 * As `keep`, where rules and people have decided of some pairs. The number kept stays ⌊τ·N⌋ of all N scored pairs:
 * those that are kept whatever their difficulty take their places first, the others are filled by the threshold from
 * the pairs of which nothing was said, and within strata the share is one of these. Where more are kept by rules and
 * people than there are places, all of them are kept and no other; where fewer pairs are left than places, all are kept.
 * The training order is over all that are kept.
 *
 * @throws inputError as `keep` does, and `all-dropped`.
 */
export function keepForced(
  difficulties: readonly DifficultyRow[],
  options: KeepOptions,
  strata: Strata | null,
  forced: Forced,
): DifficultyRow[] {
  if (forced.keep.size === 0 && forced.drop.size === 0) return keep(difficulties, options, strata);
  const left = difficulties.filter(({ id }) => !forced.drop.has(id));
  if (difficulties.length > 0 && left.length === 0)
    throw inputError('all-dropped', 'rules and decisions drop every pair', {
      got: `${difficulties.length} pairs`,
      remedy: 'winnow select --dry-run says how many pairs each rule decides',
    });
  const free = left.filter(({ id }) => !forced.keep.has(id));
  const places = keptCount(difficulties.length, options.keepFraction) - (left.length - free.length);
  const chosen = new Set(left.flatMap(({ id }) => (forced.keep.has(id) ? [id] : [])));
  if (places > 0 && free.length > 0) {
    const share = Math.min(1, places / free.length);
    for (const { id } of keep(free, { ...options, keepFraction: share }, strata)) chosen.add(id);
  }
  return keep(left, { ...options, keepFraction: 1 }).filter(({ id }) => chosen.has(id));
}
