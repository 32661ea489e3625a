import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.ts';
import { logistic } from '../stats/logistic.ts';
import { type LengthJudgment, lengthControlledWinRate } from './length-controlled.ts';

/** Judgments by a judge of which the coefficients are known: `gain` is θ, `pull` is φ. */
function judged(n: number, { gain, pull, seed = 1 }: { gain: number; pull: number; seed?: number }) {
  const random = new Random(seed, 'judged');
  const differences = Array.from({ length: n }, () => Math.round(400 * (random.uniform() - 0.3)));
  const mean = differences.reduce((sum, d) => sum + d, 0) / n;
  const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1));
  return differences.map((difference): LengthJudgment => {
    const chance = logistic(pull * Math.tanh(difference / deviation) + gain);
    return { share: random.uniform() < chance ? 1 : 0, lengthModel: 1000 - difference, lengthBaseline: 1000 };
  });
}

const swapped = (rows: readonly LengthJudgment[]) =>
  rows.map(({ share, lengthModel, lengthBaseline }) => ({
    share: share === null ? null : 1 - share,
    lengthModel: lengthBaseline,
    lengthBaseline: lengthModel,
  }));

const anyRows = fc.array(
  fc.record({
    share: fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true })),
    lengthModel: fc.integer({ min: 0, max: 3000 }),
    lengthBaseline: fc.integer({ min: 0, max: 3000 }),
  }),
  { minLength: 8, maxLength: 40 },
);

/** 120 rows by formula, and 40 anchors, that scikit-learn was given too. */
function golden() {
  const numbers = Array.from({ length: 120 }, (_, i) => i);
  const lengths = numbers.map((i) => ({
    lengthModel: Math.floor(900 + 400 * Math.sin(1.7 * i) + 150 * Math.cos(5.1 * i)),
    lengthBaseline: Math.floor(1000 + 300 * Math.cos(0.9 * i)),
  }));
  const differences = lengths.map(({ lengthModel, lengthBaseline }) => lengthBaseline - lengthModel);
  const mean = differences.reduce((sum, d) => sum + d, 0) / 120;
  const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / 119);
  const rows = numbers.map((i) => {
    const difficulty = 1.2 * Math.sin(0.31 * i);
    const z = -1.1 * Math.tanh(differences[i]! / deviation) + 0.5 * difficulty + 0.3;
    const share = i % 4 === 0 ? logistic(z) : Math.sin(12.9898 * i) * 1.6 < z ? 1 : 0;
    return { ...lengths[i]!, share, difficulty };
  });
  const index = Float64Array.from({ length: 40 }, (_, j) => j);
  const length = index.map((j) => Math.tanh(1.4 * Math.sin(j + 0.5)));
  const difficulty = index.map((j) => Math.cos(0.8 * j));
  const share = length.map((t, j) => logistic(-1.8 * t + 0.7 * difficulty[j]!));
  return { rows, anchors: { length, difficulty, share, weight: 0.1 } };
}

