import { z } from 'zod';

/** Section `llmJudge`. */
export const llmJudge = z.strictObject({
  model: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Language model that judges generated answers, as its server calls it; null: none. Each answer is set against the start model’s, in both orders. Replies are kept in judge-cache/ of the run folder and never paid for twice.',
    ),
  url: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Address of its OpenAI-compatible server; null: that of WINNOW_JUDGE_URL or OPENAI_BASE_URL. The key is read from the environment alone (WINNOW_JUDGE_KEY, OPENAI_API_KEY).',
    ),
  judging: z
    .enum(['both-orders', 'log-prob'])
    .default('both-orders')
    .describe('In words, or by the log-probabilities of one token where the server gives them.'),
  template: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('The judge’s prompt: a file, or one of assets/judge by name; null: Winnow’s own.'),
  priceIn: z.number().min(0).nullable().default(null).describe('USD for a million tokens that it reads.'),
  priceOut: z.number().min(0).nullable().default(null).describe('USD for a million tokens that it writes.'),
  budgetUsd: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe(
      'Most that a command spends on it, with both prices given; at the limit the run stops with exit code 3, and the same command with a larger budget goes on. null: no limit.',
    ),
  concurrency: z.int().min(1).default(8).describe('Questions at a time.'),
});
