import { Random } from '../base/random.ts';
import type { Grade } from '../judge/judge.ts';
import { styledAnswer } from './answer.ts';
import { labJudge } from './gold.ts';
import type { LabPrompt } from './prompts.ts';
import { readPrompt } from './tasks.ts';

/** Who wrote an answer. */
export type Author = 'expert' | 'middle' | 'weak' | 'careful' | 'careless' | 'base';

/**
 * Where the answers of a world come from.
 * - `mixed`: three writers of unlike knowledge, and the base model where it was asked;
 * - `near-miss`: a right answer against a slip, so that every pair is about correctness;
 * - `on-policy`: samples of the base model alone.
 */
export const ANSWER_SOURCES = ['mixed', 'near-miss', 'on-policy'] as const;
export type AnswerSource = (typeof ANSWER_SOURCES)[number];

export interface Candidate {
  readonly author: Author;
  readonly text: string;
  readonly grade: Grade;
}

interface Writer {
  readonly author: Author;
  /** Probability that the answer is right. */
  readonly right: number;
  /** Probability of each style mark in a world of full conflict. */
  readonly style: number;
}

/** `mixed` is world U40 of the first lab study: the better a writer knows, the less it adorns. */
const WRITERS: Readonly<Record<AnswerSource, readonly Writer[]>> = {
  mixed: [
    { author: 'expert', right: 0.95, style: 0.1 },
    { author: 'middle', right: 0.5, style: 0.5 },
    { author: 'weak', right: 0.2, style: 0.9 },
  ],
  'near-miss': [
    { author: 'careful', right: 1, style: 0.1 },
    { author: 'careless', right: 0, style: 0.9 },
  ],
  'on-policy': [],
};

/** Every writer's probability of a style mark where style says nothing of quality. */
const NEUTRAL_STYLE = 0.5;

/** An answer that a base model gave. */
export interface BaseAnswer {
  readonly text: string;
  /** False when generation hit its token limit first. */
  readonly ended: boolean;
}

export interface CandidateOptions {
  readonly seed: number;
  /** −1 to 1: see `WorldConfig`. */
  readonly conflict: number;
  /** Default: mixed. */
  readonly source?: AnswerSource;
}

/**
 * One answer by each writer, and the base model's. Each question has draws of its own, so that two worlds of
 * one seed differ only where their settings make them: rightness is the same at every conflict, and style
 * marks move one by one. A base answer that is empty or did not end is left out: a pair file ends every
 * answer, so there it would be another answer than the one that was graded.
 */
export function candidatesFor(
  { prompt, question, answer, family }: LabPrompt,
  { seed, conflict, source = 'mixed' }: CandidateOptions,
  baseAnswers: readonly BaseAnswer[] = [],
): Candidate[] {
  const graded = (author: Author, text: string) => ({
    author,
    text,
    grade: labJudge.grade(prompt, text, true),
  });
  const written = WRITERS[source].map(({ author, right, style }) => {
    const random = new Random(seed, 'candidate', author, prompt);
    const styleHere = NEUTRAL_STYLE + conflict * (style - NEUTRAL_STYLE);
    const isRight = random.uniform() < right;
    const opening = random.uniform() < styleHere;
    const closing = random.uniform() < styleHere;
    const text = isRight ? answer : nearMiss(prompt, family, question, answer, random);
    return graded(author, styledAnswer({ answer: text, opening, closing }));
  });
  const usable = baseAnswers.filter(({ ended, text }) => ended && text !== '');
  return [...written, ...usable.map(({ text }) => graded('base', text))];
}

function nearMiss(prompt: string, name: string, question: string, answer: string, random: Random): string {
  const family = readPrompt(prompt)?.family;
  if (family?.name !== name) throw new Error(`not a prompt of ${name}: ${prompt}`);
  return family.nearMiss(random, question, answer);
}
