import type { ReportData } from './data.ts';
import { fixtureReport } from './fixture.ts';

const at = (value: number, half: number) => ({ value, low: value - half, high: value + half });

/** The fixture with everything that selection and training did besides, as a run writes it. The numbers are made up. */
export function fixtureWithEffects(): ReportData {
  const data = fixtureReport();
  const shares = [0.5, 0.6, 0.7, 0.8, 0.9, 1];
  return {
    ...data,
    selection: {
      ...data.selection,
      auto: {
        keepFraction: 0.7,
        tried: shares.map((keepFraction, i) => ({
          keepFraction,
          winRate: 0.6 + [0, 0.05, 0.08, 0.07, 0.03, 0][i]!,
          interval: at(0.6 + [0, 0.05, 0.08, 0.07, 0.03, 0][i]!, 0.02),
          belowBest: i === 2 ? at(0, 0) : at([-0.08, -0.03, 0, -0.01, -0.05, -0.08][i]!, 0.02),
        })),
        gain: at(0.08, 0.03),
      },
    },
    selectionEffects: {
      pairs: 1636,
      dropped: 818,
      tests: 7,
      untested: 2,
      lengths: [
        { of: 'chosen', keptMean: 7.3, droppedMean: 6.5, effect: at(0.41, 0.03), p: 1e-6, pHolm: 7e-6 },
        { of: 'difference', keptMean: 1.2, droppedMean: 1.1, effect: at(0.5, 0.03), p: 0.9, pHolm: 0.9 },
      ],
      groups: [
        { kind: 'language', of: 'language', value: 'ja', pairs: 200, dropped: 150, effect: at(0.28, 0.06), p: 1e-9, pHolm: 7e-9 }, // biome-ignore format: one group a line
        { kind: 'trait', of: 'trait', value: 'list', pairs: 100, dropped: 30, effect: at(-0.21, 0.08), p: 1e-5, pHolm: 6e-5 }, // biome-ignore format: one group a line
        { kind: 'category', of: 'source', value: '<chat>', pairs: 400, dropped: 200, effect: at(0, 0.05), p: 1, pHolm: 1 }, // biome-ignore format: one group a line
      ],
      vocabulary: {
        words: 900,
        keptWords: 800,
        rare: 300,
        rareLost: 0.4,
        rareLostAtRandom: 0.25,
        excess: at(0.15, 0.03),
        p: 1e-9,
        pHolm: 5e-9,
      },
    },
    dropped: {
      between: 'token-halves',
      easyLoss: 0.6,
      counts: { 'likely wrong': 38, ambiguous: 100, unstable: 20, 'too hard': 254 },
      first: [
        { id: 'a', row: 12, label: 'likely wrong', reasons: ['against', 'swapped-easy'], difficulty: 2.1, z: -5, swappedLoss: 0.13, prompt: '<b>どれ?</b>', chosen: 'x', rejected: 'y' }, // biome-ignore format: one pair a line
        { id: 'b', row: 13, label: 'ambiguous', reasons: ['near-zero'], difficulty: 0.7, z: null, swappedLoss: 0.69, prompt: 'Q', chosen: 'x', rejected: 'y' }, // biome-ignore format: one pair a line
      ],
    },
    trainingEffects: {
      tests: 4,
      effects: [
        { measure: 'length', a: 'selected', b: 'start', aMean: 7.4, bMean: 6.8, difference: at(0.6, 0.2), relative: at(0.09, 0.03), n: 600, p: 1e-5, pHolm: 4e-5 }, // biome-ignore format: one effect a line
        { measure: 'repetition', a: 'selected', b: 'start', aMean: 0.1, bMean: 0.02, difference: at(0.08, 0.01), relative: null, n: 600, p: 1e-5, pHolm: 3e-5 }, // biome-ignore format: one effect a line
        { measure: 'chosenChange', a: 'selected', b: 'full', aMean: -0.1, bMean: -0.15, difference: at(0.05, 0.01), relative: null, n: 409, p: 1e-5, pHolm: 2e-5 }, // biome-ignore format: one effect a line
        { measure: 'brier', a: 'selected', b: 'full', aMean: 0.21, bMean: 0.2, difference: at(0.01, 0.02), relative: null, n: 409, p: 0.3, pHolm: 0.3 }, // biome-ignore format: one effect a line
      ],
      calibration: [
        { arm: 'selected', pairs: 409, brier: at(0.21, 0.01), ece: at(0.04, 0.02), overconfidence: null, bins: [] }, // biome-ignore format: one arm a line
      ],
    },
    gates: {
      by: 'interval',
      results: [
        { gate: 'repetition', value: at(0.08, 0.01), limits: { warn: 0.05, fail: 0.06 }, outcome: 'failed' },
        { gate: 'lengthGrowth', value: at(0.3, 0.1), limits: { warn: 0.2, fail: null }, outcome: 'warned' },
      ],
    },
    cost: {
      scoring: { trainedTokens: 3e6, scoredTokens: 4e6, generatedTokens: 0, workerHours: 1.5 },
      comparing: { trainedTokens: 9e6, scoredTokens: 1e6, generatedTokens: 2e5, workerHours: 3 },
      judgingHours: 0,
      finalTraining: { fullTokens: 1e6, keptTokens: 5e5, savedTokens: 5e5, savedHours: 0.2 },
      breakEven: { scoringTokens: 4.3e6, trainings: 8.7 },
      largerPilot: { metric: 'winRate', against: 'random', n: 600, difference: 0.01, halfWidth: 0.02, doubled: 0.0141, fourfold: 0.01, needed: 2400 }, // biome-ignore format: one row
      money: {
        currency: 'EUR',
        scoring: 3,
        comparing: 6,
        judging: 0,
        savedPerTraining: 0.4,
        breakEvenScoring: 7.5,
        breakEvenPilot: 22.5,
      },
    },
  };
}
