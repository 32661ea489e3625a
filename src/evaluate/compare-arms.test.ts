import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { type ArmVerdict, compareJudgedArms, type JudgedArm } from './compare-arms.ts';

const seed = { seed: 1 };

/** An arm whose prompts are won with `rate`, each judged `repeats` times by a judge that errs with chance `slip`. */
function arm(
  name: string,
  rate: number,
  options: { n?: number; repeats?: number; slip?: number } = {},
): JudgedArm {
  const { n = 300, repeats = 1, slip = 0 } = options;
  const verdicts: ArmVerdict[] = [];
  for (let prompt = 0; prompt < n; prompt++) {
    // One number a prompt: arms are alike on the same prompts.
    const better = new Random('prompt', prompt).uniform() < rate ? 1 : 0;
    for (let repeat = 0; repeat < repeats; repeat++)
      for (const order of ['one', 'other']) {
        const slips = new Random(name, prompt, repeat, order).uniform() < slip;
        verdicts.push({ prompt: `p${prompt}`, win: slips ? 1 - better : better, repeat });
      }
  }
  return { name, verdicts };
}

const verdictsOf = (wins: readonly number[]): ArmVerdict[] =>
  wins.map((win, i) => ({ prompt: String(i), win }));

describe('arms on the same prompts', () => {
  it('a prompt counts once, however often it was judged', () => {
    const { arms } = compareJudgedArms(
      [
        {
          name: 'a',
          verdicts: [
            { prompt: 'x', win: 1 },
            { prompt: 'x', win: 0.5 },
            { prompt: 'x', win: 0, repeat: 1 },
            { prompt: 'y', win: 1 },
          ],
        },
      ],
      seed,
    );
    expect(arms[0]).toMatchObject({ verdicts: 4, repeats: 2, winRate: { value: 0.75, n: 2 } });
    // Win rates of the repeats: (0.75 + 1) / 2 and 0.
    expect(arms[0]?.repeatDeviation).toBeCloseTo(0.875 / Math.SQRT2, 12);
    expect(arms[0]?.rank).toEqual({ best: 1, worst: 1 });
  });

  it('tells apart what differs on enough prompts, and ranks it', () => {
    const { arms, pairs } = compareJudgedArms([arm('low', 0.4), arm('high', 0.7), arm('middle', 0.55)], seed);
    expect(arms.map(({ name, rank }) => [name, rank.best, rank.worst])).toEqual([
      ['high', 1, 1],
      ['middle', 2, 2],
      ['low', 3, 3],
    ]);
    const pair = pairs.find(({ a, b }) => a === 'low' && b === 'high');
    expect(pair?.difference.value).toBeLessThan(-0.2);
    expect(pair).toMatchObject({ n: 300, leftOut: 0, judgeNoise: null, separated: true });
    expect(pair?.correlation).toBeGreaterThan(0.4);
    expect(pair?.signTest).toMatchObject({ greater: 0 });
  });

  it('does not rank what lies inside the interval', () => {
    const { arms, pairs } = compareJudgedArms([arm('a', 0.5, { n: 40 }), arm('b', 0.52, { n: 40 })], seed);
    expect(pairs[0]?.separated).toBe(false);
    expect(arms.map(({ rank }) => rank)).toEqual(Array(2).fill({ best: 1, worst: 2 }));
  });

  it('of two prompts it tells nothing, though both say the same', () => {
    const [pair] = compareJudgedArms(
      [
        { name: 'a', verdicts: verdictsOf([1, 1]) },
        { name: 'b', verdicts: verdictsOf([0, 0]) },
      ],
      seed,
    ).pairs;
    expect(pair).toMatchObject({ difference: { value: 1, low: 1, high: 1 }, p: 0.5, separated: false });
  });

  it('does not rank what lies inside the judge’s own noise', () => {
    // Each repeat shifts a whole arm: prompts agree with each other, repeats do not.
    const shifted = (name: string, wins: readonly (readonly number[])[]): JudgedArm => ({
      name,
      verdicts: wins.flatMap((shares, repeat) =>
        shares.map((win, i) => ({ prompt: String(i), win, repeat })),
      ),
    });
    const shares = (rate: number) => Array.from({ length: 200 }, (_, i) => (i % 20 < 20 * rate ? 1 : 0));
    const noisy = compareJudgedArms(
      [shifted('a', [shares(0.8), shares(0.4)]), shifted('b', [shares(0.35), shares(0.65)])],
      seed,
    );
    expect(noisy.pairs[0]).toMatchObject({ separated: false });
    expect(noisy.pairs[0]?.difference.low).toBeGreaterThan(0);
    expect(noisy.pairs[0]?.adjustedP).toBeLessThan(0.05);
    // s² = (0.4² / 2 + 0.3² / 2) / 2, two degrees of freedom: t = 4.3027.
    expect(noisy.pairs[0]?.judgeNoise).toBeCloseTo(4.302652729696144 * Math.sqrt((0.08 + 0.045) / 2), 9);
    const steady = compareJudgedArms(
      [shifted('a', [shares(0.6), shares(0.6)]), shifted('b', [shares(0.5), shares(0.5)])],
      seed,
    );
    expect(steady.pairs[0]).toMatchObject({ judgeNoise: expect.closeTo(0, 12), separated: true });
  });

  it('corrects for all pairs of arms', () => {
    const { pairs } = compareJudgedArms(
      [0.4, 0.45, 0.5, 0.55].map((rate) => arm(String(rate), rate)),
      seed,
    );
    expect(pairs).toHaveLength(6);
    for (const { p, adjustedP } of pairs) expect(adjustedP).toBeGreaterThanOrEqual(p);
    expect(Math.min(...pairs.map(({ adjustedP }) => adjustedP))).toBeCloseTo(
      6 * Math.min(...pairs.map(({ p }) => p)),
      12,
    );
  });

  it('tells an arm apart among many', () => {
    const losers = Array.from({ length: 33 }, (_, i) => ({
      name: String(i),
      verdicts: verdictsOf(Array(30).fill(0)),
    }));
    const { arms } = compareJudgedArms(
      [...losers, { name: 'best', verdicts: verdictsOf(Array(30).fill(1)) }],
      {
        seed: 1,
        resamples: 50,
      },
    );
    expect(arms[0]).toMatchObject({ name: 'best', rank: { best: 1, worst: 1 } });
    expect(arms[1]?.rank).toEqual({ best: 2, worst: 34 });
  });

  it('compares on the prompts that both have, and counts the others', () => {
    const half = arm('half', 0.6);
    const { pairs } = compareJudgedArms(
      [arm('whole', 0.6), { ...half, verdicts: half.verdicts.slice(0, 200) }],
      seed,
    );
    expect(pairs[0]).toMatchObject({ n: 100, leftOut: 200, difference: { value: 0 } });
  });

  it('the same seed gives the same', () => {
    const arms = [arm('a', 0.5, { slip: 0.2, repeats: 2 }), arm('b', 0.6, { slip: 0.2, repeats: 2 })];
    expect(compareJudgedArms(arms, seed)).toEqual(compareJudgedArms(arms, seed));
  });

  const wins = fc.array(fc.tuple(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true })), {
    minLength: 1,
    maxLength: 40,
  });
  const both = (rows: readonly (readonly [number, number])[]): JudgedArm[] =>
    [0, 1].map((side) => ({ name: `arm ${side}`, verdicts: verdictsOf(rows.map((row) => row[side]!)) }));
  const few = { seed: 1, resamples: 200 };

  it('swapping sides mirrors everything', () => {
    fc.assert(
      fc.property(wins, (rows) => {
        const one = compareJudgedArms(both(rows), few);
        const other = compareJudgedArms(both(rows.map(([a, b]) => [1 - a, 1 - b] as const)), few);
        const [pair, mirrored] = [one.pairs[0]!, other.pairs[0]!];
        expect(mirrored.difference.value).toBeCloseTo(-pair.difference.value, 12);
        expect(mirrored.p).toBeCloseTo(pair.p, 12);
        for (const { name, winRate } of one.arms) {
          const swapped = other.arms.find((arm) => arm.name === name)!;
          expect(swapped.winRate.value).toBeCloseTo(1 - winRate.value, 12);
        }
      }),
      { seed: 11, numRuns: 50 },
    );
  });

  it('ties move a win rate towards 50 % and a difference towards 0', () => {
    fc.assert(
      fc.property(wins, fc.integer({ min: 1, max: 20 }), (rows, ties) => {
        const before = compareJudgedArms(both(rows), few);
        const after = compareJudgedArms(both([...rows, ...Array(ties).fill([0.5, 0.5])]), few);
        const share = rows.length / (rows.length + ties);
        for (const { name, winRate } of before.arms) {
          const now = after.arms.find((arm) => arm.name === name)!.winRate.value;
          expect(now - 0.5).toBeCloseTo(share * (winRate.value - 0.5), 12);
        }
        expect(after.pairs[0]!.difference.value).toBeCloseTo(share * before.pairs[0]!.difference.value, 12);
      }),
      { seed: 12, numRuns: 50 },
    );
  });

  it('errs rarely where all arms are equally good', () => {
    let ranked = 0;
    const trials = 150;
    for (let trial = 0; trial < trials; trial++) {
      const random = new Random(trial, 'no difference');
      const arms = ['a', 'b', 'c', 'd'].map((name) => ({
        name,
        verdicts: verdictsOf(Array.from({ length: 60 }, () => random.pick([0, 0.5, 1]))),
      }));
      const { pairs } = compareJudgedArms(arms, { seed: trial, resamples: 300 });
      if (pairs.some(({ separated }) => separated)) ranked++;
    }
    // At most 5 %, and three standard errors of 150 trials (0.053).
    expect(ranked / trials).toBeLessThan(0.104);
  });

  it('refuses what cannot be compared', () => {
    const fine = { name: 'a', verdicts: verdictsOf([1]) };
    expect(() => compareJudgedArms([{ name: 'a', verdicts: [] }], seed)).toThrow(/no verdict/);
    expect(() => compareJudgedArms([fine, fine], seed)).toThrow(/one name/);
    expect(() => compareJudgedArms([{ name: 'a', verdicts: verdictsOf([Number.NaN]) }], seed)).toThrow(
      /no share of a win/,
    );
    expect(() =>
      compareJudgedArms([fine, { name: 'b', verdicts: [{ prompt: 'other', win: 1 }] }], seed),
    ).toThrow(/no common prompt/);
    expect(compareJudgedArms([], seed)).toEqual({ arms: [], pairs: [] });
  });
});
