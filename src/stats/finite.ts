/** Throws at the first value that is NaN or infinite: no statistic here turns one into a number, or returns one. */
export function requireFinite(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new RangeError(`${what}: need finite numbers, got ${values[i]} at index ${i}`);
    }
  }
}

/** Throws unless both sequences have the same length. */
export function requireSameLength(x: ArrayLike<unknown>, y: ArrayLike<unknown>, what: string): void {
  if (x.length !== y.length) {
    throw new RangeError(`${what}: need two sequences of the same length, got ${x.length} and ${y.length}`);
  }
}
