import type { Random } from '../base/random.ts';
import { dpoLoss, dpoSlope } from './preference-loss.ts';

/**
 * A preference loss: −log σ of DPO's margin, in which the tokens of the longer completion may weigh less and to which
 * something that depends on the lengths may be added:
 *
 *   m = β·[Σ_t w_t·(log π_θ − log π_ref)(y_w,t)] − β·[Σ_t w_t·(log π_θ − log π_ref)(y_l,t)] + offset,  loss = −log σ(m)
 *
 * The tokens of the shorter completion always weigh 1. Where two completions are equally long, these corrections are DPO.
 * Other losses take another function of m (`objective`), means instead of sums (`perToken`) or no reference
 * (`referenceFree`). Whatever is trained with, difficulty stays DPO's own loss.
 */
export interface PreferenceLoss {
  /** α where none is given; null: the loss has none. */
  readonly defaultAlpha: number | null;
  /** Weights of the tokens of the longer completion, of which the shorter has `shared`. Default: all 1. */
  readonly longerWeights?: (length: number, shared: number, alpha: number, random: Random) => Float64Array;
  /** Added to the margin, nats; from lengths in tokens. Default: 0. */
  readonly offset?: (chosenLength: number, rejectedLength: number, alpha: number) => number;
  /** The loss and its slope ∂loss / ∂m. Default: −log σ(m). */
  readonly objective?: (margin: number, alpha: number, beta: number) => { loss: number; slope: number };
  /** Log-ratios are divided by the tokens of their completion. Default: sums. */
  readonly perToken?: boolean;
  /** log π_ref counts as 0, and β is the loss's own, this where none is given. Default: the reference counts. */
  readonly referenceFree?: { readonly defaultBeta: number };
}

/** DPO's own: w = 1, offset = 0. *Reference:* Rafailov et al. 2023 (arXiv 2305.18290), Eq. 7. */
const sigmoid: PreferenceLoss = { defaultAlpha: null };

/**
 * LD-DPO: tokens beyond the length that both completions have weigh α ∈ [0, 1].
 *
 *   w_t = 1 for t ≤ min(|y_w|, |y_l|), else α;  α = 1 is DPO, α = 0 leaves the rest out
 *
 * *Reference:* Liu et al. 2024 (arXiv 2409.06411); TRL's `ld_alpha`, whose results these are. It has no default there,
 * and the best α depends on the model; 0.5 is our choice, the middle.
 */
const ldDpo: PreferenceLoss = {
  defaultAlpha: 0.5,
  longerWeights: (length, shared, alpha) => new Float64Array(length).fill(1, 0, shared).fill(alpha, shared),
};

/**
 * R-DPO: a margin that its lengths explain counts as reached, so a longer chosen completion is pushed less.
 *
 *   offset = α·(|y_w| − |y_l|), α ≥ 0 in nats a token
 *
 * It follows from a reward that is lowered by α for every token. *Reference:* Park et al. 2024 (arXiv 2403.19159).
 * The default is our choice: 100 tokens of difference move the margin by 1, whatever β is.
 */
const rDpo: PreferenceLoss = {
  defaultAlpha: 0.01,
  offset: (chosenLength, rejectedLength, alpha) => alpha * (chosenLength - rejectedLength),
};

/**
 * SamPO: of the longer completion as many tokens count as the shorter has, drawn without replacement.
 *
 *   w_t = 1 for the min(|y_w|, |y_l|) drawn positions, else 0; the same positions for π_θ and π_ref
 *
 * *Reference:* Lu et al. 2024 (arXiv 2406.10957), whose formula draws once for both policies. Their code
 * (LuJunru/SamPO, `get_batch_logps`) draws anew for the reference, which adds the noise of two draws to the margin.
 */
const samPo: PreferenceLoss = {
  defaultAlpha: null,
  longerWeights: (length, shared, _, random) => {
    const weights = new Float64Array(length);
    const places = Array.from({ length }, (_, t) => t);
    for (const t of random.shuffle(places).slice(0, shared)) weights[t] = 1;
    return weights;
  },
};

/**
 * cDPO: labels that are wrong with probability ε are expected to be.
 *
 *   loss = −(1 − ε)·log σ(m) − ε·log σ(−m),  slope = −(1 − ε)·σ(−m) + ε·σ(m)
 *
 * Lowest at σ(m) = 1 − ε: a pair that is ordered surely enough is pushed back. ε = 0 is DPO, ε = ½ pushes every pair to
 * m = 0. *Reference:* Mitchell 2023, "A note on DPO with noisy preferences & relationship to IPO"; TRL's `label_smoothing`.
 * The default, 0.1, is our choice.
 */
