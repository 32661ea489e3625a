import { inputError } from '../base/errors.ts';
import { firstWithin } from './quota.ts';
import type { Strata } from './strata.ts';

/** Most that a selection may cost, instead of a share. */
export interface Budget {
  /** What is counted: pairs, tokens that are trained on, or what those cost. */
  readonly unit: 'pairs' | 'tokens' | 'money';
  /** In the unit. */
  readonly most: number;
  /** What a pair (unit `pairs`) or one of its tokens costs, in the unit. */
  readonly each: number;
}

/** Tokens of a pair by its id: prompt, chosen and rejected, each once. */
export type PairTokens = ReadonlyMap<string, number>;

/** What these pairs cost, in the budget's unit. */
export function costOf(budget: Budget, ids: Iterable<string>, tokens: PairTokens): number {
  let amount = 0;
  for (const id of ids) amount += budget.unit === 'pairs' ? 1 : tokensOf(tokens, id);
  return amount * budget.each;
}

/**
 * The first pairs in order of preference that the budget pays for: the longest beginning of the order (with strata, of
 * the shares of `firstWithin`) that costs no more. A pair that would not fit ends it: nothing behind is squeezed in,
 * as that would prefer short pairs.
 *
 * @throws inputError `small-budget` where it does not pay for one pair; `no-length` for a pair without tokens.
 */
export function affordable(
  order: readonly string[],
  budget: Budget,
  strata: Strata | null,
  tokens: PairTokens,
): Set<string> {
  const costs = (count: number) => costOf(budget, firstWithin(order, count, strata), tokens);
  // Rounding must not cost a pair.
  const fits = (count: number) => costs(count) <= budget.most * (1 + 1e-12);
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  if (low === 0)
    throw inputError('small-budget', 'the budget does not pay for one pair', {
      key: `selection.budget.${budget.unit}`,
      got: budget.most,
      need: `${costs(1)} for the first`,
      remedy: 'Raise the budget',
    });
  return firstWithin(order, low, strata);
}

function tokensOf(tokens: PairTokens, id: string): number {
  const found = tokens.get(id);
  if (found !== undefined) return found;
  throw inputError('no-length', 'the tokens of a pair are not known', {
    got: id,
    need: 'tokens of every scored pair',
    remedy: 'Give the tokens of all pairs, or a budget of pairs',
  });
}
