import { z } from 'zod';

const count = z.int().min(1);
const distinct = <T>(items: readonly T[]) => new Set(items).size === items.length;

/** Section `training` of the configuration. */
export const training = z.strictObject({
  method: z
    .enum(['lora', 'full'])
    .default('lora')
    .describe('lora: low-rank adapters, as in all scoring runs of the paper; full: every weight is trained.'),
  adapter: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "Folder of a LoRA adapter of the model, as PEFT writes it, to go on from: the start model is then model and adapter, and rank, alpha and targets are the adapter's. For a model that was tuned with LoRA before.",
    ),
  rank: count.default(16).describe("Rank of the LoRA adapters. The paper's value (Table 7)."),
  alpha: z
    .number()
    .gt(0)
    .default(16)
    .describe("LoRA scale: updates count alpha / rank. The paper's value (Table 7)."),
  targets: z
    .union([
      z.literal('all-linear'),
      z.array(z.string().min(1)).min(1).refine(distinct, 'names a layer twice'),
    ])
    .default('all-linear')
    .describe(
      "Linear layers that get an adapter, by the last part of their names (q_proj, …, down_proj; in Phi-3 qkv_proj and gate_up_proj too); all-linear: every one of a decoder block, the paper's value (Table 7).",
    ),
  beta: z
    .number()
    .gt(0)
    .default(0.01)
    .describe(
      "Beta of DPO: how dearly leaving the reference model is paid. The value of the paper's released recipes.",
    ),
  loss: z
    .enum(['sigmoid', 'ld-dpo', 'r-dpo', 'sampo', 'cdpo', 'robust', 'ipo', 'simpo'])
    .default('sigmoid')
    .describe(
      "Preference loss of the arms and of the scoring runs; sigmoid is DPO's own, as in the paper. ld-dpo, r-dpo and sampo correct for the length of completions: ld-dpo (arXiv 2409.06411) weighs the tokens beyond the length that both have, r-dpo (arXiv 2403.19159) adds the difference of the lengths to the margin, sampo (arXiv 2406.10957) draws as many tokens of the longer one as the shorter has. cdpo (label smoothing) and robust (arXiv 2403.00409) expect a share of wrong labels, ipo (arXiv 2310.12036) aims at a margin a token instead of ever more, simpo (arXiv 2405.14734) needs no reference and takes means a token. Difficulty stays DPO's own loss, with training.beta, whatever is trained with.",
    ),
  lossAlpha: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe(
      'Strength of the correction. ld-dpo: the weight of the tokens beyond the common length, 0 to 1, where 1 is DPO. r-dpo: what a token more counts in the margin, in nats, where 0 is DPO. cdpo and robust: the share of labels that is expected to be wrong, less than 0.5, where 0 is DPO. simpo: the target margin as γ/β, in nats a token. null: 0.5 for ld-dpo, 0.01 for r-dpo, 0.1 for cdpo and robust (our choices), 0.5 for simpo (its authors’ for Llama-3); the other losses have none.',
    ),
  lossBeta: z
    .number()
    .gt(0)
    .nullable()
    .default(null)
    .describe(
      'β of simpo, which scales its rewards (mean log-probabilities a token) and is another thing than DPO’s: training.beta stays that of the difficulty and of the held-out loss. null: 2, its authors’ value. simpo also wants a small learning rate, as nothing else holds the model to where it started. The other losses take training.beta.',
    ),
  anchorWeight: z
    .number()
    .min(0)
    .default(0)
    .describe(
      "Weight of the chosen completion's mean negative log-likelihood a token, added to the loss so that the chosen completion does not lose probability (arXiv 2404.19733, which takes 1). 0, the default, is DPO, as in the paper.",
    ),
  learningRate: z
    .union([z.number().gt(0), z.array(z.number().gt(0)).min(1), z.literal('auto')])
    .default('auto')
    .describe(
      "Peak learning rate. A list is tried on one scoring run and the lowest held-out loss wins. auto: the paper's 5e-5 (Qwen-2.5 with LoRA on Argilla; paper, Table 3) for models over 1e9 parameters; below that a small grid is tried likewise.",
    ),
  batchSize: z
    .union([count, z.literal('auto')])
    .default('auto')
    .describe(
      "Pairs in one optimizer step. auto: the paper's 64 (LoRA; paper, Tables 3 and 4) where this leaves at least 32 steps in a scoring run, else the largest power of two that does, at least 4.",
    ),
  epochs: count.default(1).describe("Passes over the pairs. The value of the paper's released recipes."),
  warmupRatio: z
    .number()
    .min(0)
    .lt(1)
    .default(0.1)
    .describe(
      "Share of the steps in which the learning rate rises from 0. The value of the paper's released recipes.",
    ),
  schedule: z
    .enum(['cosine', 'linear', 'constant'])
    .default('cosine')
    .describe(
      "How the learning rate falls after the warm-up: to 0, or not. The value of the paper's released recipes.",
    ),
  weightDecay: z
    .number()
    .min(0)
    .default(0)
    .describe('Decoupled weight decay of AdamW. The paper names none; this is the default of TRL.'),
  maxGradNorm: z
    .number()
    .gt(0)
    .default(1)
    .describe("The gradient's norm is clipped to this. The paper names none; this is the default of TRL."),
  adamBeta1: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .describe('Decay of AdamW’s first moment. The default of TRL.'),
  adamBeta2: z
    .number()
    .min(0)
    .lt(1)
    .default(0.999)
    .describe('Decay of AdamW’s second moment. The default of TRL.'),
  adamEpsilon: z
    .number()
    .gt(0)
    .default(1e-8)
    .describe('Added to the root of AdamW’s second moment. The default of TRL.'),
});
