import { expect, test } from 'vitest';
import { count, duration, fixed, keepPercent, percent, points, scientific, signed } from './numbers.ts';

test('numbers are written one way', () => {
  expect(percent(0.6123)).toBe('61.2%');
  expect(keepPercent(0.5)).toBe('50%');
  expect(keepPercent(0.637)).toBe('63.7%');
  expect(points(0.043)).toBe('+4.3');
  expect(points(-0.043)).toBe('−4.3');
  expect(count(6668)).toBe('6,668');
  expect(scientific(0.0004)).toBe('4e-4');
  expect(scientific(32)).toBe('32');
  expect(scientific(0)).toBe('0');
});

test('what rounds to zero has no sign', () => {
  expect(fixed(-0.0001, 2)).toBe('0.00');
  expect(signed(0.0001, 2)).toBe('0.00');
  expect(points(-0)).toBe('0.0');
});

test('what is no number is a dash, never 0', () => {
  for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect([percent(value), keepPercent(value), points(value), fixed(value, 1), scientific(value)]).toEqual(
      Array(5).fill('–'),
    );
    expect(duration(value).en).toBe('–');
  }
});

test('durations in words', () => {
  expect(duration(4.25).en).toBe('4.3 s');
  expect(duration(59.99).ja).toBe('1 分 0 秒');
  expect(duration(131.2).en).toBe('2 min 11 s');
  expect(duration(7384).ja).toBe('2 時間 3 分');
});
