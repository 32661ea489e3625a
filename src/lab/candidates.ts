import { Random } from '../base/random.ts';
import type { Grade } from '../judge/judge.ts';
import { styledAnswer } from './answer.ts';
import { labJudge } from './gold.ts';
import type { LabPrompt } from './prompts.ts';
import { readPrompt } from './tasks.ts';

/** Who wrote an answer. */
export type Source = 'expert' | 'middle' | 'weak' | 'base';

export interface Candidate {
  readonly source: Source;
  readonly text: string;
  readonly grade: Grade;
}

interface Writer {
  readonly source: Source;
  /** Probability that the answer is right. */
  readonly right: number;
  /** Probability of each style mark in a world of full conflict. */
  readonly style: number;
}

/** World U40 of the first lab study: the better a writer knows, the less it adorns. */
const WRITERS: readonly Writer[] = [
  { source: 'expert', right: 0.95, style: 0.1 },
  { source: 'middle', right: 0.5, style: 0.5 },
  { source: 'weak', right: 0.2, style: 0.9 },
];

/** Every writer's probability of a style mark where style says nothing of quality. */
const NEUTRAL_STYLE = 0.5;

/** An answer that a base model gave. */
export interface BaseAnswer {
  readonly text: string;
  /** False when generation hit its token limit first. */
  readonly ended: boolean;
}

/**
 * One answer by each writer, and the base model's. Each question has draws of its own, so that two worlds of
 * one seed differ only where their settings make them: rightness is the same at every conflict, and style
 * marks move one by one. A base answer that is empty or did not end is left out: a pair file ends every
 * answer, so there it would be another answer than the one that was graded.
 */
export function candidatesFor(
  { prompt, question, answer, family }: LabPrompt,
  { seed, conflict }: { readonly seed: number; readonly conflict: number },
  baseAnswer?: BaseAnswer,
): Candidate[] {
  const grade = (source: Source, text: string) => ({
    source,
    text,
    grade: labJudge.grade(prompt, text, true),
  });
  const candidates = WRITERS.map(({ source, right, style }) => {
    const random = new Random(seed, 'candidate', source, prompt);
    const styleHere = NEUTRAL_STYLE + conflict * (style - NEUTRAL_STYLE);
    const isRight = random.uniform() < right;
    const opening = random.uniform() < styleHere;
    const closing = random.uniform() < styleHere;
    const written = isRight ? answer : nearMiss(prompt, family, question, answer, random);
    return grade(source, styledAnswer({ answer: written, opening, closing }));
  });
  const usable = baseAnswer?.ended === true && baseAnswer.text !== '';
  return usable ? [...candidates, grade('base', baseAnswer.text)] : candidates;
}

function nearMiss(prompt: string, name: string, question: string, answer: string, random: Random): string {
  const family = readPrompt(prompt)?.family;
  if (family?.name !== name) throw new Error(`not a prompt of ${name}: ${prompt}`);
  return family.nearMiss(random, question, answer);
}
