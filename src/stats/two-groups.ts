import { requireFinite } from './finite.ts';
import type { Interval } from './interval.ts';
import { normalCdf } from './normal.ts';
import { wilson } from './proportion.ts';
import { rankAverage } from './rank.ts';

/**
 * p = Σ P(X = k) over all k with P(X = k) ≤ P(X = a),  X ~ Hypergeometric(N, a + b, a + c),  N = a + b + c + d
 *
 * Fisher's exact test of a table [[a, b], [c, d]]: whether rows and columns go together, the margins being given. For a
 * selection of a fixed size this is no approximation: it *is* a draw without replacement where it does not see the group.
 * *Reference:* Fisher 1934, Statistical Methods for Research Workers, 21.02. A margin of 0 gives 1.
 */
export function fisherExact(a: number, b: number, c: number, d: number): number {
  for (const count of [a, b, c, d])
    if (!Number.isInteger(count) || count < 0)
      throw new RangeError(`fisherExact: need whole counts of at least 0, got ${count}`);
  const [rows, columns, n] = [a + b, a + c, a + b + c + d];
  const low = Math.max(0, rows + columns - n);
  const high = Math.min(rows, columns);
  if (low === high) return 1;
  // Relative to the mode, so that nothing overflows and only what is nothing underflows.
  const mode = Math.min(high, Math.max(low, Math.floor(((rows + 1) * (columns + 1)) / (n + 2))));
  const up = (k: number) => ((rows - k) * (columns - k)) / ((k + 1) * (n - rows - columns + k + 1));
  const weights = new Float64Array(high - low + 1);
  weights[mode - low] = 1;
  for (let k = mode; k < high; k++) weights[k + 1 - low] = weights[k - low]! * up(k);
  for (let k = mode; k > low; k--) weights[k - 1 - low] = weights[k - low]! / up(k - 1);
  const own = weights[a - low]! * (1 + 1e-9);
  let [total, tail] = [0, 0];
  for (const weight of weights) {
    total += weight;
    if (weight <= own) tail += weight;
  }
  return Math.min(1, tail / total);
}

/**
 * d = p₁ − p₂;  low = d − √((p₁ − l₁)² + (u₂ − p₂)²),  high = d + √((u₁ − p₁)² + (p₂ − l₂)²)
 *
 * Difference of two independent shares with Wilson's bounds l, u of each. *Reference:* Newcombe 1998, Stat. Med. 17(8),
 * method 10. null where one of them is of nothing.
 */
export function shareDifference(
  [hits1, n1]: readonly [hits: number, n: number],
  [hits2, n2]: readonly [hits: number, n: number],
  level = 0.95,
): Interval | null {
  const [one, two] = [wilson(hits1, n1, level), wilson(hits2, n2, level)];
  if (one === null || two === null) return null;
  const value = one.value - two.value;
  return {
    value,
    low: value - Math.hypot(one.value - one.low, two.high - two.value),
    high: value + Math.hypot(one.high - one.value, two.value - two.low),
  };
}

/**
 * p = 2 · Φ(−|U − mn/2| / σ),  σ² = mn/12 · (N + 1 − Σ_ties (t³ − t) / (N(N − 1)))
 *
 * Whether the values of one group lie above those of the other (Mann and Whitney), by the normal approximation with its
 * correction for ties and none for continuity. *Reference:* Lehmann 1975, Nonparametrics, 1.4. An empty group, or values
 * that are all equal: p = 1. For groups of fewer than about eight the approximation is rough.
 */
export function rankSumTest(values: ArrayLike<number>, inFirst: ArrayLike<boolean>): number {
  requireFinite(values, 'rankSumTest');
  const n = values.length;
  const ranks = rankAverage(values);
  let [m, sum] = [0, 0];
  const ties = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    ties.set(ranks[i]!, 1 + (ties.get(ranks[i]!) ?? 0));
    if (!inFirst[i]) continue;
    m++;
    sum += ranks[i]!;
  }
  const others = n - m;
  if (m === 0 || others === 0) return 1;
  let tied = 0;
  for (const t of ties.values()) tied += t ** 3 - t;
  const variance = ((m * others) / 12) * (n + 1 - tied / (n * (n - 1)));
  if (variance <= 0) return 1;
  const u = sum - (m * (m + 1)) / 2;
  return Math.min(1, 2 * normalCdf(-Math.abs(u - (m * others) / 2) / Math.sqrt(variance)));
}
