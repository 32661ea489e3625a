import { describe, expect, test } from 'vitest';
import type { ScoreFile } from './score-files.ts';
import { standIn, standInOf } from './stand-in.ts';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
function file(values: readonly number[], from = 0): ScoreFile {
  return {
    file: 'hand',
    from: 'hand',
    scores: new Map(values.map((value, i) => [`p${i + from}`, value])),
    byRow: new Map(),
  };
}

describe('scores that stand in for others', () => {
  test('the same order may, whatever its scale; the opposite may not', () => {
    const own = range(100);
    const same = standInOf({ other: own.map((x) => x ** 3), own }, 0.5);
    expect(same).toMatchObject({ n: 100, use: 'yes', overlap: { value: 1 }, easyFoundHard: { value: 0 } });
    const opposite = standInOf({ other: own.map((x) => -x), own }, 0.5);
    // Its easiest half holds the hardest fifth: 20 of 50.
    expect(opposite).toMatchObject({ use: 'no', overlap: { value: 0 }, easyFoundHard: { value: 0.4 } });
    expect(standInOf({ other: own.map(() => 1), own }, 0.5)).toMatchObject({ use: 'no', spearman: null });
  });

  test('a sample too small to tell asks for more', () => {
    const own = range(20);
    const other = own.map((x) => x + (x % 2 === 0 ? 3.5 : -3.5));
    const few = standInOf({ other, own }, 0.5);
    expect(few.spearman?.low).toBeLessThan(0.84);
    expect(few.use).toBe('more-pairs');
    const many = range(400);
    expect(standInOf({ other: many.map((x) => x + (x % 2 === 0 ? 3.5 : -3.5)), own: many }, 0.5).use).toBe(
      'yes',
    );
  });

  test('above ln 2, by hand', () => {
    const found = standInOf({ other: [1, 2, 3, 4], own: [0.1, 0.9, 0.2, 0.8] }, 0.5);
    expect(found.easyAboveLn2).toEqual({ easiest: 0.5, all: 0.5 });
  });

  test('by id, and too few in common', () => {
    expect(standIn(file(range(50)), file(range(30), 10), 0.5).n).toBe(30);
    expect(() => standIn(file(range(50)), file(range(30), 45), 0.5)).toThrow(/too few pairs/);
  });
});
