import { bootstrapStatistics } from '../../stats/bootstrap-statistics.ts';
import type { Interval } from '../../stats/interval.ts';
import { wilson } from '../../stats/proportion.ts';

/** Bins of confidence, equally wide from ½ to 1. */
const BINS = 10;

/** How far the probability that a model implies for a label can be trusted, on pairs that it was not trained on. */
export interface Calibration {
  readonly pairs: number;
  /** Mean of (1 − p)², p = σ(m) of the pair's own label: 0 is perfect, ¼ is knowing nothing. */
  readonly brier: Interval;
  /** Expected calibration error, 0 … ½. */
  readonly ece: Interval | null;
  /** Mean confidence minus share of right orders: above 0 is too sure. */
  readonly overconfidence: Interval | null;
  readonly bins: readonly {
    readonly pairs: number;
    readonly confidence: number;
    readonly accuracy: Interval;
  }[];
}

/**
 * p = σ(m);  confidence c = max(p, 1 − p);  ECE = Σ_b (n_b / n) · |mean c in b − share right in b|, ten bins of c in [½, 1]
 *
 * Of margins m (after β) on held-out pairs: the probability that DPO's model of preferences gives the label. Intervals are
 * bootstrapped over pairs. ECE is biased upwards, by about √(p(1 − p) / n_b) a bin, and its interval with it: compare it
 * between arms on the same pairs, and do not read a small one as a fault.
 * @param pairs of which pair each margin is, where several training seeds give one each: they are drawn together.
 *
 * *Reference:* Brier 1950, Mon. Weather Rev. 78(1); Guo et al. 2017 (ICML), Eq. 3. null for no pairs.
 */
export function calibration(
  margins: readonly number[],
  seed: number,
  pairs: readonly number[] = margins.map((_, i) => i),
): Calibration | null {
  const n = margins.length;
  if (n === 0) return null;
  const of = margins.map((m) => {
    const p = 1 / (1 + Math.exp(-m));
    const confidence = Math.max(p, 1 - p);
    return {
      brier: (1 - p) ** 2,
      confidence,
      right: (1 + Math.sign(m)) / 2,
      bin: Math.min(BINS - 1, Math.floor((2 * confidence - 1) * BINS)),
    };
  });
  const statistics = (weights: Float64Array) => {
    const gaps = new Float64Array(BINS);
    let [total, brier, over] = [0, 0, 0];
    of.forEach((pair, i) => {
      const w = weights[i] as number;
      const gap = w * (pair.confidence - pair.right);
      total += w;
      brier += w * pair.brier;
      over += gap;
      gaps[pair.bin]! += gap;
    });
    const ece = gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / total;
    return [brier / total, ece, over / total];
  };
  const [brier, ece, overconfidence] = bootstrapStatistics(n, statistics, {
    seed,
    resamples: 1000,
    clusters: pairs,
  });
  return {
    pairs: new Set(pairs).size,
    brier: brier as Interval,
    ece: ece ?? null,
    overconfidence: overconfidence ?? null,
    bins: Array.from({ length: BINS }, (_, b) => of.filter(({ bin }) => bin === b)).flatMap((own) => {
      if (own.length === 0) return [];
      const right = own.reduce((sum, pair) => sum + pair.right, 0);
      const confidence = own.reduce((sum, pair) => sum + pair.confidence, 0) / own.length;
      return [{ pairs: own.length, confidence, accuracy: wilson(right, own.length) as Interval }];
    }),
  };
}
