import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../base/fuzz.fixture.ts';
import { Random } from '../base/random.ts';
import type { DuelVerdict, Game, Order } from './duel.ts';
import { familiesOf, sameFamily } from './family.ts';
import { judgeNoise } from './judge-noise.ts';
import { positionBias } from './position-bias.ts';
import { firstPythonRandom } from './python-random.ts';

const verdict = (id: string, repeat: number, win: number | null): DuelVerdict => ({
  id,
  repeat,
  win,
  games: [],
});
const rows = (wins: readonly (readonly (number | null)[])[]) =>
  wins.flatMap((row, i) => row.map((win, repeat) => verdict(`d${i}`, repeat, win)));

describe('a judge’s own noise', () => {
  it('by hand', () => {
    const noise = judgeNoise(
      rows([
        [1, 1, 0],
        [0.5, 0.5, 0.5],
        [0, 1, 0],
        [1, null, 1],
      ]),
    );
    expect(noise).toMatchObject({ repeats: 3, duels: 3, leftOut: 1 });
    expect(noise?.agreement).toBeCloseTo((1 / 3 + 1 + 1 / 3) / 3, 12);
    expect(noise?.winRates).toEqual([0.5, 2.5 / 3, 0.5 / 3]);
    // Win rates ½, ⅚, ⅙: deviations 0, ⅓, −⅓.
    expect(noise?.winRateDeviation).toBeCloseTo(1 / 3, 12);
    // Variances ⅓, 0, ⅓ within duels.
    expect(noise?.winRateError).toBeCloseTo(Math.sqrt(2 / 3) / 3, 12);
  });

  it('without repeats nothing is known; without a whole duel no number is made up', () => {
    expect(judgeNoise([])).toBeNull();
    expect(judgeNoise(rows([[1], [0]]))).toBeNull();
    expect(judgeNoise(rows([[1, null]]))).toEqual({
      repeats: 2,
      duels: 0,
      leftOut: 1,
      agreement: null,
      winRates: [],
      winRateDeviation: null,
      winRateError: null,
    });
    expect(judgeNoise(rows([[1, 0]]))).toMatchObject({ duels: 1, agreement: 0, winRateError: Math.SQRT1_2 });
  });

  it('a judge that repeats itself has none; swapping sides changes nothing', () => {
    const win = fc.constantFrom(0, 0.5, 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(win, win, win), { minLength: 1, maxLength: 30 }), (wins) => {
        const noise = judgeNoise(rows(wins));
        const mirrored = judgeNoise(rows(wins.map((row) => row.map((one) => 1 - one))));
        expect(mirrored?.agreement).toBe(noise?.agreement);
        expect(mirrored?.winRateError).toBeCloseTo(noise?.winRateError as number, 12);
        expect(mirrored?.winRateDeviation).toBeCloseTo(noise?.winRateDeviation as number, 12);
        const steady = judgeNoise(rows(wins.map(([one]) => [one, one, one])));
        expect(steady).toMatchObject({ agreement: 1, winRateDeviation: 0, winRateError: 0 });
      }),
      seeded(100),
    );
  });

  it('both estimates find the noise that is there', () => {
    // Each of 400 duels is won with its own probability p: the error of one win rate is √(Σ p (1 − p)) / 400.
    const random = new Random('noise');
    const chances = Array.from({ length: 400 }, () => random.uniform());
    const wins = chances.map((p) => Array.from({ length: 60 }, () => (random.uniform() < p ? 1 : 0)));
    const truth = Math.sqrt(chances.reduce((sum, p) => sum + p * (1 - p), 0)) / 400;
    const noise = judgeNoise(rows(wins));
    expect((noise?.winRateError as number) / truth).toBeCloseTo(1, 1);
    expect(Math.abs((noise?.winRateDeviation as number) / truth - 1)).toBeLessThan(0.3);
  });

  it('verdicts may come in any order', () => {
    const all = rows([
      [1, 0],
      [0.5, 1],
      [0, 0],
    ]);
    expect(judgeNoise([...all].reverse())).toMatchObject({ agreement: 1 / 3, duels: 3 });
  });
});

