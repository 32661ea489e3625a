import { requireFinite, requireSameLength } from './finite.ts';
import { normalQuantile } from './normal.ts';
import { rankAverage } from './rank.ts';

/** The area under the ROC curve. */
export interface Auc {
  readonly value: number;
  /** null where it cannot be known: fewer than two clusters with a positive or with a negative. */
  readonly standardError: number | null;
  /** null also where all positives lie above all negatives or below: an error of 0 is no certainty. */
  readonly low: number | null;
  readonly high: number | null;
  readonly positives: number;
  readonly negatives: number;
}

/**
 * AUC = (1 / mn) Σ_i Σ_j ψ(xᵢ, yⱼ),  ψ = 1 for x > y, ½ for x = y, else 0;  interval AUC ± z · se
 *
 * How often a positive has the higher score than a negative: ½ says nothing, 0 the reverse. With V₁₀(xᵢ) = Σ_j ψ / n,
 * V₀₁(yⱼ) = Σ_i ψ / m and their sums over clusters c less what is expected, a_c = Σ V₁₀ − m_c · AUC, b_c = Σ V₀₁ − n_c · AUC:
 *
 * se² = I₁ / (I₁ − 1) · Σ a_c² / m² + I₀ / (I₀ − 1) · Σ b_c² / n² + 2 · I / (I − 1) · Σ a_c b_c / (mn)
 *
 * I, I₁, I₀: clusters, those with a positive, those with a negative. Without `clusters` each case is one, and this is
 * DeLong's error. *Reference:* DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44(3); Obuchowski 1997, Biometrics
 * 53(2) (clusters); Sun and Xu 2014, IEEE Signal Process. Lett. 21(11) (by ranks).
 * null where there is no positive or no negative, as for n = 0 and n = 1.
 */
export function auc(
  scores: ArrayLike<number>,
  positive: ArrayLike<boolean>,
  { level = 0.95, clusters }: { level?: number; clusters?: ArrayLike<string | number> } = {},
): Auc | null {
  requireSameLength(scores, positive, 'auc');
  if (clusters !== undefined) requireSameLength(scores, clusters, 'auc');
  requireFinite(scores, 'auc');
  const isPositive = Array.from(positive);
  const all = isPositive.map((_, i) => i);
  const ups = all.filter((i) => isPositive[i]);
  const downs = all.filter((i) => !isPositive[i]);
  const [m, n] = [ups.length, downs.length];
  if (m === 0 || n === 0) return null;

  // Rank among all less rank among one's own is how many of the others lie below.
  const ranks = rankAverage(scores);
  const above = placements(scores, ranks, ups).map((below) => below / n);
  const under = placements(scores, ranks, downs).map((below) => 1 - below / m);
  const value = above.reduce((sum, share) => sum + share, 0) / m;

  const upSums = new Map<string | number, number>();
  const downSums = new Map<string | number, number>();
  const add = (sums: Map<string | number, number>, i: number, share: number) => {
    const cluster = clusters?.[i] ?? i;
    sums.set(cluster, (sums.get(cluster) ?? 0) + share - value);
  };
  for (const [k, i] of ups.entries()) add(upSums, i, above[k]!);
  for (const [k, i] of downs.entries()) add(downSums, i, under[k]!);
  let variance: number | null = null;
  if (upSums.size > 1 && downSums.size > 1) {
    const together = new Set([...upSums.keys(), ...downSums.keys()]).size;
    let both = 0;
    for (const [cluster, sum] of upSums) both += sum * (downSums.get(cluster) ?? 0);
    variance =
      spread(upSums) / (m * m) +
      spread(downSums) / (n * n) +
      (2 * (together / (together - 1)) * both) / (m * n);
  }
  const standardError = variance === null ? null : Math.sqrt(Math.max(0, variance));
  const known = standardError !== null && standardError > 1e-12;
  const half = known ? normalQuantile((1 + level) / 2) * standardError : 0;
  return {
    value,
    standardError,
    low: known ? Math.max(0, value - half) : null,
    high: known ? Math.min(1, value + half) : null,
    positives: m,
    negatives: n,
  };
}

/** How many of the others have a lower score than each of `own`, equal ones half. */
function placements(scores: ArrayLike<number>, ranks: Float64Array, own: readonly number[]): number[] {
  const among = rankAverage(own.map((i) => scores[i]!));
  return own.map((i, k) => ranks[i]! - among[k]!);
}

function spread(sums: ReadonlyMap<unknown, number>): number {
  let squares = 0;
  for (const sum of sums.values()) squares += sum * sum;
  return (sums.size / (sums.size - 1)) * squares;
}
