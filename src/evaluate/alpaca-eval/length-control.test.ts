import { describe, expect, test } from 'vitest';
import { lengthControlledWinRate } from '../length-controlled.ts';
import { lengthControl } from './length-control.ts';
import type { ModelJudgments } from './read.ts';

const settings = { difficulties: null, anchors: null, byIndex: false, strength: 10 };
const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);

function judged(n: number, change: Partial<ModelJudgments> = {}): ModelJudgments {
  return {
    ...{ model: 'x', baseline: null, indices: numbers(n).map(() => null) },
    preferences: numbers(n).map((i) => 1.5 + 0.5 * Math.sin(7 * i)),
    lengthsModel: numbers(n).map((i) => 100 + 30 * Math.cos(3 * i)),
    lengthsBaseline: numbers(n).map(() => 100),
    ...change,
  };
}

const difficultyOf = (i: number) => Math.sin(1.3 * i);
const difficulties = new Map(numbers(200).map((i) => [i, difficultyOf(i)]));

/** The value with these difficulties on the rows of `all`. */
const value = (all: ModelJudgments, gammas: readonly number[]) =>
  100 *
  lengthControlledWinRate(
    gammas.map((difficulty, i) => ({
      ...{ share: all.preferences[i]! - 1, difficulty },
      ...{ lengthModel: all.lengthsModel[i]!, lengthBaseline: all.lengthsBaseline[i]! },
    })),
    { strength: 10 },
  ).winRate;

describe('lengthControl', () => {
  test('without difficulties it says so, and its error is of sampling', () => {
    const found = lengthControl(judged(60), settings);
    expect(found).toMatchObject({ lengthControlledModel: 'without-difficulty', lengthControlledError: null });
    expect(found.lcStandardError).toBe(found.lcSamplingError);
    expect(found.lcSamplingError).toBeGreaterThan(0);
  });

  test('difficulties by position, where all rows are there', () => {
    const all = judged(200);
    const found = lengthControl(all, { ...settings, difficulties });
    expect(found.lengthControlledModel).toBe('own-difficulty');
    expect(found.lengthControlledWinRate).toBeCloseTo(value(all, numbers(200).map(difficultyOf)), 10);
    expect(found.notes).toEqual([]);
  });

  test('of a model that lacks a row by position, as published, or by its own index', () => {
    const indices = numbers(200).filter((i) => i !== 50);
    const all = judged(199, { indices });
    const published = lengthControl(all, { ...settings, difficulties });
    expect(published.lengthControlledWinRate).toBeCloseTo(value(all, numbers(199).map(difficultyOf)), 10);
    expect(published.notes).toEqual([expect.stringMatching(/1 of 200 instructions missing.*--by-index/)]);
    const own = lengthControl(all, { ...settings, difficulties, byIndex: true });
    expect(own.lengthControlledWinRate).toBeCloseTo(value(all, indices.map(difficultyOf)), 10);
    expect(own.notes).toEqual([]);
    const bare = lengthControl(judged(199), { ...settings, difficulties, byIndex: true });
    expect(bare.lengthControlledError).toMatch(/without an index cannot be matched/);
  });

  test('of a part of the instructions by index, and without one not at all', () => {
    const indices = numbers(40).map((i) => 5 * i);
    const all = judged(40, { indices });
    const found = lengthControl(all, { ...settings, difficulties });
    expect(found.lengthControlledWinRate).toBeCloseTo(value(all, indices.map(difficultyOf)), 10);
    const { lengthControlledWinRate: none, lengthControlledError } = lengthControl(judged(40), {
      ...settings,
      difficulties,
    });
    expect(none).toBeNull();
    expect(lengthControlledError).toMatch(/without an index cannot be matched/);
    const unknown = lengthControl(judged(40, { indices: numbers(40).map((i) => i + 170) }), {
      ...settings,
      difficulties,
    });
    expect(unknown.lengthControlledError).toMatch(/no difficulty.*index 200/);
  });

  test('rows without lengths have no part, and are said', () => {
    const all = judged(60);
    const some = judged(60, { lengthsModel: all.lengthsModel.map((length, i) => (i < 2 ? null : length)) });
    const found = lengthControl(some, settings);
    expect(found.notes).toEqual([expect.stringMatching(/^2 judgments without lengths/)]);
    expect(found.lengthControlledWinRate).not.toBeNull();
    const none = lengthControl(judged(60, { lengthsModel: numbers(60).map(() => null) }), settings);
    expect(none.lengthControlledError).toMatch(/no judgment has the lengths/);
  });

  test('a strength held at 0 is said', () => {
    const found = lengthControl(judged(60), { ...settings, strength: 1e-4 });
    expect(found.lengthControlledWinRate).toBe(50);
    expect(found.notes).toEqual([expect.stringMatching(/no strength of the model apart.*reads as 50/)]);
  });

  test.each([0, 1, 4])('%i judgments are a cause, not a number', (n) => {
    expect(lengthControl(judged(n), settings)).toMatchObject({
      ...{ lengthControlledWinRate: null, lcStandardError: null, coefficients: null },
      lengthControlledError: expect.stringMatching(n === 0 ? /no judgment has/ : /too few judgments/),
    });
  });
});
