import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seeded } from '../base/fuzz.fixture.ts';
import { Random } from '../base/random.ts';
import { bradleyTerry, type Comparison } from './bradley-terry.ts';

const met = (a: number, b: number, winsOfA: number, winsOfB: number): Comparison => ({
  a,
  b,
  winsOfA,
  winsOfB,
});
const wins = fc.integer({ min: 1, max: 400 }).map((halves) => halves / 2);

/** Everyone has met the next, and so on in a ring, both having won something. */
const ring = fc
  .array(fc.tuple(wins, wins), { minLength: 3, maxLength: 6 })
  .map((games) => games.map(([own, other], i) => met(i, (i + 1) % games.length, own, other)));

describe('bradleyTerry', () => {
  test('two players: the log-odds of the share won', () => {
    fc.assert(
      fc.property(wins, wins, (own, other) => {
        const [, strength] = bradleyTerry(2, [met(1, 0, own, other)], 0);
        expect(strength).toBeCloseTo(Math.log(own / other), 9);
      }),
      seeded(100),
    );
  });

  test('players that met the reference alone: each as if the others were not there', () => {
    const [, x, y] = bradleyTerry(3, [met(0, 1, 3, 9), met(2, 0, 5, 2)], 0);
    expect(x).toBeCloseTo(Math.log(9 / 3), 12);
    expect(y).toBeCloseTo(Math.log(5 / 2), 12);
  });

  test('a round of four, as scikit-learn fits it without penalty', () => {
    // LogisticRegression(fit_intercept=False, penalty=None, tol=1e-14) of scikit-learn 1.9.1
    const strengths = bradleyTerry(
      4,
      [met(0, 1, 7, 3), met(0, 2, 4, 6.5), met(1, 2, 5, 5), met(2, 3, 1, 8), met(3, 0, 2, 2)],
      0,
    );
    [0, -0.50216581176827, -0.19156530948722, 1.07344820316256].forEach((strength, player) => {
      expect(strengths[player]).toBeCloseTo(strength, 6);
    });
  });

  test('what players won in all is what the strengths expect them to win', () => {
    fc.assert(
      fc.property(ring, (comparisons) => {
        const strengths = bradleyTerry(comparisons.length, comparisons, 0) as number[];
        const surplus = new Array<number>(strengths.length).fill(0);
        for (const { a, b, winsOfA, winsOfB } of comparisons) {
          const n = winsOfA + winsOfB;
          const expected = n / (1 + Math.exp(strengths[b]! - strengths[a]!));
          surplus[a]! += winsOfA - expected;
          surplus[b]! -= winsOfA - expected;
        }
        for (const value of surplus) expect(Math.abs(value)).toBeLessThan(1e-6);
      }),
      seeded(100),
    );
  });

  test('swapping every result mirrors every strength', () => {
    fc.assert(
      fc.property(ring, (comparisons) => {
        const turned = comparisons.map(({ a, b, winsOfA, winsOfB }) => met(a, b, winsOfB, winsOfA));
        const [there, back] = [comparisons, turned].map(
          (all) => bradleyTerry(all.length, all, 0) as number[],
        );
        there!.forEach((strength, player) => {
          expect(back![player]).toBeCloseTo(-strength, 7);
        });
      }),
      seeded(100),
    );
  });

  test('ties move two players towards each other, and never past', () => {
    fc.assert(
      fc.property(wins, wins, fc.integer({ min: 1, max: 100 }), (own, other, ties) => {
        const before = bradleyTerry(2, [met(1, 0, own, other)], 0)[1] as number;
        const after = bradleyTerry(2, [met(1, 0, own + ties / 2, other + ties / 2)], 0)[1] as number;
        expect(Math.abs(after)).toBeLessThanOrEqual(Math.abs(before) + 1e-12);
        expect(after * before).toBeGreaterThanOrEqual(0);
        if (own !== other) expect(Math.abs(after)).toBeLessThan(Math.abs(before));
      }),
      seeded(100),
    );
  });

  test('finds strengths that games were drawn with', () => {
    const truth = [0, 0.8, -0.5, 1.5];
    const random = new Random('strengths');
    const games = truth.flatMap((own, a) =>
      truth.slice(0, a).map((other, b) => {
        const won = Array.from({ length: 4000 }, () =>
          random.uniform() < 1 / (1 + Math.exp(other - own)) ? 1 : 0,
        ).reduce<number>((sum, one) => sum + one, 0);
        return met(a, b, won, 4000 - won);
      }),
    );
    const strengths = bradleyTerry(4, games, 0);
    // Four standard errors of a log-odds out of 4,000 games are 0.13 even at 1.5.
    truth.forEach((strength, player) => {
      expect(Math.abs((strengths[player] as number) - strength)).toBeLessThan(0.13);
    });
  });

  test('who wins or loses everything has the limit, and leaves the others alone', () => {
    const strengths = bradleyTerry(4, [met(1, 0, 3, 0), met(0, 2, 4, 0), met(0, 3, 1, 2)], 0);
    expect(strengths.slice(0, 3)).toEqual([0, Infinity, -Infinity]);
    expect(strengths[3]).toBeCloseTo(Math.log(2), 12);
    // Over others: 2 always beats 1, who beats the reference always.
    expect(bradleyTerry(3, [met(1, 0, 1, 0), met(2, 1, 1, 0)], 0)).toEqual([0, Infinity, Infinity]);
  });

  test('who cannot be compared is null', () => {
    expect(bradleyTerry(3, [met(0, 1, 1, 2), met(2, 2 - 1, 0, 0)], 0)[2]).toBeNull();
    // Both always beat player 1: nothing says which is better.
    expect(bradleyTerry(3, [met(0, 1, 5, 0), met(2, 1, 5, 0)], 0)).toEqual([0, -Infinity, null]);
    expect(bradleyTerry(2, [], 0)).toEqual([0, null]);
    expect(() => bradleyTerry(1, [met(0, 0, 1, 1)], 0)).toThrow(RangeError);
    expect(() => bradleyTerry(2, [met(0, 1, -1, 1)], 0)).toThrow(RangeError);
  });
});
