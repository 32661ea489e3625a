import { Random } from '../base/random.ts';
import type { CompletionLogProb } from '../policy/log-probs.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { LOSSES, type LossName, type PreferenceLoss } from './losses.ts';
import { dpoLoss, dpoSlope, implicitMargin, type PairLogProbs } from './preference-loss.ts';

/** Which loss is trained with. */
export interface LossSettings {
  readonly name: LossName;
  /** What it means is the loss's own; default: that of the loss. */
  readonly alpha?: number | undefined;
  /** β of a loss that has its own; default: that of the loss. Others take DPO's. */
  readonly beta?: number | undefined;
  /** Weight of the chosen completion's mean negative log-likelihood a token; default 0. */
  readonly anchorWeight?: number | undefined;
  /** Of draws, for a loss that draws; default 0. */
  readonly seed?: number | undefined;
}

/** log π_ref(y_w|x) and log π_ref(y_l|x) of a pair, nats. */
export interface PairReference {
  readonly chosen: number;
  readonly rejected: number;
  /** The same by token: float32, as the model gives them. A loss that weighs tokens needs them. */
  readonly tokens?: { readonly chosen: Float32Array; readonly rejected: Float32Array };
}

/** A loss of one pair, nats, and its slopes ∂loss / ∂(log π): one for a completion's tokens together, or by token. */
export interface PairLoss {
  readonly loss: number;
  readonly chosen: number | Float64Array;
  readonly rejected: number | Float64Array;
}

/**
 * The loss of a pair as it is trained:  f(m) − a·(1/|y_w|)·log π_θ(y_w|x), with f and m as {@link PreferenceLoss} says
 * and the anchor's weight a. The anchor counts every token of the chosen completion, whatever weights m has.
 * What is drawn depends on seed, epoch and pair alone, so a resumed training draws what an uninterrupted one does.
 *
 * *Reference* for the anchor: Pang et al. 2024 (Iterative RPO, arXiv 2404.19733), whose NLL is a mean over the tokens
 * of each completion; TRL's loss `sft` is a mean over all tokens of a batch, which is the same for one pair.
 */
export function pairLoss(
  { name, alpha: given, beta: own, anchorWeight = 0, seed = 0 }: LossSettings,
  dpoBeta: number,
) {
  const rule: PreferenceLoss = LOSSES[name];
  const alpha = given ?? rule.defaultAlpha ?? 0;
  const { referenceFree, perToken = false } = rule;
  const beta = referenceFree === undefined ? dpoBeta : (own ?? referenceFree.defaultBeta);
  // Of SimPO the target margin γ = α·β is the offset.
  const target = referenceFree === undefined ? 0 : alpha * beta;
  const objective =
    rule.objective ?? ((margin: number) => ({ loss: dpoLoss(margin), slope: dpoSlope(margin) }));
  return (
    pair: Pick<TokenizedPair, 'id' | 'chosen' | 'rejected'>,
    epoch: number,
    policy: readonly [chosen: CompletionLogProb, rejected: CompletionLogProb],
    reference: PairReference,
  ): PairLoss => {
    const lengths = [pair.chosen.length, pair.rejected.length] as const;
    const shared = Math.min(...lengths);
    const weightsOf = (length: number): Float64Array | null =>
      length === shared
        ? null
        : (rule.longerWeights?.(length, shared, alpha, new Random(seed, 'tokens', epoch, pair.id)) ?? null);
    const [chosenWeights, rejectedWeights] = [weightsOf(lengths[0]), weightsOf(lengths[1])];
    if ((chosenWeights ?? rejectedWeights) !== null && reference.tokens === undefined)
      throw new Error(`the loss ${name} needs the reference's log-probabilities by token`);
    const [chosen, rejected] = policy;
    const sums = {
      chosen: weighted(chosen.sum, chosen.byToken, chosenWeights),
      rejected: weighted(rejected.sum, rejected.byToken, rejectedWeights),
      refChosen: weighted(reference.chosen, reference.tokens?.chosen, chosenWeights),
      refRejected: weighted(reference.rejected, reference.tokens?.rejected, rejectedWeights),
    };
    const counted = perToken ? perTokens(sums, lengths, referenceFree !== undefined) : sums;
    const margin = implicitMargin(counted, beta) + (rule.offset?.(...lengths, alpha) ?? 0) - target;
    const { loss, slope: slopeOfMargin } = objective(margin, alpha, beta);
    const slope = beta * slopeOfMargin;
    const anchor = anchorWeight / lengths[0];
    if (perToken)
      return {
        loss: loss - anchor * chosen.sum,
        chosen: slope / lengths[0] - anchor,
        rejected: -slope / lengths[1],
      };
    return {
      loss: loss - anchor * chosen.sum,
      chosen: chosenWeights?.map((weight) => slope * weight - anchor) ?? slope - anchor,
      rejected: rejectedWeights?.map((weight) => -slope * weight) ?? -slope,
    };
  };
}

/** Sums of each side over its tokens; without a reference log π_ref is 0. */
function perTokens(
  sums: PairLogProbs,
  [chosen, rejected]: readonly [chosen: number, rejected: number],
  withoutReference: boolean,
): PairLogProbs {
  return {
    chosen: sums.chosen / chosen,
    rejected: sums.rejected / rejected,
    refChosen: withoutReference ? 0 : sums.refChosen / chosen,
    refRejected: withoutReference ? 0 : sums.refRejected / rejected,
  };
}

/** Σ_t w_t·log π(y_t); without weights the sum as it is. */
function weighted(sum: number, byToken: ArrayLike<number> | undefined, weights: Float64Array | null): number {
  if (weights === null || byToken === undefined) return sum;
  return weights.reduce((total, weight, t) => total + weight * (byToken[t] as number), 0);
}
