import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dpoLoss } from '../train/preference-loss.ts';
import { reliability } from './reliability.ts';
import { marginOf, type ScoreRow } from './scores.ts';

const score = (row: number, change: Partial<ScoreRow> = {}): ScoreRow => ({
  id: `pair-${row}`,
  row,
  part: 0,
  seed: 1,
  checkpoint: 1,
  step: 1,
  chosenLogProb: 0,
  rejectedLogProb: 0,
  refChosenLogProb: 0,
  refRejectedLogProb: 0,
  loss: 0,
  evenTokenMargin: 0,
  ...change,
});

/** One seed per list of losses, pair by pair. */
const seeded = (...seeds: readonly (readonly number[])[]) =>
  seeds.flatMap((losses, seed) => losses.map((loss, row) => score(row, { loss, seed })));

const OPTIONS = { beta: 0.1, keepFraction: 0.5 };
const distinctLosses = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 4, maxLength: 30 });

describe('reliability between seeds', () => {
  it('is 1 for identical seeds and −1 for reversed ones', () => {
    fc.assert(
      fc.property(distinctLosses, (losses) => {
        const same = reliability(seeded(losses, losses), OPTIONS);
        expect(same).toMatchObject({ between: 'seeds', overlap: 1 });
        expect(same.spearman).toBeCloseTo(1, 12);
        const reversed = reliability(
          seeded(
            losses,
            losses.map((loss) => 20_000 - loss),
          ),
          OPTIONS,
        );
        expect(reversed.spearman).toBeCloseTo(-1, 12);
        // The easiest halves have nothing in common.
        expect(reversed.overlap).toBe(0);
      }),
      { seed: 5 },
    );
  });

  it('is the mean over all couples of seeds (golden numbers)', () => {
    // Spearman: 1 − 6·Σd²/(n(n² − 1)) with n = 4 and Σd² = 2, 20 and 18, so 0.8, −1 and −0.8.
    const result = reliability(seeded([1, 2, 3, 4], [1, 3, 2, 4], [4, 3, 2, 1]), OPTIONS);
    expect(result.spearman).toBeCloseTo((0.8 - 1 - 0.8) / 3, 12);
    // Kept halves {0, 1}, {0, 2}, {3, 2}: they share 1, 0 and 1 of 2.
    expect(result.overlap).toBeCloseTo((0.5 + 0 + 0.5) / 3, 12);
    expect(result.agreement).toEqual([
      [1, 1],
      [2, 3],
      [3, 2],
      [4, 4],
    ]);
  });

  it('compares the means over a seed’s checkpoints, whatever the order of the scores', () => {
    const scores = [
      score(9, { seed: 2, checkpoint: 1, loss: 7 }),
      score(3, { seed: 2, checkpoint: 1, loss: 1 }),
      score(9, { seed: 1, checkpoint: 1, loss: 6 }),
      score(9, { seed: 1, checkpoint: 2, loss: 8 }),
      score(3, { seed: 1, checkpoint: 2, loss: 4 }),
      score(3, { seed: 1, checkpoint: 1, loss: 2 }),
      score(9, { seed: 2, checkpoint: 2, loss: 9 }),
      score(3, { seed: 2, checkpoint: 2, loss: 2 }),
    ].sort((a, b) => a.seed - b.seed);
    expect(reliability(scores, OPTIONS).agreement).toEqual([
      [3, 1.5],
      [7, 8],
    ]);
  });

  it('keeps as many pairs as the selection does: at least one, and not one fewer by rounding', () => {
    // 0.29·100 = 28.999999999999996 in floating point. Only pair 28 of the kept 29 differs.
    const losses = Array.from({ length: 100 }, (_, i) => i);
    const other = losses.map((loss) => (loss === 28 ? 99.5 : loss));
    expect(reliability(seeded(losses, other), { beta: 1, keepFraction: 0.29 }).overlap).toBeCloseTo(
      28 / 29,
      12,
    );
    expect(reliability(seeded([1, 2, 3], [1, 2, 3]), { beta: 1, keepFraction: 0.1 }).overlap).toBe(1);
  });

  it('has no correlation where a seed is constant', () => {
    expect(reliability(seeded([1, 1, 1], [1, 2, 3]), OPTIONS).spearman).toBeNull();
  });

  it('throws where a seed lacks a pair: no missing score becomes a number', () => {
    expect(() => reliability(seeded([1, 2, 3], [1, 2]), OPTIONS)).toThrow(/finite/);
  });
});

describe('reliability within one seed', () => {
  it('halves the checkpoints where there are several: even against odd', () => {
    const losses = [
      [1, 2, 3, 6],
      [4, 4, 8, 0],
      [9, 1, 1, 5],
    ];
    const scores = losses.flatMap((trajectory, row) =>
      trajectory.map((loss, i) => score(row, { loss, checkpoint: i + 1 })),
    );
    const { between, agreement, spearman } = reliability(scores, OPTIONS);
    expect(between).toBe('checkpoints');
    // Checkpoints 2 and 4, then 1 and 3.
    expect(agreement).toEqual([
      [4, 2],
      [2, 6],
      [3, 5],
    ]);
    expect(spearman).toBeCloseTo(-1, 12);
  });

  it('halves the tokens where there is one checkpoint: the halves’ margins sum to the margin', () => {
    const logProb = fc.double({ min: -50, max: 0, noNaN: true });
    const scored = fc.record({
      chosenLogProb: logProb,
      rejectedLogProb: logProb,
      refChosenLogProb: logProb,
      refRejectedLogProb: logProb,
      evenTokenMargin: fc.double({ min: -20, max: 20, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(scored, { minLength: 2, maxLength: 10 }), (changes) => {
        const beta = 0.1;
        const scores = changes.map((change, row) => score(row, change));
        const { between, agreement } = reliability(scores, { beta, keepFraction: 0.5 });
        expect(between).toBe('token-halves');
        agreement.forEach(([even, odd], i) => {
          const item = scores[i] as ScoreRow;
          // Each stands for the whole: twice the half's margin. m = −log(exp(loss) − 1).
          const margin = (loss: number) => -Math.log(Math.expm1(loss)) / (2 * beta);
          expect(margin(even)).toBeCloseTo(item.evenTokenMargin, 6);
          expect(margin(even) + margin(odd)).toBeCloseTo(marginOf(item, 1), 6);
        });
      }),
      { seed: 6 },
    );
  });

  it('two halves of equal weight give the loss of the whole', () => {
    const scores = [2, -3, 7].map((margin, row) =>
      score(row, { chosenLogProb: margin, evenTokenMargin: margin / 2 }),
    );
    const { agreement, spearman } = reliability(scores, OPTIONS);
    expect(spearman).toBeCloseTo(1, 12);
    agreement.forEach(([even, odd], i) => {
      const whole = dpoLoss(marginOf(scores[i] as ScoreRow, 0.1));
      expect(even).toBeCloseTo(whole, 12);
      expect(odd).toBeCloseTo(whole, 12);
    });
  });

  it('odd tokens that say the opposite of the even ones give −1', () => {
    const scores = [1, 2, 3].map((margin, row) => score(row, { chosenLogProb: 0, evenTokenMargin: margin }));
    expect(reliability(scores, OPTIONS).spearman).toBeCloseTo(-1, 12);
  });
});
