import type { Random } from '../base/random.ts';

/** 0: a small decoder learns it nearly fully, 1: partly, 2: hardly. */
export type Level = 0 | 1 | 2;

/** One kind of question whose answer a program can check. */
export interface TaskFamily {
  /** Also the first word of the prompt, and one token of the lab's tokenizer. */
  readonly name: string;
  readonly level: Level;
  /** How many distinct questions there are; `make` draws uniformly from them. */
  readonly questions: number;
  make(random: Random): { readonly question: string; readonly answer: string };
  /** The right answer, or null when the text is not a question of this family. */
  solve(question: string): string | null;
  /** A wrong answer of plausible form, such as a slip of this task makes; never equal to `answer`. */
  nearMiss(random: Random, question: string, answer: string): string;
}

export interface FamilyDefinition {
  readonly name: string;
  readonly level: Level;
  readonly questions: number;
  /** The form of a question; its groups are handed to `answer` and `nearMiss`. */
  readonly form: RegExp;
  readonly ask: (random: Random) => string;
  /** '' when the text has the form of a question but no answer, such as a look-up of a missing key. */
  readonly answer: (groups: readonly string[]) => string;
  readonly nearMiss: (random: Random, groups: readonly string[], answer: string) => string;
}

/**
 * `make` takes its answer from `solve`, so that the truth of a pair file that was read back from disk is the
 * truth it was made with.
 */
export function defineFamily(definition: FamilyDefinition): TaskFamily {
  const { name, level, questions } = definition;
  const groupsOf = (question: string): readonly string[] | null =>
    definition.form.exec(question)?.slice(1) ?? null;
  const solve = (question: string): string | null => {
    const groups = groupsOf(question);
    return groups === null ? null : definition.answer(groups) || null;
  };
  return {
    name,
    level,
    questions,
    solve,
    make(random) {
      const question = definition.ask(random);
      const answer = solve(question);
      if (answer === null) throw new Error(`${name} asked what it cannot read: ${question}`);
      return { question, answer };
    },
    nearMiss(random, question, answer) {
      const groups = groupsOf(question);
      if (groups === null) throw new Error(`not a question of ${name}: ${question}`);
      return definition.nearMiss(random, groups, answer);
    },
  };
}

/** `length` digits, leading zeros included: a number of fixed width. */
export function randomDigits(random: Random, length: number): string {
  return Array.from({ length }, () => random.integer(10)).join('');
}
