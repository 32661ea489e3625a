import { inputError, WinnowError } from '../base/errors.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type Budget, costOf, type PairTokens } from './budget.ts';
import { type KeepOptions, keep, keptCount } from './keep.ts';
import type { Strata } from './strata.ts';
import type { Forced } from './verdicts.ts';

/**
 * As `keep`, where rules and people have decided of some pairs. The number kept stays ⌊τ·N⌋ of all N scored pairs:
 * those that are kept whatever their difficulty take their places first, the others are filled by the threshold from
 * the pairs of which nothing was said, and within strata the share is one of these. Where more are kept by rules and
 * people than there are places, all of them are kept and no other; where fewer pairs are left than places, all are kept.
 * A budget pays for the pairs of rules and people first, too; a band is that of all scored pairs. The training order is
 * over all that are kept.
 *
 * @throws inputError as `keep` does, and `all-dropped`.
 */
export function keepForced(
  difficulties: readonly DifficultyRow[],
  options: KeepOptions,
  strata: Strata | null,
  forced: Forced,
  tokens: PairTokens = new Map(),
): DifficultyRow[] {
  if (forced.keep.size === 0 && forced.drop.size === 0) return keep(difficulties, options, strata, tokens);
  const { band, budget, ...plain } = options;
  const left = difficulties.filter(({ id }) => !forced.drop.has(id));
  const inBand =
    band === undefined
      ? null
      : new Set(keep(difficulties, { ...plain, direction: 'easiest', band }, strata).map(({ id }) => id));
  const free = left.filter(({ id }) => !forced.keep.has(id) && inBand?.has(id) !== false);
  const chosen = new Set(left.flatMap(({ id }) => (forced.keep.has(id) ? [id] : [])));
  const fill = (): readonly DifficultyRow[] => {
    if (free.length === 0) return [];
    if (budget !== undefined)
      return paid(
        free,
        plain,
        { ...budget, most: budget.most - costOf(budget, chosen, tokens) },
        strata,
        tokens,
        chosen.size > 0,
      );
    if (band !== undefined) return free;
    const places = keptCount(difficulties.length, options.keepFraction) - chosen.size;
    if (places <= 0) return [];
    return keep(free, { ...plain, keepFraction: Math.min(1, places / free.length) }, strata);
  };
  for (const { id } of fill()) chosen.add(id);
  if (chosen.size === 0)
    throw inputError('all-dropped', 'rules and decisions leave no pair to keep', {
      got: `${forced.drop.size} of ${difficulties.length} pairs dropped`,
      remedy: 'winnow select --dry-run says how many pairs each rule decides',
    });
  return keep(left, { ...plain, keepFraction: 1 }).filter(({ id }) => chosen.has(id));
}

/** What the rest of a budget pays for: nothing, where pairs of rules and people have used it up. */
function paid(
  free: readonly DifficultyRow[],
  options: KeepOptions,
  budget: Budget,
  strata: Strata | null,
  tokens: PairTokens,
  mayBeNone: boolean,
): DifficultyRow[] {
  try {
    return keep(free, { ...options, budget }, strata, tokens);
  } catch (error) {
    if (mayBeNone && error instanceof WinnowError && error.code === 'small-budget') return [];
    throw error;
  }
}
