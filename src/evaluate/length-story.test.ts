import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wilson } from '../stats/proportion.ts';
import { type LengthRow, lengthStory } from './length-story.ts';

const row = (win: number, lengthModel: number, lengthOpponent: number): LengthRow => ({
  win,
  lengthModel,
  lengthOpponent,
});

describe('the length story of a win rate', () => {
  it('of a judge that sees nothing but length', () => {
    const story = lengthStory([row(1, 9, 3), row(1, 5, 4), row(0, 2, 6), row(1, 8, 7), row(0, 1, 2)]);
    expect(story).toMatchObject({
      n: 5,
      winRate: 0.6,
      winRateOfLonger: 0.6,
      meanLength: { model: 5, opponent: 4.4 },
      longer: { model: 0.6, equal: 0 },
      agreement: { value: 1, high: 1, n: 5 },
      agreementByChance: expect.closeTo(0.52, 12),
      kappa: expect.closeTo(1, 12),
      auc: { value: 1 },
    });
    expect(story.agreement?.low).toBe(wilson(5, 5)?.low);
  });

  it('counts apart what says nothing: ties and equal lengths', () => {
    const story = lengthStory([row(0.5, 9, 1), row(1, 4, 4), row(0.8, 1, 2), row(0.2, 1, 2)]);
    expect(story).toMatchObject({ n: 4, ties: 1, equalLengths: 1, decided: 2, winRateOfLonger: 0.375 });
    expect(story.agreement).toMatchObject({ value: 0.5, n: 2 });
    // In all decided verdicts the model's answer is the shorter one: agreement is what chance gives.
    expect(story.kappa).toBeCloseTo(0, 12);
    expect(story.agreementByChance).toBe(0.5);
  });

  it('a model that is always longer and mostly wins: agreement is high, and no more than by chance', () => {
    const rows = Array.from({ length: 100 }, (_, i) => row(i < 90 ? 1 : 0, 20 + (i % 7), 10));
    const story = lengthStory(rows);
    expect(story.agreement?.value).toBe(0.9);
    expect(story.agreementByChance).toBeCloseTo(0.9, 12);
    expect(story.kappa).toBeCloseTo(0, 12);
  });

  it('verdicts on one prompt count together', () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      ...row(i % 4 === 0 ? 0 : 1, 5, 3),
      prompt: String(i),
    }));
    const twice = lengthStory([...rows, ...rows]).agreement!;
    const once = lengthStory(rows).agreement!;
    expect(twice.low).toBeCloseTo(once.low, 12);
    expect(
      lengthStory([...rows, ...rows].map(({ prompt: _, ...rest }) => rest)).agreement!.low,
    ).toBeGreaterThan(once.low);
  });

  it('n = 1, and no verdict at all', () => {
    expect(lengthStory([row(1, 2, 1)])).toMatchObject({
      agreement: { value: 1, low: expect.closeTo(0.2065, 4) },
      auc: null,
      kappa: null,
    });
    expect(lengthStory([row(0.5, 2, 1)])).toMatchObject({
      agreement: null,
      agreementByChance: null,
      kappa: null,
      auc: null,
    });
    expect(() => lengthStory([])).toThrow(/no verdict/);
    expect(() => lengthStory([row(2, 1, 1)])).toThrow(/row 0.*no share of a win/);
    expect(() => lengthStory([row(1, 1, Number.NaN)])).toThrow(/length/);
  });

  const rows = fc.array(
    fc.tuple(fc.constantFrom(0, 0.2, 0.5, 0.9, 1), fc.nat({ max: 6 }), fc.nat({ max: 6 })),
    { minLength: 1, maxLength: 40 },
  );

  it('swapping sides mirrors win rates and keeps how far length explains them', () => {
    fc.assert(
      fc.property(rows, (cases) => {
        const one = lengthStory(cases.map(([win, a, b]) => row(win, a, b)));
        const other = lengthStory(cases.map(([win, a, b]) => row(1 - win, b, a)));
        expect(other.winRate).toBeCloseTo(1 - one.winRate, 12);
        expect(other.winRateOfLonger).toBeCloseTo(1 - one.winRateOfLonger, 12);
        expect(other.agreement).toEqual(one.agreement);
        if (one.kappa === null) expect(other.kappa).toBeNull();
        else expect(other.kappa).toBeCloseTo(one.kappa, 10);
        if (one.auc === null) expect(other.auc).toBeNull();
        else expect(other.auc?.value).toBeCloseTo(one.auc.value, 10);
      }),
      { seed: 13 },
    );
  });

  it('ties move the win rate towards 50 % and leave the agreement alone', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 9 }), (cases, ties) => {
        const one = lengthStory(cases.map(([win, a, b]) => row(win, a, b)));
        const more = [...cases.map(([win, a, b]) => row(win, a, b)), ...Array(ties).fill(row(0.5, 3, 4))];
        const other = lengthStory(more);
        expect(Math.abs(other.winRate - 0.5)).toBeLessThanOrEqual(Math.abs(one.winRate - 0.5) + 1e-12);
        expect(other.agreement).toEqual(one.agreement);
        expect(other.auc).toEqual(one.auc);
      }),
      { seed: 14 },
    );
  });
});
