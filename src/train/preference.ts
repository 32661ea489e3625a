import { accumulateGradient } from '../policy/gradient.ts';
import { completionLogProbs } from '../policy/log-probs.ts';
import { packPass } from '../policy/pack.ts';
import type { Policy } from '../policy/policy.ts';
import { rowLength } from '../text/rows.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { microBatches } from './micro-batches.ts';
import {
  type Optimisation,
  optimise,
  rowsOfSteps,
  type StepGradient,
  type TrainingHooks,
  type TrainingState,
  totalSteps,
} from './optimise.ts';
import { inPasses } from './passes.ts';
import { dpoLoss, dpoSlope, implicitMargin } from './preference-loss.ts';

/** log π(y_w|x) and log π(y_l|x) of a pair, nats, with the halves over even tokens (see CompletionLogProb). */
export interface PairScore {
  readonly chosen: number;
  readonly rejected: number;
  readonly chosenEven: number;
  readonly rejectedEven: number;
}

export interface PreferenceTraining {
  /** In training order: the first batch is the first rows. */
  readonly pairs: readonly TokenizedPair[];
  /** Log-probabilities of the same pairs under the reference policy. */
  readonly reference: readonly Pick<PairScore, 'chosen' | 'rejected'>[];
  readonly beta: number;
  /** null: the given order in every epoch (a curriculum). A seed: shuffled anew for every epoch. */
  readonly shuffleSeed: number | null;
  readonly optimisation: Optimisation;
}

/** DPO (Rafailov et al. 2023): trains the policy on the pairs, the reference being given as log-probabilities. */
export async function trainPreference(
  policy: Policy,
  job: PreferenceTraining,
  hooks: TrainingHooks = {},
): Promise<TrainingState> {
  const { pairs, reference, beta, shuffleSeed, optimisation } = job;
  const rowsOf = rowsOfSteps(pairs.length, shuffleSeed, optimisation.batchSize);
  const gradientOf = async (step: number) => {
    const indices = rowsOf(step);
    const rows = indices.map((i) => sharedRow(pairs[i] as TokenizedPair));
    const gather = async (passes: readonly (readonly number[])[]): Promise<StepGradient> => {
      let loss = 0;
      const notFinite: number[] = [];
      for (const batch of passes) {
        await accumulateGradient(
          policy,
          packPass(
            policy,
            batch.map((r) => rows[r] as ReturnType<typeof sharedRow>),
          ),
          (logProbs) => {
            const slopes = new Float64Array(logProbs.length);
            batch.forEach((r, k) => {
              const ref = reference[indices[r] as number] as Pick<PairScore, 'chosen' | 'rejected'>;
              const [chosen, rejected] = [logProbs[2 * k]?.sum as number, logProbs[2 * k + 1]?.sum as number];
              const margin = implicitMargin(
                { chosen, rejected, refChosen: ref.chosen, refRejected: ref.rejected },
                beta,
              );
              loss += dpoLoss(margin) / indices.length;
              if (!Number.isFinite(dpoLoss(margin))) notFinite.push(indices[r] as number);
              slopes[2 * k] = (beta * dpoSlope(margin)) / indices.length;
              slopes[2 * k + 1] = -(slopes[2 * k] as number);
            });
            return slopes;
          },
        );
      }
      return { loss, rows: indices, notFinite };
    };
    return inPasses(policy, microBatches(policy, rows, true), rows.map(rowLength), gather);
  };
  const nameOf = (i: number) => `${pairs[i]?.id} (row ${pairs[i]?.row})`;
  return optimise(policy, totalSteps(pairs.length, optimisation), gradientOf, optimisation, {
    nameOf,
    ...hooks,
  });
}

/** Log-probabilities of pairs under the policy, in the order given. */
export async function scorePairs(
  policy: Policy,
  pairs: readonly TokenizedPair[],
  onProgress?: (done: number) => void | Promise<void>,
): Promise<PairScore[]> {
  const rows = pairs.map(sharedRow);
  const scores: PairScore[] = new Array(pairs.length);
  const score = async (passes: readonly (readonly number[])[]) => {
    let done = 0;
    for (const batch of passes) {
      const logProbs = await completionLogProbs(
        policy,
        packPass(
          policy,
          batch.map((i) => rows[i] as ReturnType<typeof sharedRow>),
        ),
      );
      batch.forEach((i, k) => {
        const [chosen, rejected] = [logProbs[2 * k], logProbs[2 * k + 1]];
        if (chosen === undefined || rejected === undefined)
          throw new Error('a pair without log-probabilities');
        scores[i] = {
          chosen: chosen.sum,
          rejected: rejected.sum,
          chosenEven: chosen.evenSum,
          rejectedEven: rejected.evenSum,
        };
      });
      done += batch.length;
      await onProgress?.(done);
    }
  };
  await inPasses(policy, microBatches(policy, rows, false), rows.map(rowLength), score);
  return scores;
}

function sharedRow(pair: TokenizedPair) {
  return { prompt: pair.prompt, completions: [pair.chosen, pair.rejected] };
}
