import { z } from 'zod';

const count = z.int().min(1);

/** Keys of `difficulty` that name a scorer and what it reads. */
export const SCORER_KEYS = {
  scorer: z
    .enum([
      'validation-loss',
      'learned-step',
      'implicit-margin',
      'perplexity-chosen',
      'perplexity-gap',
      'length',
      'length-gap',
      'rating-margin',
      'reward-margin',
      'file',
    ])
    .default('validation-loss')
    .describe(
      'What orders the pairs: docs/scorers.md. validation-loss, the default, is the paper’s; learned-step and implicit-margin come from the same scoring runs; perplexity-chosen and perplexity-gap take one pass of the start model; length, length-gap, rating-margin (columns of the data) and file (scores of a file or another run) take none; reward-margin takes passes of evaluation.rewardModel.',
    ),
  first: z
    .enum(['default', 'smallest', 'largest'])
    .default('default')
    .describe(
      'Which end of the scorer’s own values counts as easy. default: the smallest; of implicit-margin, rating-margin and reward-margin the largest. Means nothing to validation-loss: selection.direction is its other end.',
    ),
  learnedMargin: z
    .number()
    .gt(0)
    .default(0.4)
    .describe('Margin from which on a pair counts as learned, for learned-step. δ of the paper (Eq. 2).'),
  ratings: z
    .array(z.string().min(1))
    .length(2)
    .default(['score_chosen', 'score_rejected'])
    .describe(
      'Columns of the data with the ratings of chosen and rejected, for rating-margin. The names that UltraFeedback’s pairs have.',
    ),
  scoresFile: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'File of scores or run folder for the scorer file: difficulty.jsonl, scores.jsonl, or CSV (docs/scorers.md). Joined by id, by the column prompt_id of the data, or by row.',
    ),
};

/** Keys of `selection` that decide how many pairs are kept, in place of a share. */
export const QUANTITY_KEYS = {
  band: z
    .array(z.number().min(0).max(1))
    .length(2)
    .nullable()
    .default(null)
    .describe(
      'Quantiles of difficulty, such as [0.2, 0.8], between which pairs are kept: all of them, or those that direction prefers within a budget. Decides in place of keepFraction. null: none. Our addition.',
    ),
  budget: z
    .strictObject({
      pairs: count.nullable().default(null).describe('Most pairs that are kept.'),
      tokens: count
        .nullable()
        .default(null)
        .describe(
          'Most tokens that are trained on: prompt, chosen and rejected of each pair, once in each of training.epochs.',
        ),
      money: z
        .number()
        .gt(0)
        .nullable()
        .default(null)
        .describe('Most that training on the kept pairs may cost, by pricePerMillionTokens.'),
    })
    .prefault({})
    .describe(
      'A budget in place of keepFraction, of which one may be given: the preferred pairs are kept until the next would exceed it. Controls get the same budget. Our addition.',
    ),
  pricePerMillionTokens: z
    .number()
    .gt(0)
    .nullable()
    .default(null)
    .describe('Price of a million tokens of training, in the currency of budget.money.'),
};
