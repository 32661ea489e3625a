import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerLengthRows, type PromptLengthRow, winLengths } from './win-lengths.ts';

const row = (prompt: string, win: number, lengthModel: number, lengthOpponent: number): PromptLengthRow => ({
  prompt,
  win,
  lengthModel,
  lengthOpponent,
});

describe('winLengths', () => {
  test('a judge that takes the longer answer leaves half at equal length', () => {
    const rows = Array.from({ length: 200 }, (_, i) => {
      const gap = (i % 9) - 2;
      return row(`p${i}`, gap > 0 ? 1 : gap < 0 ? 0 : 0.5, 20 + gap, 20);
    });
    const { lengths, lengthControlled } = winLengths(rows);
    expect(lengths?.winRate).toBeGreaterThan(0.7);
    expect(lengths?.agreement?.value).toBe(1);
    expect(lengthControlled?.winRate).toBeGreaterThan(0.4);
    expect(lengthControlled?.winRate).toBeLessThan(0.6);
  });

  test('a judge that sees no length keeps its win rate', () => {
    const rows = Array.from({ length: 400 }, (_, i) => row(`p${i}`, i % 4 === 0 ? 0 : 1, 20 + (i % 7), 23));
    const { lengths, lengthControlled } = winLengths(rows);
    expect(lengths?.winRate).toBe(0.75);
    expect(lengthControlled?.winRate).toBeCloseTo(0.75, 1);
  });

  test('several verdicts on a prompt are one judgment of it', () => {
    const once = Array.from({ length: 30 }, (_, i) => row(`p${i}`, i % 3 ? 1 : 0, 10 + (i % 5), 12));
    const twice = once.flatMap((one) => [one, one]);
    expect(winLengths(twice).lengthControlled).toEqual(winLengths(once).lengthControlled);
  });

  test('nothing judged, too few judged, and lengths that say nothing are told', () => {
    expect(winLengths([])).toEqual({
      lengthControlled: null,
      lengthControlledError: 'there is no verdict',
      lengths: null,
    });
    const few = winLengths([row('a', 1, 3, 2), row('b', 0, 2, 3)]);
    expect(few.lengthControlled).toBeNull();
    expect(few.lengthControlledError).toMatch(/too few judgments/);
    expect(few.lengths?.winRate).toBe(0.5);
    const constant = winLengths(Array.from({ length: 20 }, (_, i) => row(`p${i}`, i % 2, 12, 10)));
    expect(constant.lengthControlled).toBeNull();
    expect(constant.lengthControlledError).not.toBeNull();
  });

  test('swapping the sides mirrors every win rate', () => {
    const rows = fc.array(
      fc.record({
        win: fc.constantFrom(0, 0.5, 1),
        lengthModel: fc.integer({ min: 1, max: 40 }),
        lengthOpponent: fc.integer({ min: 1, max: 40 }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(rows, (drawn) => {
        const own = drawn.map((one, i) => ({ ...one, prompt: `p${i}` }));
        const mirrored = own.map(({ prompt, win, lengthModel, lengthOpponent }) =>
          row(prompt, 1 - win, lengthOpponent, lengthModel),
        );
        const [a, b] = [winLengths(own), winLengths(mirrored)];
        expect(a.lengths?.winRate).toBeCloseTo(1 - (b.lengths?.winRate ?? 0), 12);
        expect(a.lengths?.winRateOfLonger).toBeCloseTo(1 - (b.lengths?.winRateOfLonger ?? 0), 12);
        expect(a.lengthControlled === null).toBe(b.lengthControlled === null);
        if (a.lengthControlled !== null && b.lengthControlled !== null)
          expect(a.lengthControlled.winRate).toBeCloseTo(1 - b.lengthControlled.winRate, 4);
      }),
      { numRuns: 50 },
    );
  });
});

test('answerLengthRows pairs each judged answer with the start model’s', () => {
  const answer = (id: string, tokens: number) => ({ id, prompt: id, text: '', tokens, ended: true });
  const graded = (id: string, win: number) => ({ id, win, correct: null, style: null, reward: null });
  const start = [answer('a', 4), answer('b', 6)];
  const seeds = [
    { answers: [answer('a', 5), answer('b', 7)], graded: [graded('a', 1), graded('b', 0)] },
    { answers: [answer('a', 9), answer('b', 8)], graded: [graded('a', 0.5), graded('b', 1)] },
  ];
  expect(answerLengthRows(seeds, start)).toEqual([
    row('a', 1, 5, 4),
    row('b', 0, 7, 6),
    row('a', 0.5, 9, 4),
    row('b', 1, 8, 6),
  ]);
  expect(answerLengthRows([{ answers: start, graded: null }], start)).toEqual([]);
});
