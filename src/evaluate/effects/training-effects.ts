import { deriveSeed } from '../../base/random.ts';
import { pairedDifference } from '../../stats/bootstrap.ts';
import { bootstrapStatistics } from '../../stats/bootstrap-statistics.ts';
import type { Interval } from '../../stats/interval.ts';
import { holm, meanInterval } from '../../stats/student-t.ts';
import type { Answer } from '../answers.ts';
import { ANSWER_MEASURES, type AnswerMeasure, measureAnswer } from './answer-measures.ts';
import { type Calibration, calibration } from './calibration.ts';

/** Of a held-out pair under an arm: changes against the start model in nats a token, and the margin after β. */
export interface HeldOutChange {
  readonly chosenChange: number;
  readonly rejectedChange: number;
  readonly margin: number;
}

/** chosenChange, rejectedChange: displacement; brier: of the implicit preference probability. */
export type EffectMeasure = AnswerMeasure | 'chosenChange' | 'rejectedChange' | 'brier';

/** An arm, once a training seed; prompts and pairs in the same order in every seed and arm. */
export interface ArmBehaviour {
  readonly name: string;
  readonly answers: readonly (readonly Answer[])[];
  readonly heldOut: readonly (readonly HeldOutChange[])[];
}

/** What changed between two arms, over the same prompts or pairs. */
export interface TrainingEffect {
  readonly measure: EffectMeasure;
  readonly a: string;
  readonly b: string;
  readonly aMean: number;
  readonly bMean: number;
  /** a minus b: bootstrapped over prompts and training seeds, 95 %. */
  readonly difference: Interval;
  /** a / b − 1, of lengths alone: bootstrapped over prompts. */
  readonly relative: Interval | null;
  readonly n: number;
  /** Paired t test over prompts (means of the seeds); corrected for the number of all tests of the run (Holm). */
  readonly p: number;
  readonly pHolm: number;
}

export interface TrainingEffects {
  readonly tests: number;
  readonly effects: readonly TrainingEffect[];
  readonly calibration: readonly ({ readonly arm: string } & Calibration)[];
}

const HELD_OUT_MEASURES = {
  chosenChange: ({ chosenChange }: HeldOutChange) => chosenChange,
  rejectedChange: ({ rejectedChange }: HeldOutChange) => rejectedChange,
  brier: ({ margin }: HeldOutChange) => (1 / (1 + Math.exp(margin))) ** 2,
} as const;

/**
 * What training did beside what it was for: every arm against the start model (the first), and `selected` against `full`
 * and `random`. All tests are corrected together: where nothing changes, something is called changed in at most 5 %.
 * @param asked what each prompt asks, by its id, for the language that the answer should have.
 */
export function trainingEffects(
  arms: readonly ArmBehaviour[],
  asked: ReadonlyMap<string, string>,
  seed: number,
): TrainingEffects {
  const [start, ...trained] = arms;
  const selected = trained.find(({ name }) => name === 'selected');
  if (start === undefined) return { tests: 0, effects: [], calibration: [] };
  const values = new Map(arms.map((arm) => [arm.name, measuresOf(arm, asked)]));
  const against =
    selected === undefined
      ? []
      : ['full', 'random'].flatMap((b) =>
          trained.filter(({ name }) => name === b).map(({ name }) => [selected.name, name] as const),
        );
  const compared = [...trained.map(({ name }) => [name, start.name] as const), ...against];
  const effects = compared.flatMap(([a, b]) => {
    const [left, right] = [values.get(a), values.get(b)];
    return [...(left ?? [])].flatMap(([measure, own]) => {
      const other = right?.get(measure);
      return other === undefined ? [] : [effectOf(measure, a, b, own, other, seed)];
    });
  });
  const adjusted = holm(effects.map(({ p }) => p));
  return {
    tests: effects.length,
    effects: effects.map((effect, i) => ({ ...effect, pHolm: adjusted[i] as number })),
    calibration: trained.flatMap(({ name, heldOut }) => {
      const margins = heldOut.flatMap((own) => own.map(({ margin }) => margin));
      const pairs = heldOut.flatMap((own) => own.map((_, i) => i));
      const found = calibration(margins, deriveSeed(seed, 'calibration', name), pairs);
      return found === null ? [] : [{ arm: name, ...found }];
    }),
  };
}

function measuresOf(
  { answers, heldOut }: ArmBehaviour,
  asked: ReadonlyMap<string, string>,
): Map<EffectMeasure, number[][]> {
  const found = new Map<EffectMeasure, number[][]>();
  const has = (rows: readonly (readonly unknown[])[]) =>
    rows.length > 0 && rows.every((row) => row.length > 0);
  if (has(answers))
    for (const measure of ANSWER_MEASURES)
      found.set(
        measure,
        answers.map((own) =>
          own.map((answer) => measureAnswer(answer, measure, asked.get(answer.id) ?? answer.prompt)),
        ),
      );
  if (has(heldOut))
    for (const [measure, of] of Object.entries(HELD_OUT_MEASURES))
      found.set(
        measure as EffectMeasure,
        heldOut.map((own) => own.map(of)),
      );
  for (const [measure, rows] of found)
    if (!rows.every((row) => row.every(Number.isFinite))) found.delete(measure);
  return found;
}

function effectOf(
  measure: EffectMeasure,
  a: string,
  b: string,
  left: readonly number[][],
  right: readonly number[][],
  seed: number,
): Omit<TrainingEffect, 'pHolm'> {
  const [x, y] = [overSeeds(left), overSeeds(right)];
  const differences = x.map((value, i) => value - (y[i] as number));
  const { p } = meanInterval(differences);
  const [aMean, bMean] = [mean(x), mean(y)];
  const drawn = deriveSeed(seed, 'effect', measure, a, b);
  // Two answers a prompt that differ in nothing measured: no resample would say otherwise.
  const difference = differences.some((d) => d !== 0)
    ? pairedDifference(left, right, { seed: drawn, resamples: 1000 })
    : { value: 0, low: 0, high: 0 };
  return {
    measure,
    a,
    b,
    aMean,
    bMean,
    difference,
    relative: measure === 'length' ? growth(x, y, drawn) : null,
    n: x.length,
    p,
  };
}

/** Σ x / Σ y − 1 over prompts. */
function growth(x: readonly number[], y: readonly number[], seed: number): Interval | null {
  const ratio = (weights: Float64Array) => {
    let [own, other] = [0, 0];
    weights.forEach((w, i) => {
      own += w * (x[i] as number);
      other += w * (y[i] as number);
    });
    return [other === 0 ? null : own / other - 1];
  };
  return bootstrapStatistics(x.length, ratio, { seed, resamples: 1000 })[0] ?? null;
}

function overSeeds(rows: readonly number[][]): number[] {
  const [first = []] = rows;
  return first.map((_, i) => rows.reduce((sum, row) => sum + (row[i] as number), 0) / rows.length);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
