import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { promptKey } from './keys.ts';
import type { PreferencePair } from './pair.ts';

export type HeldOutSize =
  /** Share of the pairs, in [0, 1). */
  | { readonly share: number }
  /** Number of pairs. */
  | { readonly count: number };

export type SplitOptions = HeldOutSize & { readonly seed: number | string };

/** Both in the order of the input. */
export interface HeldOutSplit {
  readonly pool: PreferencePair[];
  readonly heldOut: PreferencePair[];
}

/**
 * Holds pairs out, all pairs of a prompt together (by `promptKey`; pairs with equal `nearDuplicateKey` have
 * equal prompts, so they stay together as well). Prompts are drawn in a seeded order; one that would overshoot
 * the size asked for is passed over, and at the end the smallest one left is added if that comes closer. So the
 * size is met exactly where single-pair prompts abound, and to within half a prompt's pairs otherwise.
 */
export function splitHeldOut(pairs: readonly PreferencePair[], options: SplitOptions): HeldOutSplit {
  const target = targetOf(pairs.length, options);
  const groups = new Map<string, PreferencePair[]>();
  for (const pair of pairs) {
    const key = promptKey(pair);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pair]);
    else group.push(pair);
  }
  const held = new Set<PreferencePair>();
  let smallest: readonly PreferencePair[] | undefined;
  for (const group of new Random(options.seed, 'hold out').shuffle([...groups.values()])) {
    if (held.size + group.length <= target) for (const pair of group) held.add(pair);
    else if (smallest === undefined || group.length < smallest.length) smallest = group;
  }
  if (smallest !== undefined && held.size + smallest.length - target < target - held.size) {
    for (const pair of smallest) held.add(pair);
  }
  return { pool: pairs.filter((pair) => !held.has(pair)), heldOut: pairs.filter((pair) => held.has(pair)) };
}

function targetOf(total: number, options: SplitOptions): number {
  if ('share' in options) {
    if (options.share >= 0 && options.share < 1) return Math.round(options.share * total);
    throw inputError('bad-held-out', 'the share held out must be at least 0 and below 1', {
      got: options.share,
      remedy: 'Use a share such as 0.1.',
    });
  }
  const { count } = options;
  if (Number.isInteger(count) && count >= 0 && count <= total) return count;
  throw inputError(
    'bad-held-out',
    'the number of pairs held out must be whole and at most the number of pairs',
    {
      got: count,
      need: `0 to ${total}`,
    },
  );
}
