import { normalCdf, normalQuantile } from './normal.ts';

/** What a comparison is to find, and how surely. */
export interface PowerOptions {
  /** Chance to find the effect where it is there. Default 0.8. */
  readonly power?: number;
  /** Chance to find one where none is, two-sided. Default 0.05. */
  readonly level?: number;
}

/**
 * n = (z_{1−α/2} + z_power)² · σ² / d²
 *
 * Independent cases (prompts) after which the interval of their mean, as wide as the data say, leaves out 0 with this
 * power where the mean is d and the standard deviation σ. Not rounded up. For paired differences, σ is that of the
 * differences. *Reference:* Lachin 1981, Control. Clin. Trials 2(2); Miller 2024, arXiv 2411.00640 (paired
 * evaluations of language models). d = 0 cannot be found and throws; σ = 0 gives 0. Below about 30 the normal
 * distribution promises too much.
 */
export function casesForMean(effect: number, sd: number, options: PowerOptions = {}): number {
  if (!(Math.abs(effect) > 0 && Number.isFinite(effect)))
    throw new RangeError(`casesForMean: need an effect that is not 0, got ${effect}`);
  if (!(sd >= 0 && Number.isFinite(sd))) throw new RangeError(`casesForMean: need sd ≥ 0, got ${sd}`);
  const { twoSided, oneSided } = quantiles(options);
  return (((twoSided + oneSided) * sd) / effect) ** 2;
}

/**
 * P(find) = Φ(|d| √n / σ − z_{1−α/2}) + Φ(−|d| √n / σ − z_{1−α/2})
 *
 * The power of {@link casesForMean}'s comparison with n cases; the second term, finding the wrong sign, is what its formula leaves
 * out. n = 0 and d = 0 give α. σ = 0 gives 1, or α where d = 0.
 */
export function powerOfMean(effect: number, sd: number, n: number, level = 0.05): number {
  const { twoSided } = quantiles({ level });
  if (effect === 0 || n === 0) return level;
  const shift = (Math.abs(effect) * Math.sqrt(n)) / sd;
  return normalCdf(shift - twoSided) + normalCdf(-shift - twoSided);
}

/**
 * n = (z_{1−α/2} √(2 p̄ (1 − p̄)) + z_power √(p₁ (1 − p₁) + p₂ (1 − p₂)))² / (p₁ − p₂)²,  p̄ = (p₁ + p₂) / 2
 *
 * Cases in each of two groups that share none, for the test of equal proportions. Not rounded up.
 * *Reference:* Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, ch. 4 (without the correction
 * for continuity). p₁ = p₂ throws.
 */
export function casesForTwoProportions(p1: number, p2: number, options: PowerOptions = {}): number {
  if (!(p1 >= 0 && p1 <= 1 && p2 >= 0 && p2 <= 1) || p1 === p2)
    throw new RangeError(`casesForTwoProportions: need two different shares, got ${p1} and ${p2}`);
  const { twoSided, oneSided } = quantiles(options);
  const mean = (p1 + p2) / 2;
  const apart = twoSided * Math.sqrt(2 * mean * (1 - mean));
  const alone = oneSided * Math.sqrt(p1 * (1 - p1) + p2 * (1 - p2));
  return ((apart + alone) / (p1 - p2)) ** 2;
}

/**
 * σ² = ((1 − t) / 4 − (w − ½)²) · (1 + (m − 1) ρ) / m
 *
 * Variance of a prompt's win share: the mean of m verdicts (orders times repeats) of 0, ½ or 1 with mean w, of which a
 * share t are ties, and of which two on the same prompt correlate by ρ. The first factor is E[x²] − w² of one verdict,
 * the second the design effect of m equally correlated ones. *Reference:* Kish 1965, Survey Sampling, ch. 5.
 * Throws where no such verdicts exist: t > 1 − 2 |w − ½|, or ρ < −1 / (m − 1).
 */
export function winShareVariance(winRate: number, ties: number, verdicts = 1, correlation = 0): number {
  const most = 1 - 2 * Math.abs(winRate - 0.5);
  if (!(ties >= 0 && ties <= most + 1e-12))
    throw new RangeError(
      `winShareVariance: need ties between 0 and ${most} at a win rate of ${winRate}, got ${ties}`,
    );
  if (!Number.isInteger(verdicts) || verdicts < 1)
    throw new RangeError(`winShareVariance: need at least 1 verdict, got ${verdicts}`);
  const inflation = 1 + (verdicts - 1) * correlation;
  if (!(correlation <= 1 && inflation >= 0))
    throw new RangeError(
      `winShareVariance: need a correlation that ${verdicts} verdicts can have, got ${correlation}`,
    );
  return (((1 - ties) / 4 - (winRate - 0.5) ** 2) * inflation) / verdicts;
}

function quantiles({ power = 0.8, level = 0.05 }: PowerOptions) {
  if (!(power > 0 && power < 1)) throw new RangeError(`need 0 < power < 1, got ${power}`);
  if (!(level > 0 && level < 1)) throw new RangeError(`need 0 < level < 1, got ${level}`);
  return { twoSided: normalQuantile(1 - level / 2), oneSided: normalQuantile(power) };
}
