import { accumulateGradient } from '../policy/gradient.ts';
import { packPass } from '../policy/pack.ts';
import type { Policy } from '../policy/policy.ts';
import { rowLength } from '../text/rows.ts';
import { microBatches } from './micro-batches.ts';
import {
  type Optimisation,
  optimise,
  rowsOfSteps,
  type TrainingHooks,
  type TrainingState,
  totalSteps,
} from './optimise.ts';
import { inPasses } from './passes.ts';

export interface Demonstration {
  readonly prompt: Int32Array;
  readonly completion: Int32Array;
}

/**
 * Supervised training on completions: loss = −mean over the batch's completion tokens of log π(y_t | x, y_<t).
 * It makes the lab's base models.
 */
export async function trainLanguage(
  policy: Policy,
  texts: readonly Demonstration[],
  shuffleSeed: number | null,
  optimisation: Optimisation,
  hooks: TrainingHooks = {},
): Promise<TrainingState> {
  const rowsOf = rowsOfSteps(texts.length, shuffleSeed, optimisation.batchSize);
  const gradientOf = async (step: number) => {
    const indices = rowsOf(step);
    const rows = indices.map((i) => {
      const { prompt, completion } = texts[i] as Demonstration;
      return { prompt, completions: [completion] };
    });
    const tokens = rows.reduce((sum, row) => sum + (row.completions[0] as Int32Array).length, 0);
    const gather = async (passes: readonly (readonly number[])[]) => {
      let loss = 0;
      for (const batch of passes) {
        const packed = packPass(
          policy,
          batch.map((r) => rows[r] as (typeof rows)[number]),
        );
        const logProbs = await accumulateGradient(policy, packed, (items) =>
          new Float64Array(items.length).fill(-1 / tokens),
        );
        for (const { sum } of logProbs) loss -= sum / tokens;
      }
      return { loss, rows: indices };
    };
    return inPasses(policy, microBatches(policy, rows, true), rows.map(rowLength), gather);
  };
  return optimise(policy, totalSteps(texts.length, optimisation), gradientOf, optimisation, hooks);
}
