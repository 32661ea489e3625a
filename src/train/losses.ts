import type { Random } from '../base/random.ts';

/**
 * A preference loss: −log σ of DPO's margin, in which the tokens of the longer completion may weigh less and to which
 * something that depends on the lengths may be added:
 *
 *   m = β·[Σ_t w_t·(log π_θ − log π_ref)(y_w,t)] − β·[Σ_t w_t·(log π_θ − log π_ref)(y_l,t)] + offset,  loss = −log σ(m)
 *
 * The tokens of the shorter completion always weigh 1. Where two completions are equally long, every loss here is DPO's.
 */
export interface PreferenceLoss {
  /** α where none is given; null: the loss has none. */
  readonly defaultAlpha: number | null;
  /** Weights of the tokens of the longer completion, of which the shorter has `shared`. Default: all 1. */
  readonly longerWeights?: (length: number, shared: number, alpha: number, random: Random) => Float64Array;
  /** Added to the margin, nats; from lengths in tokens. Default: 0. */
  readonly offset?: (chosenLength: number, rejectedLength: number, alpha: number) => number;
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

/** By their names in `training.loss`. */
export const LOSSES = {
  sigmoid,
  'ld-dpo': ldDpo,
  'r-dpo': rDpo,
  sampo: samPo,
} as const satisfies Record<string, PreferenceLoss>;

export type LossName = keyof typeof LOSSES;

/** Whether a loss weighs tokens, and so needs log-probabilities of the reference by token. */
export function weighsTokens(name: LossName): boolean {
  return (LOSSES[name] as PreferenceLoss).longerWeights !== undefined;
}
