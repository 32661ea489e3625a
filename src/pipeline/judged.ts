import type { Answer, GradedAnswer } from '../evaluate/answers.ts';
import type { AskedPrompt } from './inputs.ts';

/** Answers of the start model and of others to the same prompts. */
export interface Answered {
  readonly prompts: readonly AskedPrompt[];
  readonly start: readonly Answer[];
  readonly others: readonly (readonly Answer[])[];
}

export interface Judged {
  readonly start: readonly GradedAnswer[];
  readonly others: readonly (readonly GradedAnswer[])[];
  /** Conversations whose prompt lost its start to fit into the judge's context. */
  readonly promptsCut: number;
  /** Prompts that count for none, as a language model gave no verdict on an answer to them. */
  readonly withoutVerdict: number;
}