describe('position bias', () => {
  const game = (order: Order, win: number | null): Game => ({
    order,
    label: null,
    win,
    strong: false,
    said: null,
    key: 'k',
  });
  const both = (ahead: number | null, behind: number | null): DuelVerdict => ({
    ...verdict('d', 0, null),
    games: [game('opponent-first', ahead), game('model-first', behind)],
  });

  it('by hand', () => {
    // Both orders name the model; the place wins; the place loses; a tie and a win; a game is missing.
    const bias = positionBias([both(1, 1), both(0, 1), both(1, 0), both(0.5, 1), both(null, 1)]);
    expect(bias).toMatchObject({ duels: 4, disagree: 3, opposite: 2, first: 4, second: 3, tied: 1 });
    expect(bias.firstShares).toEqual([0.5, 1, 0, 0.75]);
    expect(bias.firstShare).toBe(0.5625);
    expect(positionBias([])).toMatchObject({ duels: 0, firstShare: null });
  });

  it('a judge that looks at the answers alone has none, however good the model', () => {
    const share = fc.constantFrom(0, 0.25, 0.5, 1);
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 20 }), (shares) => {
        expect(positionBias(shares.map((win) => both(win, win)))).toMatchObject({
          disagree: 0,
          firstShare: 0.5,
        });
        expect(positionBias(shares.map((win) => both(0, win))).firstShare).toBeGreaterThanOrEqual(0.5);
      }),
      seeded(50),
    );
  });
});

describe('families', () => {
  it.each([
    ['gpt-4-1106-preview', 'gpt-3.5-turbo', 'gpt'],
    ['gpt-4.1', 'openai/gpt-oss-20b', 'gpt'],
    ['gpt-4o', 'o3-mini-2025-01-31', 'gpt'],
    ['claude-3-5-sonnet-20240620', 'anthropic.claude-v2', 'claude'],
    ['meta-llama/Meta-Llama-3-8B-Instruct', 'llama2_7b', 'llama'],
    ['Llama-3.3-70B', 'lmsys/vicuna-7b-v1.5', 'llama'],
    ['Qwen2.5-72B-Instruct', 'QwQ-32B', 'qwen'],
    ['mistral-large', 'mistralai/Mixtral-8x7B-Instruct-v0.1', 'mistral'],
    ['gemini-2.5-pro', 'models/gemini-1.5-flash', 'gemini'],
    ['google/gemma-2-9b-it', 'codegemma-7b', 'gemma'],
    ['deepseek-chat', 'deepseek-ai/DeepSeek-R1-Distill-Qwen-7B', 'deepseek'],
    ['qwen-max', 'deepseek-ai/DeepSeek-R1-Distill-Qwen-7B', 'qwen'],
    ['phi-4', 'microsoft/Phi-3.5-mini-instruct', 'phi'],
    ['command-r-plus', 'CohereForAI/c4ai-command-r-v01', 'command'],
    ['My-Own', 'my-own', 'My-Own'],
  ])('%s and %s: %s', (judge, model, family) => {
    expect(sameFamily(judge, model)).toBe(family);
    if (family !== judge) expect(sameFamily(model, judge)).toBe(family);
  });

  it.each([
    ['gpt-4', 'EleutherAI/gpt-neox-20b'],
    ['gpt-4', 'gpt-j-6b'],
    ['gpt-4', 'claude-2.1'],
    ['gemini-1.5-pro', 'gemma-2b-it'],
    ['phi-3', 'dolphin-2.6'],
    ['yi-large', 'yinyang'],
    ['llama-3', '/home/llama/models/Qwen2.5-0.5B'],
    ['o3', 'olmo3'],
    ['judge', 'model'],
  ])('%s and %s: none', (judge, model) => {
    expect(sameFamily(judge, model)).toBeNull();
  });

  it('a name of nothing tells nothing', () => {
    expect(['', '/', '--'].map(familiesOf)).toEqual([[], [], []]);
  });
});

describe('Python’s random numbers', () => {
  // CPython 3: random.Random(seed).random()
  it.each([
    ['', 0.9602256525641875],
    ['a', 0.2720295377534757],
    ['winnow', 0.6452332715450146],
    ['日本語の質問', 0.5179516941716942],
    ['x'.repeat(5_000), 0.5761835444429939],
    ['\0\0\0\0\0abc', 0.9111658661134768],
  ])('seeded by %j', (seed, value) => {
    expect(firstPythonRandom(seed)).toBe(value);
  });
});
