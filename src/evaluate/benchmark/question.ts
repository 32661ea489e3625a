import { basename } from 'node:path';
import { inputError } from '../../base/errors.ts';
import type { Message, Text } from '../../pairs/pair.ts';
import { type Row, readRecords } from './records.ts';

/** A question of a benchmark, or a prompt of the user's own file. */
export interface Question {
  readonly id: string;
  /** What comes first: plain text as it stands, or messages for the model's chat template. */
  readonly prompt: Text;
  /** What the user says after each answer, in questions of several turns. */
  readonly followUps: readonly string[];
  readonly category: string | null;
  /** Right or good answers that a judge may look at, by turn; empty where there are none. */
  readonly references: readonly string[];
  /** The baseline's answer, in files that bring one. */
  readonly baseline: { readonly model: string; readonly text: string } | null;
}

/**
 * Questions in the forms of the benchmarks and in our own: JSON (a list) or JSON Lines, gzipped or not.
 *
 * - ours: `{prompt: text or messages, id?, category?, reference?, baseline?}`; a text stands as it is, as in pairs;
 * - AlpacaEval's evaluation set: `{instruction, output, generator, dataset}`, whose output is the baseline's;
 * - Arena-Hard: `{uid | question_id, category, cluster, prompt | turns: [{content}]}`;
 * - MT-Bench: `{question_id, category, turns: [text, text], reference}`.
 *
 * @throws inputError `bad-question` with the row, `same-question` where two rows have one id, `no-questions`.
 */
export async function readQuestions(file: string): Promise<Question[]> {
  const questions: Question[] = [];
  const rows = new Map<string, number>();
  for await (const { row, value } of readRecords(file)) {
    const question = questionOf(value, { file, row });
    const before = rows.get(question.id);
    if (before !== undefined)
      throw inputError('same-question', `the question has the id of row ${before}`, {
        file,
        row,
        got: question.id,
        remedy: 'Give every question an id of its own, or none',
      });
    rows.set(question.id, row);
    questions.push(question);
  }
  if (questions.length === 0)
    throw inputError('no-questions', 'the file has no questions', { file, need: 'at least one' });
  return questions;
}

function questionOf(row: Row, where: { readonly file: string; readonly row: number }): Question {
  const prompt = promptOf(row);
  if (prompt === null)
    throw inputError('bad-question', 'a question without a prompt', {
      ...where,
      got: Object.keys(row),
      need: 'prompt (text or messages), instruction (text) or turns (a list)',
    });
  const id = row.id ?? row.question_id ?? row.uid;
  const turns = turnsOf(row);
  const name = text(row.generator) ?? `${basename(where.file)} (baseline)`;
  const baseline = text(row.baseline) ?? (row.instruction === undefined ? null : text(row.output));
  return {
    id: id === undefined || id === null ? String(where.row) : String(id),
    prompt,
    followUps: turns?.slice(1) ?? [],
    category: text(row.cluster) ?? text(row.category) ?? text(row.dataset),
    references: texts(row.reference),
    baseline: baseline === null ? null : { model: name, text: baseline },
  };
}

function promptOf(row: Row): Text | null {
  const { prompt, instruction } = row;
  const first = turnsOf(row)?.[0];
  if (first !== undefined) return user(first);
  if (isMessages(prompt)) return prompt;
  if (typeof instruction === 'string') return user(instruction);
  if (typeof prompt !== 'string') return null;
  // A benchmark's prompt is what a user says; ours may be text that a model continues.
  return row.uid === undefined ? prompt : user(prompt);
}

/** Turns as texts (MT-Bench) or as objects with a content (Arena-Hard 0.1). */
function turnsOf({ turns }: Row): string[] | null {
  if (!Array.isArray(turns) || turns.length === 0) return null;
  const found = turns.map((turn) => (typeof turn === 'string' ? turn : text(turn?.content)));
  return found.every((turn) => turn !== null) ? found : null;
}

function user(content: string): Message[] {
  return [{ role: 'user', content }];
}

function isMessages(value: unknown): value is Message[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item?.role === 'string' && typeof item?.content === 'string')
  );
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** The conversation up to (and with) the user's turn `turn`, given the answers to the turns before it. */
export function conversationAt(question: Question, answers: readonly string[], turn: number): Text {
  if (turn === 0) return question.prompt;
  const messages = asMessages(question.prompt).slice();
  for (let before = 0; before < turn; before++)
    messages.push(
      { role: 'assistant', content: answers[before] as string },
      { role: 'user', content: question.followUps[before] as string },
    );
  return messages;
}

/** Plain text as what a user says. */
export function asMessages(prompt: Text): readonly Message[] {
  return typeof prompt === 'string' ? user(prompt) : prompt;
}
