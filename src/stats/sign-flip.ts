import { Random } from '../base/random.ts';
import { requireFinite } from './finite.ts';

/** Up to this many values that are not 0, all 2ᵏ sign patterns are tried. */
const MOST_EXACT = 14;

/**
 * p = share of sign patterns s ∈ {−1, 1}ⁿ with |Σ sᵢ dᵢ| ≥ |Σ dᵢ|
 *
 * The paired randomisation test: where neither side is better, each paired difference could as well have had the other
 * sign. Exact for at most 14 values that are not 0; above, `draws` random patterns, and the data count as one of them:
 * p = (1 + hits) / (1 + draws). *Reference:* Fisher 1935, The Design of Experiments, 21; Phipson and Smyth 2010,
 * Stat. Appl. Genet. Mol. Biol. 9(1) (the 1 +). n = 0, or all 0: p = 1. n = 1: p = 1.
 */
export function signFlipTest(
  differences: ArrayLike<number>,
  { seed, draws = 9999 }: { readonly seed: number; readonly draws?: number },
): number {
  requireFinite(differences, 'signFlipTest');
  if (!Number.isInteger(draws) || draws < 1)
    throw new RangeError(`signFlipTest: need at least 1 draw, got ${draws}`);
  const values = Float64Array.from(differences).filter((value) => value !== 0);
  if (values.length === 0) return 1;
  const total = values.reduce((sum, value) => sum + value, 0);
  const size = values.reduce((sum, value) => sum + Math.abs(value), 0);
  // Patterns whose sum is the same but for the order of rounding are hits.
  const least = Math.abs(total) - 1e-10 * size;
  if (values.length <= MOST_EXACT) {
    let hits = 0;
    const patterns = 2 ** values.length;
    for (let pattern = 0; pattern < patterns; pattern++) {
      let sum = 0;
      for (let i = 0; i < values.length; i++) sum += pattern & (1 << i) ? values[i]! : -values[i]!;
      if (Math.abs(sum) >= least) hits++;
    }
    return hits / patterns;
  }
  const random = new Random(seed, 'sign flip');
  let hits = 0;
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    let bits = 0;
    for (let i = 0; i < values.length; i++) {
      bits = i % 32 === 0 ? random.nextUint32() : bits >>> 1;
      sum += bits & 1 ? values[i]! : -values[i]!;
    }
    if (Math.abs(sum) >= least) hits++;
  }
  return (1 + hits) / (1 + draws);
}
