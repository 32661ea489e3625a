import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { autoKeep, type TriedShare } from './auto-keep.ts';

/** Wins of two orders on 400 prompts, with this rate; the same prompts are hard for every share. */
function tried(keepFraction: number, rate: number, seed = 1): TriedShare {
  const wins = [0, 1].map((order) =>
    Array.from({ length: 400 }, (_, prompt) => {
      const own = new Random(seed, keepFraction, order, prompt).uniform();
      const shared = new Random(seed, 'prompt', prompt).uniform();
      return (own + shared) / 2 < rate ? 1 : 0;
    }),
  );
  return { keepFraction, wins };
}

describe('autoKeep', () => {
  it('takes the best share where it beats all pairs beyond chance', () => {
    const found = autoKeep([tried(0.5, 0.55), tried(0.8, 0.7), tried(0.9, 0.62)], tried(1, 0.5), 7);
    expect(found.keepFraction).toBe(0.8);
    expect(found.gain.low).toBeGreaterThan(0);
    expect(found.tried.map(({ keepFraction }) => keepFraction)).toEqual([0.5, 0.8, 0.9, 1]);
    const [worst, best] = found.tried;
    expect(best?.belowBest).toEqual({ value: 0, low: 0, high: 0 });
    expect(worst?.belowBest?.high).toBeLessThan(0);
    expect(worst?.belowBest?.value).toBeCloseTo((worst?.winRate ?? 0) - (best?.winRate ?? 0), 12);
    expect(best?.interval?.value).toBeCloseTo(best?.winRate ?? 0, 12);
    expect(best?.interval?.low).toBeLessThan(best?.winRate ?? 0);
  });

  it('keeps all pairs where the best share is no better than luck, or worse', () => {
    const same = tried(1, 0.6);
    expect(autoKeep([{ ...same, keepFraction: 0.8 }], same, 7)).toMatchObject({
      keepFraction: 1,
      gain: { value: 0, low: 0, high: 0 },
    });
    expect(autoKeep([tried(0.5, 0.4), tried(0.9, 0.55)], tried(1, 0.65), 7).keepFraction).toBe(1);
  });

  it('leaves pairs out wrongly in at most about one of ten data sets where nothing is to be gained', () => {
    const runs = 60;
    const wrong = Array.from({ length: runs }, (_, seed) =>
      autoKeep([tried(0.5, 0.5, seed), tried(0.8, 0.5, seed)], tried(1, 0.5, seed), seed),
    ).filter(({ keepFraction }) => keepFraction < 1).length;
    expect(wrong / runs).toBeLessThan(0.2);
  });

  it('is the same for the same seed, and needs a share', () => {
    const ask = () => autoKeep([tried(0.8, 0.62)], tried(1, 0.6), 3);
    expect(ask()).toEqual(ask());
    expect(() => autoKeep([], tried(1, 0.6), 3)).toThrow(/at least one share/);
  });
});
