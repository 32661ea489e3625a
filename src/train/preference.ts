import { accumulateGradient } from '../policy/gradient.ts';
import { type CompletionLogProb, completionLogProbs } from '../policy/log-probs.ts';
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
import { type LossSettings, type PairReference, pairLoss } from './pair-loss.ts';
import { inPasses } from './passes.ts';

/** log π(y_w|x) and log π(y_l|x) of a pair, nats, with the halves over even tokens (see CompletionLogProb). */
export interface PairScore extends PairReference {
  readonly chosenEven: number;
  readonly rejectedEven: number;
}

export interface PreferenceTraining {
  /** In training order: the first batch is the first rows. */
  readonly pairs: readonly TokenizedPair[];
  /** Log-probabilities of the same pairs under the reference policy. */
  readonly reference: readonly PairReference[];
  /** What the loss of each pair counts; default 1 each. A step's loss is Σ w·loss / pairs, so weights do not divide by their sum. */
  readonly weights?: readonly number[];
  readonly beta: number;
  /** Default: DPO's own. */
  readonly loss?: LossSettings;
  /** null: the given order in every epoch (a curriculum). A seed: shuffled anew for every epoch. */
  readonly shuffleSeed: number | null;
  readonly optimisation: Optimisation;
}

/**
 * DPO (Rafailov et al. 2023), or DPO with a corrected loss: trains the policy on the pairs, the reference being given
 * as log-probabilities.
 */
export async function trainPreference(
  policy: Policy,
  job: PreferenceTraining,
  hooks: TrainingHooks = {},
): Promise<TrainingState> {
  const {
    pairs,
    reference,
    weights,
    beta,
    loss: settings = { name: 'sigmoid' },
    shuffleSeed,
    optimisation,
  } = job;
  const lossOf = pairLoss(settings, beta);
  const stepsPerEpoch = totalSteps(pairs.length, { ...optimisation, epochs: 1 });
  const rowsOf = rowsOfSteps(pairs.length, shuffleSeed, optimisation.batchSize);
  const gradientOf = async (step: number) => {
    const indices = rowsOf(step);
    const epoch = Math.floor(step / stepsPerEpoch);
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
            return batch.flatMap((r, k) => {
              const i = indices[r] as number;
              const weight = weights?.[i] ?? 1;
              const mean = (slope: number) => (weight * slope) / indices.length;
              const policy = logProbs.slice(2 * k, 2 * k + 2) as [CompletionLogProb, CompletionLogProb];
              const found = lossOf(pairs[i] as TokenizedPair, epoch, policy, reference[i] as PairReference);
              loss += mean(found.loss);
              if (!Number.isFinite(found.loss)) notFinite.push(i);
              return [found.chosen, found.rejected].map((slope) =>
                typeof slope === 'number' ? mean(slope) : slope.map(mean),
              );
            });
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

/** Log-probabilities of pairs under the policy, in the order given; by token too where that is asked for. */
export async function scorePairs(
  policy: Policy,
  pairs: readonly TokenizedPair[],
  onProgress?: (done: number) => void | Promise<void>,
  { byToken = false }: { readonly byToken?: boolean } = {},
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
          ...(byToken && {
            tokens: {
              chosen: Float32Array.from(chosen.byToken),
              rejected: Float32Array.from(rejected.byToken),
            },
          }),
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
