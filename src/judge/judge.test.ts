import { expect, test } from 'vitest';
import { type Grade, winner } from './judge.ts';

const grade = (score: number): Grade => ({ score, correct: score >= 2, style: 0 });

test('the higher score wins, equal scores share', () => {
  expect(winner(grade(2.5), grade(2))).toBe(1);
  expect(winner(grade(0), grade(0.5))).toBe(0);
  expect(winner(grade(1), grade(1))).toBe(0.5);
});

test('the two sides of a comparison share one win', () => {
  for (const a of [0, 0.5, 1, 2, 3]) {
    for (const b of [0, 0.5, 1, 2, 3]) {
      expect(winner(grade(a), grade(b)) + winner(grade(b), grade(a))).toBe(1);
    }
  }
});
