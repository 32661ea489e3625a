import { requireFinite } from './finite.ts';

export interface Bin {
  readonly low: number;
  /** Exclusive, except in the last bin. */
  readonly high: number;
  readonly count: number;
}

/**
 * countₖ = #{i : low + k·w ≤ xᵢ < low + (k + 1)·w}, w = (high − low) / bins; the last bin includes `high`
 *
 * `range` defaults to the smallest and largest value. A value outside a given range throws: nothing is cut off
 * in silence. n = 0 without a range gives no bins; when all values are equal (as for n = 1) there is one bin
 * of width 0.
 */
export function histogram(values: ArrayLike<number>, bins: number, range?: readonly [number, number]): Bin[] {
  requireFinite(values, 'histogram');
  if (!Number.isInteger(bins) || bins < 1)
    throw new RangeError(`histogram: need at least 1 bin, got ${bins}`);
  if (values.length === 0 && range === undefined) return [];
  const [low, high] = range ?? extent(values);
  requireFinite([low, high], 'histogram range');
  if (low > high) throw new RangeError(`histogram: need low <= high, got [${low}, ${high}]`);
  const width = (high - low) / bins;
  // A width of 0 (or one that underflows) cannot tell bins apart.
  const counts = new Array<number>(width > 0 ? bins : 1).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low || value > high) {
      throw new RangeError(`histogram: value ${value} at index ${i} lies outside [${low}, ${high}]`);
    }
    counts[binOf(value)]!++;
  }
  return counts.map((count, k) => ({ low: edge(k), high: edge(k + 1), count }));

  function edge(k: number): number {
    return k === counts.length ? high : low + k * width;
  }
  function binOf(value: number): number {
    if (counts.length === 1) return 0;
    // The division may round across an edge; the edges as returned decide.
    let k = Math.min(counts.length - 1, Math.floor((value - low) / width));
    while (k > 0 && value < edge(k)) k--;
    while (k < counts.length - 1 && value >= edge(k + 1)) k++;
    return k;
  }
}

function extent(values: ArrayLike<number>): [number, number] {
  let low = values[0]!;
  let high = low;
  for (let i = 1; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  return [low, high];
}
