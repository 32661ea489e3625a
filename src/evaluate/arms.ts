import { deriveSeed } from '../base/random.ts';
import { bootstrapMean, pairedDifference } from '../stats/bootstrap.ts';
import type { Interval } from '../stats/interval.ts';
import type { GradedAnswer } from './answers.ts';
import type { HeldOutOutcome } from './held-out.ts';

/** What an arm did, once a training seed; the same pairs and prompts in the same order for every seed and arm. */
export interface ArmOutcomes {
  readonly name: string;
  readonly heldOut: readonly (readonly HeldOutOutcome[])[];
  /** null where there is no judge. */
  readonly graded: readonly (readonly GradedAnswer[])[] | null;
}

export type Metric = 'winRate' | 'reward' | 'correctness' | 'heldOutAccuracy' | 'heldOutLoss';

/** Values of a metric, [training seed][prompt or pair]; null where the arm has none. */
export function valuesOf(outcomes: ArmOutcomes, metric: Metric): number[][] | null {
  const heldOut = (value: (outcome: HeldOutOutcome) => number) =>
    outcomes.heldOut.some((seed) => seed.length === 0)
      ? null
      : outcomes.heldOut.map((seed) => seed.map(value));
  const graded = (value: (answer: GradedAnswer) => number | null) => {
    const values = outcomes.graded?.map((seed) => seed.map(value)) ?? [];
    const told = (seed: readonly (number | null)[]): seed is number[] =>
      seed.length > 0 && !seed.includes(null);
    return values.length > 0 && values.every(told) ? values : null;
  };
  switch (metric) {
    case 'winRate':
      return graded(({ win }) => win);
    case 'reward':
      return graded(({ reward }) => reward);
    case 'correctness':
      return graded(({ correct }) => correct);
    case 'heldOutAccuracy':
      return heldOut(({ correct }) => correct);
    case 'heldOutLoss':
      return heldOut(({ loss }) => loss);
  }
}

/** 95 % bootstrap interval of an arm's mean over prompts and training seeds. */
export function armInterval(
  outcomes: ArmOutcomes,
  metric: Metric,
  seed: number,
): (Interval & { readonly n: number }) | null {
  const values = valuesOf(outcomes, metric);
  if (values === null) return null;
  return {
    ...bootstrapMean(values, { seed: deriveSeed(seed, metric, outcomes.name) }),
    n: (values[0] as number[]).length,
  };
}

/** a − b over the same prompts, with its 95 % interval; null where one of them has no such metric. */
export function compareArms(
  a: ArmOutcomes,
  b: ArmOutcomes,
  metric: Metric,
  seed: number,
): { readonly difference: Interval; readonly n: number } | null {
  const [left, right] = [valuesOf(a, metric), valuesOf(b, metric)];
  if (left === null || right === null) return null;
  const difference = pairedDifference(left, right, { seed: deriveSeed(seed, metric, a.name, b.name) });
  return { difference, n: (left[0] as number[]).length };
}
