/**
 * The fold of each of n groups of equal size, in k folds: groups in the order of {@link quicksortOrder} reversed,
 * dealt out in turn.
 *
 * As scikit-learn's `GroupKFold` (1.4) does it: groups by falling size, each into the fold that is lightest so far.
 * Its order among equal sizes is whatever numpy's default sort, which is not stable, makes of them; published
 * results depend on it, so the order is reproduced. n = 0 gives no folds; n < k leaves folds empty.
 */
export function groupFolds(n: number, k: number): Int32Array {
  if (!Number.isInteger(k) || k < 2) throw new RangeError(`groupFolds: need at least 2 folds, got ${k}`);
  const folds = new Int32Array(n);
  for (const [turn, group] of [...quicksortOrder(n)].reverse().entries()) folds[group] = turn % k;
  return folds;
}

/** Ranges this short numpy sorts by insertion, which leaves equal values where they are. */
const SHORT = 15;

/**
 * The indices 0 … n − 1 as numpy's `argsort` leaves them when all values are equal: quicksort with the middle as
 * pivot, both scans stopping at equal values, so every partition mirrors its range.
 *
 * *Reference:* numpy/_core/src/npysort/quicksort.cpp, `aquicksort_`, the portable one (numpy's variants for AVX-512 and
 * AVX2 leave other orders).
 */
export function quicksortOrder(n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const swap = (i: number, j: number) => {
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  };
  const ranges: [number, number][] = [[0, n - 1]];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const [left, right] = range;
    if (right - left <= SHORT) continue;
    let low = left + 1;
    let high = right - 2;
    swap(left + ((right - left) >> 1), right - 1);
    for (; low < high; low++, high--) swap(low, high);
    swap(low, right - 1);
    ranges.push([left, low - 1], [low + 1, right]);
  }
  return order;
}
