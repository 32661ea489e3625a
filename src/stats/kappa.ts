import { requireFinite } from './finite.ts';

/** Agreement beyond chance of two raters. */
export interface Kappa {
  readonly value: number;
  /** Large-sample, for independent cases. */
  readonly standardError: number;
  readonly n: number;
}

/**
 * κ = (p_o − p_e) / (1 − p_e),  p_o = Σ_i p_ii,  p_e = Σ_i p_i· p_·i
 *
 * se² = [Σ_i p_ii (1 − (p_i· + p_·i)(1 − κ))² + (1 − κ)² Σ_{i≠j} p_ij (p_·i + p_j·)² − (κ − p_e (1 − κ))²] / (n (1 − p_e)²)
 *
 * `table[i][j]`: weight of the cases that the first rater calls i and the second j. *Reference:* Cohen 1960, Educ.
 * Psychol. Meas. 20(1); Fleiss, Cohen and Everitt 1969, Psychol. Bull. 72(5) (standard error).
 * null where it is not defined: n = 0, or both raters give all cases one and the same label (n = 1 in agreement is so).
 * n = 1 in disagreement gives 0. At κ = 1 the standard error is 0, which is no certainty: show n beside it.
 */
export function cohenKappa(table: readonly ArrayLike<number>[]): Kappa | null {
  const k = table.length;
  let n = 0;
  for (const line of table) {
    if (line.length !== k)
      throw new RangeError(`cohenKappa: need a square table, got ${k} by ${line.length}`);
    requireFinite(line, 'cohenKappa');
    for (let j = 0; j < k; j++) {
      if (line[j]! < 0) throw new RangeError(`cohenKappa: need counts of at least 0, got ${line[j]}`);
      n += line[j]!;
    }
  }
  if (n === 0) return null;
  const first = new Float64Array(k);
  const second = new Float64Array(k);
  let observed = 0;
  for (let i = 0; i < k; i++) {
    observed += table[i]![i]! / n;
    for (let j = 0; j < k; j++) {
      first[i]! += table[i]![j]! / n;
      second[j]! += table[i]![j]! / n;
    }
  }
  let chance = 0;
  for (let i = 0; i < k; i++) chance += first[i]! * second[i]!;
  if (1 - chance < 1e-12) return null;
  const value = (observed - chance) / (1 - chance);
  let spread = -((value - chance * (1 - value)) ** 2);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      const p = table[i]![j]! / n;
      spread +=
        i === j
          ? p * (1 - (first[i]! + second[i]!) * (1 - value)) ** 2
          : p * ((1 - value) * (second[i]! + first[j]!)) ** 2;
    }
  }
  return { value, standardError: Math.sqrt(Math.max(0, spread) / n) / (1 - chance), n };
}

/**
 * κ = (P̄ − P̄_e) / (1 − P̄_e),  P̄ = Σ_i w_i Σ_j n_ij (n_ij − 1) / (m (m − 1)) / Σ w,  P̄_e = Σ_j (Σ_i w_i n_ij / (m Σ w))²
 *
 * Agreement beyond chance of m raters on each case; `counts[i][j]`: how many give case i label j, `weights` w how
 * often a case counts (default once). *Reference:* Fleiss 1971, Psychol. Bull. 76(5).
 * null for no case, and where all labels of all cases are one and the same. Throws for fewer than 2 raters, and where
 * cases have different numbers of them.
 */
export function fleissKappa(
  counts: readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
): number | null {
  if (counts.length === 0) return null;
  const labels = counts[0]!.length;
  const raters = sum(counts[0]!);
  if (raters < 2) throw new RangeError(`fleissKappa: need at least 2 raters, got ${raters}`);
  const shares = new Float64Array(labels);
  let agreement = 0;
  let total = 0;
  for (const [i, line] of counts.entries()) {
    requireFinite(line, 'fleissKappa');
    if (line.length !== labels || sum(line) !== raters)
      throw new RangeError(
        `fleissKappa: need ${raters} raters and ${labels} labels for every case, got ${sum(line)} and ${line.length} for case ${i}`,
      );
    const weight = weights?.[i] ?? 1;
    total += weight;
    for (let j = 0; j < labels; j++) {
      agreement += (weight * line[j]! * (line[j]! - 1)) / (raters * (raters - 1));
      shares[j]! += (weight * line[j]!) / raters;
    }
  }
  if (total === 0) return null;
  const chance = shares.reduce((all, share) => all + (share / total) ** 2, 0);
  return 1 - chance < 1e-12 ? null : (agreement / total - chance) / (1 - chance);
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}
