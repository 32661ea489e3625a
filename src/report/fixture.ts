import { Random } from '../base/random.ts';
import type { ArmResult, Comparison, Interval, ReportData } from './data.ts';

/** Report data for tests, of the size and shape of a lab pilot. The numbers are made up. */
export function fixtureReport(): ReportData {
  const random = new Random('report fixture');
  const ease = Array.from({ length: 1636 }, () => 0.62 + 0.22 * random.normal());
  const measure = (value: number) => Math.max(0.02, value + 0.1 * random.normal());
  const agreement = ease.map((value) => [measure(value), measure(value)] as const);
  const values = agreement.map(([a, b]) => (a + b) / 2).sort((a, b) => a - b);
  const kept = 818;
  return {
    version: '0.1.0',
    command: 'winnow demo --seed 7 --out runs/demo',
    seed: 7,
    seconds: 412.6,
    secondsByStage: [
      { stage: 'Scoring runs', seconds: 131.2 },
      { stage: 'Training the arms', seconds: 203.9 },
      { stage: 'Evaluation', seconds: 77.5 },
    ],
    model: { name: 'lab-S', parameters: 29_184, trained: 'all weights' },
    data: {
      file: 'assets/lab/pairs.jsonl',
      sha256: 'c0ffee'.padEnd(64, '0'),
      format: 'chosen / rejected strings',
    },
    pairs: {
      read: 2060,
      used: 2045,
      refused: 15,
      pool: 1636,
      heldOut: 409,
      refusedBy: { 'identical-sides': 9, 'empty-chosen': 2, duplicate: 4 },
      promptsCut: 0,
    },
    hyperParameters: {
      loss: 'sigmoid',
      beta: 0.1,
      learningRate: 0.0004,
      batchSize: 32,
      epochs: 1,
      warmup: 0.1,
      sorted: true,
    },
    learningRates: {
      by: 'heldOutLoss',
      tried: [
        { learningRate: 1e-4, value: 0.561, chosen: false },
        { learningRate: 4e-4, value: 0.523, chosen: true },
        { learningRate: 1e-3, value: 0.547, chosen: false },
      ],
    },
    difficulty: {
      folds: 2,
      seeds: 3,
      checkpoints: 5,
      spearman: 0.72,
      overlap: 0.78,
      reliabilityBetween: 'seeds',
      agreement,
      shareBelowLn2: values.filter((value) => value < Math.LN2).length / values.length,
      values,
    },
    selection: {
      keepFraction: 0.5,
      kept,
      dropped: values.length - kept,
      direction: 'easiest',
      threshold: values[kept - 1]!,
      lengths: { pool: { chosen: 6.9, rejected: 6.4 }, kept: { chosen: 7.3, rejected: 6.1 } },
    },
    arms: [
      arm('start', { pairs: 0, steps: 0, order: '', trainingSeeds: [], winRate: null, correctness: interval(0.675, 0.03), style: 0.52, meanLengthTokens: 6.8, endedShare: 0.993, chosenLogProbChange: 0, heldOut: heldOut(0.5, Math.LN2) }),
      arm('selected', { winRate: { ...interval(0.671, 0.022), n: 600 }, correctness: interval(0.651, 0.031), style: 0.86, meanLengthTokens: 7.4, chosenLogProbChange: -0.112, heldOut: heldOut(0.741, 0.518) }),
      arm('full', { pairs: 1636, steps: 52, order: 'shuffled', winRate: { ...interval(0.652, 0.023), n: 600 }, correctness: interval(0.637, 0.032), style: 0.81, meanLengthTokens: 7.3, chosenLogProbChange: -0.153, heldOut: heldOut(0.748, 0.507) }),
      arm('random', { order: 'shuffled', winRate: { ...interval(0.618, 0.022), n: 600 }, correctness: interval(0.648, 0.031), style: 0.71, meanLengthTokens: 7.1, chosenLogProbChange: -0.09, heldOut: heldOut(0.717, 0.548) }),
      arm('hardest', { order: 'shuffled', winRate: { ...interval(0.341, 0.024), n: 600 }, correctness: interval(0.688, 0.03), style: 0.21, meanLengthTokens: 6.1, chosenLogProbChange: -0.31, heldOut: heldOut(0.402, 0.801) }),
      arm('easiest-shuffled', { order: 'shuffled', winRate: { ...interval(0.664, 0.022), n: 600 }, correctness: interval(0.655, 0.031), style: 0.84, meanLengthTokens: 7.4, chosenLogProbChange: -0.104, heldOut: heldOut(0.738, 0.521) }),
    ], // biome-ignore format: one arm a line
    comparisons: [
      comparison('winRate', 'random', 0.053, 0.021, 600),
      comparison('correctness', 'random', 0.003, 0.022, 600),
      comparison('heldOutAccuracy', 'random', 0.024, 0.019, 409),
      comparison('heldOutLoss', 'random', -0.03, 0.012, 409),
      comparison('winRate', 'full', 0.019, 0.022, 600),
      comparison('correctness', 'full', 0.014, 0.024, 600),
      comparison('heldOutAccuracy', 'full', -0.007, 0.018, 409),
      comparison('heldOutLoss', 'full', 0.011, 0.013, 409),
      comparison('correctness', 'start', -0.024, 0.026, 600),
    ],
    notes: ['The held-out pairs share no prompt with the pool.'],
  };
}