describe('lengthControlledWinRate', () => {
  // scikit-learn 1.4.2 through the whole of alpaca_eval's procedure (LogisticRegressionCV with liblinear and L1,
  // GroupKFold(5), rows doubled with weights), tol=1e-13, numpy 1.26.4 with its portable sort.
  test('with difficulties and anchors: as scikit-learn', () => {
    const { rows, anchors } = golden();
    const fit = lengthControlledWinRate(rows, { anchors });
    expect(fit.strength).toBeCloseTo(2.782559402207126, 10);
    expect(fit.coefficients.length).toBeCloseTo(-1.3183375045613712, 8);
    expect(fit.coefficients.difficulty).toBeCloseTo(0.14157575206942355, 8);
    expect(fit.coefficients.model).toBeCloseTo(0.42246249645816564, 8);
    expect(fit.winRate).toBeCloseTo(0.6039242562055606, 9);
    expect(fit.predictionError).toBeCloseTo(0.002641705891935201, 9);
  });

  test('without difficulties: as scikit-learn', () => {
    const rows = golden().rows.map(({ difficulty: _, ...row }) => row);
    const fit = lengthControlledWinRate(rows);
    expect(fit.strength).toBeCloseTo(2.782559402207126, 10);
    expect(fit.coefficients.length).toBeCloseTo(-1.3032412878554431, 8);
    expect(fit.coefficients.difficulty).toBeNull();
    expect(fit.coefficients.model).toBeCloseTo(0.42050173649001943, 8);
    expect(fit.winRate).toBeCloseTo(0.6036033047641074, 9);
    expect(fit.predictionError).toBe(0);
  });

  test('difficulties on some rows only, or anchors without any, are a fault of the caller', () => {
    const { rows, anchors } = golden();
    const { difficulty: _, ...bare } = rows[0]!;
    expect(() => lengthControlledWinRate([bare, ...rows])).toThrow(/120 of 121 rows/);
    const none = rows.map(({ difficulty, ...row }) => row);
    expect(() => lengthControlledWinRate(none, { anchors })).toThrow(RangeError);
  });

  test('finds the strength of the model behind a judge that likes long answers', () => {
    const rows = judged(6000, { gain: 0.4, pull: -1.5 });
    const { winRate, standardError, coefficients } = lengthControlledWinRate(rows);
    expect(Math.abs(winRate - logistic(0.4))).toBeLessThan(3 * (standardError as number));
    expect(coefficients.length).toBeCloseTo(-1.5, 0);
    // The plain win rate mixes in the lengths: answers are longer on average in the direction that the judge dislikes.
    const plain = rows.reduce((sum, { share }) => sum + (share as number), 0) / rows.length;
    expect(Math.abs(plain - logistic(0.4))).toBeGreaterThan(0.04);
  });

  test('its standard error is the scatter over samples', () => {
    const sample = (seed: number) =>
      lengthControlledWinRate(judged(300, { gain: 0.5, pull: -1, seed }), { strength: 1e4 });
    const fits = Array.from({ length: 400 }, (_, seed) => sample(seed));
    const mean = fits.reduce((sum, fit) => sum + fit.winRate, 0) / fits.length;
    const scatter = Math.sqrt(
      fits.reduce((sum, fit) => sum + (fit.winRate - mean) ** 2, 0) / (fits.length - 1),
    );
    const told = fits.reduce((sum, fit) => sum + (fit.standardError as number), 0) / fits.length;
    expect(told / scatter).toBeGreaterThan(0.9);
    expect(told / scatter).toBeLessThan(1.1);
  });

  test('swapping both sides mirrors it', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const [a, b] = [lengthControlledWinRate(rows), lengthControlledWinRate(swapped(rows))];
        expect(b.winRate).toBeCloseTo(1 - a.winRate, 8);
        expect(b.strength).toBe(a.strength);
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  test('more ties move it towards one half', () => {
    const rows = judged(200, { gain: 1, pull: -1 });
    const tied = rows.map((row, i) => (i % 3 === 0 ? { ...row, share: 0.5 } : row));
    const [some, none] = [tied, rows].map((list) => lengthControlledWinRate(list, { strength: 1e4 }).winRate);
    expect(some).toBeGreaterThan(0.5);
    expect(some).toBeLessThan(none as number);
  });

  test('where all answers are equally long it is the win rate', () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({
      share: i % 5 === 0 ? 1 : 0,
      lengthModel: 80,
      lengthBaseline: 80,
    }));
    const { winRate, coefficients } = lengthControlledWinRate(rows, { strength: 1e6 });
    expect(winRate).toBeCloseTo(0.2, 6);
    expect(coefficients).toEqual({
      length: null,
      difficulty: null,
      model: expect.closeTo(Math.log(0.25), 5),
    });
  });

  test('a model that is the baseline is at one half', () => {
    const rows = Array.from({ length: 9 }, (_, i) => ({
      share: 0.5,
      lengthModel: 10 * i,
      lengthBaseline: 10 * i,
    }));
    expect(lengthControlledWinRate(rows)).toMatchObject({ winRate: 0.5, standardError: 0, strength: null });
  });

  test('all wins and separable rows are near 1, not a failure', () => {
    const wins = judged(60, { gain: 0, pull: 0 }).map((row) => ({ ...row, share: 1 }));
    const { winRate } = lengthControlledWinRate(wins);
    expect(winRate).toBeGreaterThan(0.99);
    expect(winRate).toBeLessThan(1);
    const longerWins = judged(60, { gain: 0, pull: 0 }).map((row) => ({
      ...row,
      share: row.lengthModel > row.lengthBaseline ? 1 : 0,
    }));
    expect(Number.isFinite(lengthControlledWinRate(longerWins).winRate)).toBe(true);
  });

  test('rows without a judgment are predicted, not fitted', () => {
    const rows = judged(100, { gain: 0.3, pull: -1 });
    const { fitted, predicted } = lengthControlledWinRate([{ ...rows[0]!, share: null }, ...rows]);
    expect([fitted, predicted]).toEqual([100, 101]);
  });

  test('too few judgments, and a constant difference of lengths, are errors with their cause', () => {
    const four = judged(4, { gain: 0, pull: 0 });
    for (const rows of [[], four.slice(0, 1), four])
      expect(() => lengthControlledWinRate(rows)).toThrow(/too few judgments.*need "at least 5/);
    const shifted = judged(20, { gain: 0, pull: 0 }).map((row) => ({ ...row, lengthModel: 1200 }));
    expect(() => lengthControlledWinRate(shifted)).toThrow(/differ by the same number/);
  });
});
