import { basename } from 'node:path';
import { codePoints } from '../../base/code-points.ts';
import { inputError } from '../../base/errors.ts';
import { asMessages, type Question } from './question.ts';
import { type Row, readRecords } from './records.ts';

/** What a model answered to a question, turn by turn. */
export interface BenchmarkAnswer {
  /** Of the question. */
  readonly id: string;
  readonly turns: readonly Turn[];
}

export interface Turn {
  readonly text: string;
  /** Length, stop token not counted; null where the file does not say. */
  readonly tokens: number | null;
  /** It ended by itself before the limit; null where nobody knows. */
  readonly ended: boolean | null;
}

/** A model's answers to the questions of a benchmark, in their order. */
export interface AnswerSheet {
  readonly model: string;
  /** null: no answer to this question. */
  readonly answers: readonly (BenchmarkAnswer | null)[];
}

/**
 * Answers that were generated elsewhere, one sheet for each model of the file:
 *
 * - ours: `{id, model?, turns: [{text, tokens?, ended?}]}` or `{id, model?, answer: text}`;
 * - AlpacaEval's model outputs: `{instruction, output, generator}`, known by their instruction;
 * - FastChat (MT-Bench, Arena-Hard 0.1): `{question_id, model_id | model, choices: [{turns: [text | {content}]}]}`;
 * - Arena-Hard: `{uid, model, messages: [{role, content: text | {answer}}]}`.
 *
 * @throws inputError `bad-answer` with the row; `no-answers` where none of them belongs to a question.
 */
export async function readAnswers(file: string, questions: readonly Question[]): Promise<AnswerSheet[]> {
  const byId = new Map(questions.map((question, place) => [question.id, place]));
  const byText = new Map(questions.map(({ prompt }, place) => [lastUserText(prompt), place]));
  const sheets = new Map<string, (BenchmarkAnswer | null)[]>();
  let rows = 0;
  for await (const { row, value } of readRecords(file)) {
    rows++;
    const turns = turnsOf(value);
    if (turns === null)
      throw inputError('bad-answer', 'a row without an answer', {
        file,
        row,
        got: Object.keys(value),
        need: 'answer, output, turns, choices or messages',
      });
    const id = value.id ?? value.question_id ?? value.uid;
    const place =
      id === undefined || id === null ? byText.get(String(value.instruction)) : byId.get(String(id));
    if (place === undefined) continue;
    const model = modelOf(value) ?? basename(file).replace(/\.jsonl?(\.gz)?$/, '');
    const answers = sheets.get(model) ?? questions.map(() => null);
    sheets.set(model, answers);
    answers[place] = { id: (questions[place] as Question).id, turns };
  }
  if (sheets.size === 0)
    throw inputError('no-answers', 'no answer of the file belongs to a question', {
      file,
      got: `${rows} answers`,
      need: `ids or instructions of the ${questions.length} questions`,
      remedy: 'Give the answers to these questions, or the questions that were answered',
    });
  return [...sheets].map(([model, answers]) => ({ model, answers }));
}

function modelOf(row: Row): string | null {
  const name = row.model ?? row.model_id ?? row.generator;
  return typeof name === 'string' ? name : null;
}

function turnsOf(row: Row): Turn[] | null {
  const { turns, answer, output, choices, messages } = row;
  if (typeof answer === 'string') return [bare(answer)];
  if (typeof output === 'string') return [bare(output)];
  if (Array.isArray(turns)) return all(turns.map(turnOf));
  if (Array.isArray(choices) && Array.isArray(choices[0]?.turns)) return all(choices[0].turns.map(turnOf));
  if (Array.isArray(messages))
    return all(messages.filter((message) => message?.role === 'assistant').map(turnOf));
  return null;
}

function turnOf(value: unknown): Turn | null {
  if (typeof value === 'string') return bare(value);
  if (typeof value !== 'object' || value === null) return null;
  const { text, content, tokens, token_len, ended } = value as Row;
  const found = text ?? (typeof content === 'object' ? (content as Row | null)?.answer : content);
  if (typeof found !== 'string') return null;
  const length = tokens ?? token_len;
  return {
    text: found,
    tokens: typeof length === 'number' ? length : null,
    ended: typeof ended === 'boolean' ? ended : null,
  };
}

function bare(text: string): Turn {
  return { text, tokens: null, ended: null };
}

function all(turns: readonly (Turn | null)[]): Turn[] | null {
  const found = turns.filter((turn) => turn !== null);
  return found.length > 0 && found.length === turns.length ? found : null;
}

function lastUserText(prompt: Question['prompt']): string {
  return asMessages(prompt).at(-1)?.content ?? '';
}

/** Length as people read it: characters (Unicode code points), which no tokenizer changes. */
export function lengthChars({ turns }: BenchmarkAnswer): number {
  return turns.reduce((sum, { text }) => sum + codePoints(text), 0);
}
