import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import type { Answer } from '../answers.ts';
import { measureAnswer, repetition } from './answer-measures.ts';
import { calibration } from './calibration.ts';
import { GATES, type GateSettings, gateResults } from './gates.ts';
import { type ArmBehaviour, trainingEffects } from './training-effects.ts';

const answer = (i: number, text: string, tokens = 10, ended = true): Answer => ({
  id: `p${i}`,
  prompt: 'What is it?',
  text,
  tokens,
  ended,
});

/** An arm whose answers have these lengths and whose held-out pairs have these margins. */
function arm(name: string, seed: string, n: number, { longer = 0, margin = 0, drop = 0 } = {}): ArmBehaviour {
  const random = new Random(seed);
  return {
    name,
    answers: [
      Array.from({ length: n }, (_, i) =>
        answer(i, `word${random.integer(9)}`, 20 + longer + random.integer(20)),
      ),
    ],
    heldOut: [
      Array.from({ length: n }, () => ({
        chosenChange: -drop + 0.1 * random.normal(),
        rejectedChange: 0.1 * random.normal(),
        margin: margin + random.normal(),
      })),
    ],
  };
}

describe('measures of an answer', () => {
  it('repetition: by hand, and in Japanese by characters', () => {
    // Six 4-grams of "a b c d a b c d e": abcd bcda cdab dabc abcd bcde, of which one is said twice.
    expect(repetition('a b c d a b c d e')).toBeCloseTo(1 / 6, 12);
    expect(repetition('a b c')).toBe(0);
    expect(repetition('はいはいはいはい')).toBeCloseTo(1 - 2 / 5, 12);
  });
  it('sees a switch of language, refusals and answers that were cut', () => {
    expect(
      measureAnswer(
        answer(0, 'The capital is Tokyo, and it is the largest city.'),
        'languageSwitch',
        '日本の首都はどこですか',
      ),
    ).toBe(1);
    expect(
      measureAnswer(
        answer(0, '東京です。日本で最も大きい都市です。'),
        'languageSwitch',
        '日本の首都はどこですか',
      ),
    ).toBe(0);
    expect(measureAnswer(answer(0, '申し訳ございませんが、お手伝いできません'), 'refusal', '')).toBe(1);
    expect(measureAnswer(answer(0, 'x', 5, false), 'unterminated', '')).toBe(1);
  });
});

describe('side effects of training', () => {
  it('finds longer answers and displacement, and nothing else', () => {
    const arms = [
      arm('start', 'a', 120),
      arm('selected', 'b', 120, { longer: 8, drop: 0.3 }),
      arm('full', 'c', 120),
    ];
    const { effects } = trainingEffects(arms, new Map(), 1);
    const changed = effects
      .filter(({ pHolm }) => pHolm < 0.05)
      .map(({ measure, a, b }) => `${measure}: ${a} − ${b}`);
    expect(changed.sort()).toEqual([
      'chosenChange: selected − full',
      'chosenChange: selected − start',
      'length: selected − full',
      'length: selected − start',
    ]);
    const length = effects.find(
      ({ measure, a, b }) => measure === 'length' && a === 'selected' && b === 'start',
    );
    expect(length?.relative?.value).toBeCloseTo((length?.aMean ?? 0) / (length?.bMean ?? 1) - 1, 12);
    expect(length?.relative?.low).toBeGreaterThan(0.1);
  });
  it('calls something changed in at most about 5 % of arms that differ in nothing', () => {
    let flagged = 0;
    for (let i = 0; i < 60; i++) {
      const arms = [arm('start', `s${i}`, 60), arm('selected', `t${i}`, 60)];
      if (trainingEffects(arms, new Map(), i).effects.some(({ pHolm }) => pHolm < 0.05)) flagged++;
    }
    expect(flagged).toBeLessThanOrEqual(8);
  });
  it('compares nothing where nothing was generated', () => {
    const bare = (name: string): ArmBehaviour => ({ name, answers: [[]], heldOut: [[]] });
    expect(trainingEffects([bare('start'), bare('selected')], new Map(), 1)).toEqual({
      tests: 0,
      effects: [],
      calibration: [],
    });
  });
});

describe('calibration', () => {
  it('Brier score and ECE by hand', () => {
    // p = 0.8 four times, three of them right: Brier (3·0.04 + 0.64) / 4, ECE |0.8 − 0.75|.
    const m = Math.log(4);
    const found = calibration([m, m, m, -m], 1);
    expect(found?.brier.value).toBeCloseTo(0.19, 12);
    expect(found?.ece?.value).toBeCloseTo(0.05, 12);
    expect(found?.overconfidence?.value).toBeCloseTo(0.05, 12);
    expect(found?.bins).toHaveLength(1);
    expect(calibration([], 1)).toBeNull();
    expect(calibration([0, 0], 1)?.brier.value).toBe(0.25);
  });
});

describe('gates', () => {
  const none = { warn: null, fail: null };
  const settings = (limits: Partial<GateSettings>): GateSettings => ({
    by: 'interval',
    ...(Object.fromEntries(GATES.map((gate) => [gate, none])) as Record<(typeof GATES)[number], typeof none>),
    ...limits,
  });
  const loss = (value: number, half: number) => [
    {
      metric: 'winRate',
      a: 'selected',
      b: 'full',
      difference: { value: -value, low: -value - half, high: -value + half },
    },
  ];
  const outcome = (value: number, half: number, limits: Partial<GateSettings>) =>
    gateResults({ effects: [], calibration: [] }, loss(value, half), settings(limits)).map(
      (one) => one.outcome,
    )[0];

  it('fails where the whole interval is beyond, warns where the value is', () => {
    const winRateLoss = { warn: 0.05, fail: 0.1 };
    expect(outcome(0.2, 0.05, { winRateLoss })).toBe('failed');
    expect(outcome(0.2, 0.15, { winRateLoss })).toBe('warned');
    expect(outcome(0.2, 0.15, { winRateLoss, by: 'point' })).toBe('failed');
    expect(outcome(0.06, 0.01, { winRateLoss })).toBe('warned');
    expect(outcome(0.05, 0.01, { winRateLoss })).toBe('passed');
    expect(outcome(0.11, 0.05, { winRateLoss: { warn: null, fail: 0.1 } })).toBe('warned');
    expect(outcome(0.2, 0.05, {})).toBeUndefined();
  });
  it('says the loss as a loss, with its interval', () => {
    const [found] = gateResults(
      { effects: [], calibration: [] },
      loss(0.2, 0.05),
      settings({ winRateLoss: { warn: 0, fail: null } }),
    );
    expect(found?.value.value).toBeCloseTo(0.2, 12);
    expect(found?.value.low).toBeCloseTo(0.15, 12);
    expect(found?.value.high).toBeCloseTo(0.25, 12);
  });
  it('reads every gate from what was measured', () => {
    const arms = [
      arm('start', 'a', 40),
      arm('selected', 'b', 40, { longer: 8, drop: 0.3 }),
      arm('full', 'c', 40),
    ];
    const effects = trainingEffects(arms, new Map(), 1);
    const all = Object.fromEntries(GATES.map((gate) => [gate, { warn: 0, fail: null }])) as Record<
      (typeof GATES)[number],
      { warn: number; fail: null }
    >;
    const found = gateResults(effects, loss(0.1, 0.1), { by: 'interval', ...all });
    expect(found.map(({ gate }) => gate)).toEqual(GATES.filter((gate) => gate !== 'correctnessLoss'));
    expect(found.find(({ gate }) => gate === 'chosenLogProbDrop')?.value.value).toBeCloseTo(0.3, 1);
  });
});
