import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pearson } from '../stats/correlation.ts';
import { SAMPLE_SIZE_DEFAULTS, type SampleSizeOptions, sampleSizes } from './sample-size.ts';

const plan = (change: Partial<SampleSizeOptions> = {}) => {
  const [baseline, arms] = sampleSizes({ ...SAMPLE_SIZE_DEFAULTS, effect: 0.09, ...change });
  return { baseline: baseline!, arms: arms! };
};
/** (z_0.975 + z_0.8)², scipy 1.17.1 */
const Z = 7.848879734349088;

describe('how many prompts show an effect', () => {
  it('is the formula', () => {
    const { baseline, arms } = plan();
    // One verdict: 0.9 / 4 − d²; two that correlate by 0.5: three quarters of it.
    expect(baseline.deviation ** 2).toBeCloseTo(0.75 * (0.225 - 0.09 ** 2), 12);
    expect(baseline.prompts).toBe(Math.ceil((Z * 0.75 * (0.225 - 0.09 ** 2)) / 0.09 ** 2));
    expect(arms.deviation ** 2).toBeCloseTo(2 * 0.65 * 0.75 * (0.225 - 0.045 ** 2), 12);
    expect(arms.prompts).toBe(Math.ceil((Z * 2 * 0.65 * 0.75 * (0.225 - 0.045 ** 2)) / 0.09 ** 2));
    expect([baseline.prompts, arms.prompts]).toEqual([158, 211]);
  });

  it('shares the level among the comparisons of k arms', () => {
    const { baseline, arms } = plan({ arms: 4 });
    expect([baseline.comparisons, arms.comparisons, baseline.arms, arms.arms]).toEqual([4, 6, 4, 4]);
    expect(baseline.promptsForOne).toBe(plan().baseline.prompts);
    expect(baseline.prompts).toBe(plan({ level: 0.05 / 4 }).baseline.prompts);
    expect(arms.prompts).toBe(plan({ level: 0.05 / 6 }).arms.prompts);
    expect(plan().arms).toMatchObject({ arms: 2, comparisons: 1 });
  });

  it('counts asks, tokens and money', () => {
    const { baseline, arms } = plan({
      arms: 3,
      repeats: 2,
      promptTokens: 200,
      answerTokens: 400,
      verdictTokens: 10,
      price: { input: 2, output: 8 },
    });
    for (const { prompts, asks, inputTokens, outputTokens, usd } of [baseline, arms]) {
      expect(asks).toBe(prompts * 3 * 2 * 2);
      expect(inputTokens).toBe(asks * 1000);
      expect(outputTokens).toBe(asks * 10);
      expect(usd).toBeCloseTo((asks * (1000 * 2 + 10 * 8)) / 1e6, 9);
    }
    expect(plan().baseline.usd).toBeNull();
  });

  it('takes more for less effect, more power, fewer ties, fewer orders, arms that are less alike', () => {
    const size = (change: Partial<SampleSizeOptions>) => plan(change).arms.prompts;
    const usual = size({});
    for (const change of [
      { effect: 0.08 },
      { power: 0.9 },
      { level: 0.01 },
      { ties: 0 },
      { orders: 1 as const },
      { armCorrelation: 0.1 },
      { verdictCorrelation: 0.9 },
      { arms: 3 },
    ])
      expect(size(change)).toBeGreaterThan(usual);
    expect(size({ repeats: 5 })).toBeLessThan(usual);
  });

  it('is a whole number of at least 1 for all that can be asked', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.499, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 9 }),
        (effect, share, verdictCorrelation, armCorrelation, arms) => {
          const ties = share * (1 - 2 * effect);
          for (const size of Object.values(
            plan({ effect, ties, verdictCorrelation, armCorrelation, arms }),
          )) {
            expect(Number.isSafeInteger(size.prompts) && size.prompts >= 1).toBe(true);
            expect(size.prompts).toBeGreaterThanOrEqual(size.promptsForOne);
          }
        },
      ),
      { seed: 16 },
    );
  });

  it.each([
    [{ effect: 0 }, /effect/],
    [{ effect: 0.5 }, /effect/],
    [{ effect: Number.NaN }, /effect/],
    [{ power: 1 }, /power/],
    [{ level: 0 }, /level/],
    [{ ties: 0.9 }, /ties.*leaves room/],
    [{ arms: 0 }, /arms/],
    [{ repeats: 1.5 }, /repeats/],
    [{ verdictCorrelation: -0.1 }, /verdictCorrelation/],
    [{ armCorrelation: 2 }, /armCorrelation/],
    [{ answerTokens: -1 }, /answerTokens/],
    [{ price: { input: 1, output: Number.NaN } }, /price of output/],
  ])('refuses %j', (change, message) => {
    expect(() => plan(change)).toThrow(message);
  });
});

const shared = join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
describe.skipIf(!existsSync(shared))('the correlations assumed are measured (needs ../shared/data)', () => {
  it('between the two orders of Arena-Hard', () => {
    const games = new Map<string, number[]>();
    for (const line of readFileSync(join(shared, 'arena_hard/v0.1.battles.gpt-4-0613.jsonl'), 'utf8')
      .trim()
      .split('\n')) {
      const { question_id: id, winner, model_a, model_b } = JSON.parse(line) as Record<string, string>;
      const won = winner === 'model_a' ? model_a : winner === 'model_b' ? model_b : null;
      const win = won === null ? 0.5 : won === 'gpt-4-0613' ? 1 : 0;
      games.set(id!, [...(games.get(id!) ?? []), win]);
    }
    // A game that was won clearly stands three times: of 2, 4 or 6 lines the first and the last are the two games.
    const both = [...games.values()].filter(({ length }) => length > 1);
    expect(both).toHaveLength(500);
    const correlation = pearson(
      both.map((wins) => wins[0]!),
      both.map((wins) => wins.at(-1)!),
    );
    expect(correlation).toBeCloseTo(0.479, 3);
  });

  it('between arms on AlpacaEval’s prompts', () => {
    const wins = new Map<string, Map<number, number>>();
    for (const line of gunzipSync(readFileSync(join(shared, 'alpaca_eval/annotations_slim.jsonl.gz')))
      .toString()
      .trim()
      .split('\n')) {
      const { model, index, preference } = JSON.parse(line) as {
        model: string;
        index: number;
        preference: number | null;
      };
      if (!model.startsWith('FuseChat') || preference === null) continue;
      const own = wins.get(model) ?? new Map<number, number>();
      wins.set(model, own.set(index, preference > 1.5 ? 1 : 0));
    }
    const models = [...wins.values()];
    expect(models).toHaveLength(3);
    const found = models.flatMap((a, i) =>
      models.slice(i + 1).map((b) => {
        const common = [...a.keys()].filter((index) => b.has(index));
        return pearson(
          common.map((index) => a.get(index)!),
          common.map((index) => b.get(index)!),
        )!;
      }),
    );
    expect(Math.min(...found)).toBeCloseTo(0.36, 2);
    expect(Math.max(...found)).toBeCloseTo(0.42, 2);
  });
});