const cDpo: PreferenceLoss = {
  defaultAlpha: 0.1,
  objective: (m, epsilon) => ({
    loss: (1 - epsilon) * dpoLoss(m) + epsilon * dpoLoss(-m),
    slope: (1 - epsilon) * dpoSlope(m) - epsilon * dpoSlope(-m),
  }),
};

/**
 * rDPO (robust): a loss whose mean over labels that are wrong with probability ε is DPO's over right ones.
 *
 *   loss = [−(1 − ε)·log σ(m) + ε·log σ(−m)] / (1 − 2ε),  slope = [−(1 − ε)·σ(−m) − ε·σ(m)] / (1 − 2ε),  ε < ½
 *
 * Never pushed back, and below 0 for large m. ε = 0 is DPO. *Reference:* Chowdhury et al. 2024 (arXiv 2403.00409),
 * Eq. 12; TRL's loss `robust`. The default, 0.1, is our choice.
 */
const robust: PreferenceLoss = {
  defaultAlpha: 0.1,
  objective: (m, epsilon) => ({
    loss: ((1 - epsilon) * dpoLoss(m) - epsilon * dpoLoss(-m)) / (1 - 2 * epsilon),
    slope: ((1 - epsilon) * dpoSlope(m) + epsilon * dpoSlope(-m)) / (1 - 2 * epsilon),
  }),
};

/**
 * IPO: the mean log-ratio a token of the chosen completion is to exceed that of the rejected one by 1 / 2β, no more.
 *
 *   loss = (m / β − 1 / 2β)²,  m / β = (1/|y_w|)·log-ratio(y_w) − (1/|y_l|)·log-ratio(y_l),  slope = 2·(m / β − 1 / 2β) / β
 *
 * β is τ of the paper, and is `training.beta`. *Reference:* Azar et al. 2024 (AISTATS, arXiv 2310.12036), Eq. 17, for sums;
 * means are TRL's loss `ipo`, as the paper's authors advised there. At β = 0.01 the target is 50 nats a token, which no
 * training reaches: the gradient is then nearly constant.
 */
const ipo: PreferenceLoss = {
  defaultAlpha: null,
  perToken: true,
  objective: (m, _, beta) => {
    const gap = (m - 0.5) / beta;
    return { loss: gap * gap, slope: (2 * gap) / beta };
  },
};

/**
 * SimPO: no reference; the mean log-probability a token is the reward, and the chosen one is to lead by a target margin.
 *
 *   m = β·[(1/|y_w|)·log π_θ(y_w) − (1/|y_l|)·log π_θ(y_l)] − γ,  loss = −log σ(m),  γ = α·β
 *
 * β scales rewards (here `training.lossBeta`, 2 where none is given: `training.beta` is DPO's and stays that of the
 * difficulty); γ is by how much, after β, the chosen reward should lead; α is γ / β, in nats a token. Nothing holds the
 * model to where it started but the learning rate, which must be small (3e-7 to 1e-6 in the paper, for all weights).
 * *Reference:* Meng et al. 2024 (arXiv 2405.14734), Eq. 6; β 2 and γ/β 0.5 are their values for Llama-3 8B.
 */
const simPo: PreferenceLoss = {
  defaultAlpha: 0.5,
  perToken: true,
  referenceFree: { defaultBeta: 2 },
};

/** By their names in `training.loss`. */
export const LOSSES = {
  sigmoid,
  'ld-dpo': ldDpo,
  'r-dpo': rDpo,
  sampo: samPo,
  cdpo: cDpo,
  robust,
  ipo,
  simpo: simPo,
} as const satisfies Record<string, PreferenceLoss>;

export type LossName = keyof typeof LOSSES;

/** β of a loss that has its own; null: it is DPO's. */
export function ownBeta(name: LossName): number | null {
  return (LOSSES[name] as PreferenceLoss).referenceFree?.defaultBeta ?? null;
}

/** Whether a loss weighs tokens, and so needs log-probabilities of the reference by token. */
export function weighsTokens(name: LossName): boolean {
  return (LOSSES[name] as PreferenceLoss).longerWeights !== undefined;
}
