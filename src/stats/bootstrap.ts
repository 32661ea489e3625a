import { quantile } from 'simple-statistics';
import { Random } from '../base/random.ts';
import { requireFinite } from './finite.ts';
import type { Interval } from './interval.ts';

/** One value a prompt, or `values[seed][prompt]`: the same prompts under several training seeds. */
export type PromptValues = ArrayLike<number> | readonly ArrayLike<number>[];

export interface BootstrapOptions {
  /** Of the random generator: the same seed and values give the same interval. */
  readonly seed: number;
  /** Default 2,000. */
  readonly resamples?: number;
  /** Coverage aimed at, between 0 and 1. Default 0.95. */
  readonly level?: number;
  /** A name for each prompt: prompts of one name (say, two pairs with one prompt) are drawn together. */
  readonly clusters?: readonly (string | number)[];
}

/**
 * value = (1 / SN) Σ_s Σ_p x_sp;  low, high = the (1 ∓ level) / 2 quantiles of the same mean over resamples
 *
 * A resample draws prompts (or clusters of them) with replacement and, where there are several training seeds,
 * seeds too, independently: the two cross, since every seed answers every prompt.
 * *Reference:* Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13.3 (percentile interval);
 * Owen 2007, "The pigeonhole bootstrap", Ann. Appl. Stat. 1(2) (crossed factors).
 * With S seeds the share of the variance that is between seeds comes out (S − 1) / S too small, and with one
 * seed not at all: the interval then speaks of other prompts, not of another training run.
 * n = 0 throws; n = 1 gives low = high = value, which is no certainty, so show n beside it.
 */
export function bootstrapMean(values: PromptValues, options: BootstrapOptions): Interval {
  const { seed, resamples = 2000, level = 0.95, clusters } = options;
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new RangeError(`bootstrapMean: need at least 1 resample, got ${resamples}`);
  }
  if (!(level > 0 && level < 1)) throw new RangeError(`bootstrapMean: need 0 < level < 1, got ${level}`);
  const rows = asRows(values, 'bootstrapMean');
  const { sums, sizes } = clusterSums(rows, clusters);

  const means = new Array<number>(resamples);
  const random = new Random(seed, 'bootstrap');
  const totals = new Float64Array(rows.length);
  for (let resample = 0; resample < resamples; resample++) {
    totals.fill(0);
    let size = 0;
    for (let draw = 0; draw < sizes.length; draw++) {
      const cluster = random.integer(sizes.length);
      size += sizes[cluster]!;
      for (let s = 0; s < totals.length; s++) totals[s]! += sums[s]![cluster]!;
    }
    let total = 0;
    for (let s = 0; s < totals.length; s++)
      total += totals[totals.length > 1 ? random.integer(totals.length) : s]!;
    means[resample] = total / (size * rows.length);
  }
  const [low, high] = quantile(means, [(1 - level) / 2, (1 + level) / 2]) as [number, number];
  return { value: mean(sums, sizes), low, high };
}

/**
 * bootstrapMean of d_sp = a_sp − b_sp
 *
 * Both sides answer the same prompts, so what is hard about a prompt falls out of the difference. Seeds are
 * paired by position; a side with one seed (the model before training) is set against every seed of the other,
 * and its own training noise is then not in the interval.
 * *Reference:* Efron and Tibshirani 1993, 8.3 (one-sample bootstrap of paired differences).
 * Throws when the prompts differ in number, and for two unequal numbers of seeds above 1. n = 0 throws.
 */
export function pairedDifference(a: PromptValues, b: PromptValues, options: BootstrapOptions): Interval {
  const left = asRows(a, 'pairedDifference, first side');
  const right = asRows(b, 'pairedDifference, second side');
  if (left[0]!.length !== right[0]!.length) {
    throw new RangeError(
      `pairedDifference: need the same prompts on both sides, got ${left[0]!.length} and ${right[0]!.length}`,
    );
  }
  if (left.length !== right.length && left.length > 1 && right.length > 1) {
    throw new RangeError(
      `pairedDifference: need the same number of seeds on both sides, or one, got ${left.length} and ${right.length}`,
    );
  }
  const differences = Array.from({ length: Math.max(left.length, right.length) }, (_, s) => {
    const x = left[left.length === 1 ? 0 : s]!;
    const y = right[right.length === 1 ? 0 : s]!;
    return Float64Array.from(x, (value, prompt) => value - y[prompt]!);
  });
  return bootstrapMean(differences, options);
}

function asRows(values: PromptValues, what: string): readonly ArrayLike<number>[] {
  const nested = values.length > 0 && typeof values[0] !== 'number';
  const rows = nested ? (values as readonly ArrayLike<number>[]) : [values as ArrayLike<number>];
  for (const row of rows) {
    if (row.length === 0) throw new RangeError(`${what}: need at least one prompt, got none`);
    if (row.length !== rows[0]!.length) {
      throw new RangeError(
        `${what}: need the same prompts for every seed, got ${rows[0]!.length} and ${row.length}`,
      );
    }
    requireFinite(row, what);
  }
  return rows;
}

/** Sums of each seed's values over each cluster, and the clusters' sizes: all that a resample needs. */
function clusterSums(rows: readonly ArrayLike<number>[], clusters: BootstrapOptions['clusters']) {
  const n = rows[0]!.length;
  if (clusters !== undefined && clusters.length !== n) {
    throw new RangeError(
      `bootstrapMean: need one cluster name for each of ${n} prompts, got ${clusters.length}`,
    );
  }
  const numbers = new Map<string | number, number>();
  const clusterOf = Array.from({ length: n }, (_, prompt) => {
    const name = clusters?.[prompt] ?? prompt;
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
  const sizes = new Float64Array(numbers.size);
  for (const cluster of clusterOf) sizes[cluster]!++;
  const sums = rows.map((row) => {
    const sum = new Float64Array(numbers.size);
    for (let prompt = 0; prompt < n; prompt++) sum[clusterOf[prompt]!]! += row[prompt]!;
    return sum;
  });
  return { sums, sizes };
}

function mean(sums: readonly Float64Array[], sizes: Float64Array): number {
  let total = 0;
  let size = 0;
  for (const row of sums) for (const sum of row) total += sum;
  for (const one of sizes) size += one;
  return total / (size * sums.length);
}
