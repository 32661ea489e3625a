import { describe, expect, it } from 'vitest';
import { type CostInputs, costSheet, largerPilot, priced } from './cost-sheet.ts';

const input: CostInputs = {
  poolTokens: new Map([
    ['a', 100],
    ['b', 200],
    ['c', 300],
    ['d', 400],
  ]),
  heldOutTokens: 50,
  keptIds: ['a', 'b'],
  arms: [
    ['a', 'b'],
    ['a', 'b', 'c', 'd'],
  ],
  generatedTokens: 70,
  folds: 2,
  seeds: 3,
  checkpoints: 1,
  epochs: 1,
  stages: [
    { stage: 'Reference log-probabilities', seconds: 360 },
    { stage: 'Scoring runs', seconds: 3240 },
    { stage: 'Training the arms', seconds: 1300 },
    { stage: 'Evaluation: rewards', seconds: 360 },
  ],
  comparison: null,
};
const none = { currency: 'EUR', workerHour: null, millionTrainingTokens: null };

describe('the cost sheet', () => {
  it('counts tokens and hours by hand', () => {
    const sheet = costSheet(input);
    // Three seeds of two parts: each pair is trained on three times and scored three times, and once by the reference.
    expect(sheet.scoring).toEqual({
      trainedTokens: 3000,
      scoredTokens: 4050,
      generatedTokens: 0,
      workerHours: 1,
    });
    expect(sheet.comparing).toMatchObject({ trainedTokens: 1300, scoredTokens: 100, generatedTokens: 70 });
    expect(sheet.judgingHours).toBeCloseTo(0.1, 12);
    expect(sheet.finalTraining).toMatchObject({ fullTokens: 1000, keptTokens: 300, savedTokens: 700 });
    // 1,300 tokens took 1,300 seconds.
    expect(sheet.finalTraining.savedHours).toBeCloseTo(700 / 3600, 12);
    expect(sheet.breakEven.scoringTokens).toBeCloseTo(4350, 9);
    expect(sheet.breakEven.trainings).toBeCloseTo(4350 / 700, 12);
    expect(costSheet({ ...input, keptIds: ['a', 'b', 'c', 'd'] }).breakEven.trainings).toBeNull();
  });
  it('is money where a price is given, and only there', () => {
    const sheet = costSheet(input);
    expect(priced(sheet, none)).toBeNull();
    const byHours = priced(sheet, { ...none, workerHour: 2 });
    expect(byHours).toMatchObject({ currency: 'EUR', scoring: 2 });
    expect(byHours?.savedPerTraining).toBeCloseTo(1400 / 3600, 12);
    expect(byHours?.breakEvenScoring).toBeCloseTo(3600 / 700, 9);
    const byTokens = priced(sheet, { ...none, millionTrainingTokens: 1e6 });
    expect(byTokens).toMatchObject({ savedPerTraining: 700, judging: null });
    expect(byTokens?.breakEvenScoring).toBeCloseTo(sheet.breakEven.trainings as number, 9);
  });
  it('a larger pilot: the interval shrinks with the root', () => {
    const found = largerPilot({
      metric: 'winRate',
      against: 'full',
      n: 100,
      difference: { value: 0.02, low: -0.02, high: 0.06 },
    });
    expect(found).toMatchObject({ halfWidth: 0.04, fourfold: 0.02, needed: 400 });
    expect(found.doubled).toBeCloseTo(0.04 / Math.SQRT2, 12);
    expect(
      largerPilot({ metric: 'winRate', against: 'full', n: 9, difference: { value: 0, low: -1, high: 1 } })
        .needed,
    ).toBeNull();
  });
});