/** The same run on data without a gold judge: no win rate, no correctness, no style. */
export function fixtureWithoutGold(): ReportData {
  const data = fixtureReport();
  return {
    ...data,
    arms: data.arms.map((one) => ({ ...one, winRate: null, correctness: null, style: null })),
    comparisons: data.comparisons.filter(({ metric }) => metric.startsWith('heldOut')),
    learningRates: null,
  };
}

/** The same run with a reward model as judge: win rates and rewards, and nothing of right and style. */
export function fixtureWithRewardModel(): ReportData {
  const data = fixtureReport();
  const rewards: Readonly<Record<string, number>> = { start: -1.204, selected: 0.317, full: 0.281 };
  return {
    ...data,
    judge: { kind: 'reward-model', name: 'org/judge@abc' },
    arms: data.arms.map((one) => ({
      ...one,
      reward: interval(rewards[one.name] ?? 0.1, 0.2),
      correctness: null,
      style: null,
    })),
    comparisons: [
      ...data.comparisons.filter(({ metric }) => metric !== 'correctness'),
      comparison('reward', 'random', 0.217, 0.11, 600),
      comparison('reward', 'start', 1.521, 0.2, 600),
    ],
  };
}

/** `data` with one comparison of the selected arm set to a difference, or (null) taken away. */
export function withComparison(
  data: ReportData,
  metric: Comparison['metric'],
  b: string,
  difference: readonly [value: number, half: number] | null,
): ReportData {
  const others = data.comparisons.filter((c) => c.metric !== metric || c.b !== b);
  return {
    ...data,
    comparisons:
      difference === null ? others : [...others, comparison(metric, b, difference[0], difference[1], 600)],
  };
}

function interval(value: number, half: number): Interval {
  return { value, low: value - half, high: value + half };
}

function heldOut(accuracy: number, loss: number): ArmResult['heldOut'] {
  return { accuracy, accuracyLow: accuracy - 0.042, accuracyHigh: accuracy + 0.041, loss, n: 409 };
}

function arm(
  name: string,
  fields: Partial<ArmResult> &
    Pick<
      ArmResult,
      'heldOut' | 'winRate' | 'correctness' | 'style' | 'meanLengthTokens' | 'chosenLogProbChange'
    >,
): ArmResult {
  return {
    name,
    pairs: 818,
    steps: 26,
    order: 'easy to hard',
    trainingSeeds: [1, 2, 3],
    endedShare: 0.991,
    ...fields,
  };
}

function comparison(
  metric: Comparison['metric'],
  b: string,
  value: number,
  half: number,
  n: number,
): Comparison {
  return { metric, a: 'selected', b, difference: interval(value, half), n };
}
