import type { HubDataFile } from '../../model/hub-data.ts';
import type { Question } from './question.ts';

/** How a benchmark's judge is asked. */
export type Judging = 'log-prob' | 'both-orders' | 'grading';

/** What a benchmark asks for, beside its questions. */
export interface Benchmark {
  readonly name: string;
  readonly judging: Judging;
  /** The judge whose verdicts the published values rest on. */
  readonly officialJudge: string | null;
  /** The model that every other is compared with; null for graded answers and for the user's own prompts. */
  readonly baseline: string | null;
  readonly maxNewTokens: number;
  /** Sampling temperature of the model's answer to a question. */
  readonly temperature: (question: Question) => number;
  /** Where the questions are, and the baseline's answers where the questions do not bring them. */
  readonly hub: { readonly questions: HubDataFile; readonly answers?: HubDataFile } | null;
  /** What its licence forbids, said before its data is used. */
  readonly licence: string | null;
}

/** FastChat's `temperature_config` (fastchat/llm_judge/common.py); its models take 0.7 where no category is known. */
const MT_BENCH_TEMPERATURES: Readonly<Record<string, number>> = {
  writing: 0.7,
  roleplay: 0.7,
  extraction: 0,
  math: 0,
  coding: 0,
  reasoning: 0,
  stem: 0.1,
  humanities: 0.1,
};

/**
 * The benchmarks by name.
 *
 * *References:* tatsu-lab/alpaca_eval (weighted_alpaca_eval_gpt4_turbo), lmarena/arena-hard-auto (arena-hard-v0.1),
 * lm-sys/FastChat (fastchat/llm_judge).
 */
export const BENCHMARKS: Readonly<Record<'alpaca-eval' | 'arena-hard' | 'mt-bench', Benchmark>> = {
  'alpaca-eval': {
    name: 'alpaca-eval',
    judging: 'log-prob',
    officialJudge: 'gpt-4-1106-preview',
    baseline: 'gpt4_1106_preview',
    maxNewTokens: 2048,
    temperature: () => 0.7,
    hub: {
      questions: {
        type: 'dataset',
        name: 'tatsu-lab/alpaca_eval',
        path: 'alpaca_eval_gpt4_baseline.json',
      },
    },
    licence:
      'AlpacaEval’s data is licensed CC BY-NC 4.0: not for commercial use. For your own product give your own prompts (--benchmark FILE).',
  },
  'arena-hard': {
    name: 'arena-hard',
    judging: 'both-orders',
    officialJudge: 'gpt-4-1106-preview',
    baseline: 'gpt-4-0314',
    maxNewTokens: 4096,
    temperature: () => 0,
    hub: {
      questions: {
        type: 'dataset',
        name: 'lmarena-ai/arena-hard-auto',
        path: 'data/arena-hard-v0.1/question.jsonl',
      },
      answers: {
        type: 'dataset',
        name: 'lmarena-ai/arena-hard-auto',
        path: 'data/arena-hard-v0.1/model_answer/gpt-4-0314.jsonl',
      },
    },
    licence: null,
  },
  'mt-bench': {
    name: 'mt-bench',
    judging: 'grading',
    officialJudge: 'gpt-4',
    baseline: null,
    maxNewTokens: 1024,
    temperature: ({ category }) => MT_BENCH_TEMPERATURES[category ?? ''] ?? 0.7,
    hub: {
      questions: { type: 'space', name: 'lmsys/mt-bench', path: 'data/mt_bench/question.jsonl' },
      answers: {
        type: 'space',
        name: 'lmsys/mt-bench',
        path: 'data/mt_bench/reference_answer/gpt-4.jsonl',
      },
    },
    licence: null,
  },
};

/** The user's own prompts: each answer against the opponent's, in both orders. */
export const OWN_PROMPTS: Benchmark = {
  name: 'own',
  judging: 'both-orders',
  officialJudge: null,
  baseline: null,
  maxNewTokens: 512,
  temperature: () => 0,
  hub: null,
  licence: null,
};
