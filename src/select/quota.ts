import { type Strata, stratumOf } from './strata.ts';

/**
 * quota(s) = count · |s| / N, rounded by largest remainder
 *
 * Ids of `count` of the N that are given in order of preference: of each stratum s its first ⌊quota⌋, and one more in
 * the strata with the largest remainders, until there are exactly `count`. Between equal remainders the stratum goes
 * first whose next pair is preferred; so strata of one pair each, like one stratum of all (or null), give the first
 * `count`. A stratum gets ⌊quota⌋ or ⌈quota⌉, and never more than it has. `count` 0 gives none, N all.
 * *Reference:* Hamilton's method of apportionment; Balinski and Young 1982, Fair Representation.
 */
export function firstWithin(order: readonly string[], count: number, strata: Strata | null): Set<string> {
  if (strata === null) return new Set(order.slice(0, count));
  const places = new Map<string, number[]>();
  for (const [place, id] of order.entries()) {
    const name = stratumOf(strata, id);
    const own = places.get(name);
    if (own === undefined) places.set(name, [place]);
    else own.push(place);
  }
  const quotas = [...places.values()].map((own) => {
    // In whole numbers: equal remainders must be equal.
    const product = own.length * count;
    const remainder = product % order.length;
    const whole = (product - remainder) / order.length;
    return { own, whole, remainder, next: own[whole] ?? order.length };
  });
  const missing = count - quotas.reduce((sum, { whole }) => sum + whole, 0);
  const favoured = new Set(
    [...quotas].sort((a, b) => b.remainder - a.remainder || a.next - b.next).slice(0, missing),
  );
  return new Set(
    quotas.flatMap((quota) =>
      quota.own.slice(0, quota.whole + (favoured.has(quota) ? 1 : 0)).map((place) => order[place] as string),
    ),
  );
}
