import { ARITHMETIC_TASKS } from './arithmetic-tasks.ts';
import type { TaskFamily } from './family.ts';
import { LOOKUP_TASKS } from './lookup-tasks.ts';
import { SEQUENCE_TASKS } from './sequence-tasks.ts';

/** All families, easy ones first. */
export const FAMILIES: readonly TaskFamily[] = [
  ...SEQUENCE_TASKS,
  ...LOOKUP_TASKS,
  ...ARITHMETIC_TASKS,
].toSorted((a, b) => a.level - b.level);

const BY_NAME: ReadonlyMap<string, TaskFamily> = new Map(FAMILIES.map((family) => [family.name, family]));

/** The text a model is asked: family name, blank, arguments, equals sign. */
export function promptText(family: TaskFamily, question: string): string {
  return `${family.name} ${question}=`;
}

/** The family, question and right answer of a prompt; null when the text is no prompt of the lab. */
export function readPrompt(
  prompt: string,
): { readonly family: TaskFamily; readonly question: string; readonly answer: string } | null {
  const [, name = '', question = ''] = /^(\w+) (.+)=$/.exec(prompt) ?? [];
  const family = BY_NAME.get(name);
  const answer = family?.solve(question) ?? null;
  return family === undefined || answer === null ? null : { family, question, answer };
}
