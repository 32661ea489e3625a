/** A value and the bounds of its interval: 95 % unless said otherwise where it is made. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}
