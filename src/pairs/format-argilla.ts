import { afterPromptMessages } from './format-explicit.ts';
import { pairsOfRatings, type RatedAnswer } from './format-ratings.ts';
import type { FormatRule } from './format-rule.ts';
import type { Message } from './pair.ts';
import type { Rated } from './ratings.ts';
import { badRow, isRow, type Row, RowRefused, toCompletion, toMessages } from './shape.ts';

/** A question's answer by one person, or the suggestion that stands in where no person answered. */
interface Reply {
  readonly value: unknown;
  readonly status: string | null;
}

/** A record of any of Argilla's exports: its fields, and the replies to each question. */
interface ArgillaRecord {
  readonly fields: Row;
  readonly replies: ReadonlyMap<string, { readonly people: readonly Reply[]; readonly suggestion: unknown }>;
}

/**
 * Argilla's exports of preferences, in four forms: 2.x as JSON (`fields`, `responses: {question: [{value}]}`,
 * `suggestions: {question: {value}}`), 2.x as a dataset (`question.responses`, `question.suggestion`), 1.x as JSON
 * (`responses: [{values: {question: {value}}}]`, `suggestions: [{question_name, value}]`) and 1.x as a dataset
 * (`question: [{user_id, value, status}]`, `question-suggestion`).
 * (argilla-io/argilla `argilla/src/argilla/records/_io` and, for 1.x, `client/feedback/integrations/huggingface`.)
 *
 * Two or more answer fields and a ranking question whose values are the names of those fields, or rating questions
 * named after them (`response-1`, `response-1-rating`), or one label or rating question that picks a field. People's
 * submitted replies are averaged; the suggestion counts where there are none.
 */
export const ARGILLA: FormatRule = {
  detect: (row) => recordOf(row) !== null,
  columns(row) {
    const record = recordOf(row);
    if (record === null || isRow(row.fields))
      return ['fields', 'responses', 'suggestions', 'vectors', '_server_id'];
    const read = new Set([promptOf(record.fields).column, ...scoresOf(record).keys()]);
    return Object.keys(row).filter(
      (name) => read.has(name) || [...record.replies.keys()].some((question) => isOf(name, question)),
    );
  },
  parse(row, context) {
    const record = recordOf(row);
    if (record === null) throw badRow('fields', 'a record of Argilla', row.fields);
    const prompt = promptOf(record.fields);
    if (prompt.column === null)
      throw badRow('fields.prompt', 'a field prompt, instruction or question', undefined);
    const scores = scoresOf(record);
    const unread = Object.entries(record.fields).filter(
      ([name]) => name !== prompt.column && !scores.has(name),
    );
    return pairsOfRatings(prompt.messages, ratedFields(record, scores), context).map((pair) => ({
      ...afterPromptMessages(prompt.messages, [...pair.chosen] as Message[], [...pair.rejected] as Message[]),
      extra: { ...(isRow(row.fields) ? Object.fromEntries(unread) : {}), ...pair.extra },
    }));
  },
};

const PROMPTS = [
  'prompt',
  'instruction',
  'question',
  'input',
  'context',
  'conversation',
  'messages',
] as const;

/** A column of the question's own: the replies, their users and statuses, the suggestion and what is said of it. */
function isOf(column: string, question: string): boolean {
  return (
    column === question || column.startsWith(`${question}.`) || column.startsWith(`${question}-suggestion`)
  );
}

function recordOf(row: Row): ArgillaRecord | null {
  if (isRow(row.fields) && ('responses' in row || 'suggestions' in row)) {
    return { fields: row.fields, replies: nestedReplies(row) };
  }
  const questions = new Set<string>();
  for (const [column, value] of Object.entries(row)) {
    const question = /^(.+)(?:\.responses|\.suggestion|-suggestion)$/.exec(column)?.[1];
    if (question !== undefined) questions.add(question);
    else if (isReplies(value)) questions.add(column);
  }
  if (questions.size === 0) return null;
  const replies = new Map([...questions].map((question) => [question, flatReplies(row, question)]));
  const isField = ([name, value]: [string, unknown]) =>
    !BESIDE.has(name) &&
    (typeof value === 'string' || Array.isArray(value)) &&
    ![...questions].some((question) => isOf(name, question));
  return { fields: Object.fromEntries(Object.entries(row).filter(isField)), replies };
}

/** Columns of a record that are no fields. */
const BESIDE = new Set([
  'id',
  'external_id',
  'metadata',
  'status',
  '_server_id',
  'inserted_at',
  'updated_at',
]);

function isReplies(value: unknown): boolean {
  const one = Array.isArray(value) ? value[0] : value;
  return isRow(one) && 'user_id' in one && 'value' in one && 'status' in one;
}

function nestedReplies({ responses, suggestions }: Row): ArgillaRecord['replies'] {
  const found = new Map<string, { people: Reply[]; suggestion: unknown }>();
  const of = (question: string) => {
    const known = found.get(question) ?? { people: [], suggestion: null };
    found.set(question, known);
    return known;
  };
  // 1.x: a list of people with their values; 2.x: an object of questions.
  for (const response of Array.isArray(responses) ? responses : []) {
    if (!isRow(response) || !isRow(response.values)) continue;
    for (const [question, value] of Object.entries(response.values)) {
      of(question).people.push({
        value: isRow(value) ? value.value : value,
        status: textOrNull(response.status),
      });
    }
  }
  for (const [question, list] of Object.entries(isRow(responses) ? responses : {})) {
    for (const reply of Array.isArray(list) ? list : []) {
      if (isRow(reply)) of(question).people.push({ value: reply.value, status: textOrNull(reply.status) });
    }
  }
  for (const suggestion of Array.isArray(suggestions) ? suggestions : []) {
    if (isRow(suggestion) && typeof suggestion.question_name === 'string') {
      of(suggestion.question_name).suggestion = suggestion.value;
    }
  }
  for (const [question, suggestion] of Object.entries(isRow(suggestions) ? suggestions : {})) {
    of(question).suggestion = isRow(suggestion) ? suggestion.value : suggestion;
  }
  return found;
}

function flatReplies(row: Row, question: string): { people: Reply[]; suggestion: unknown } {
  const suggestion = row[`${question}.suggestion`] ?? row[`${question}-suggestion`] ?? null;
  const values = row[`${question}.responses`];
  if (Array.isArray(values)) {
    const statuses = row[`${question}.responses.status`];
    const people = values.map((value, i) => ({
      value,
      status: textOrNull(Array.isArray(statuses) ? statuses[i] : null),
    }));
    return { people, suggestion };
  }
  const replies = row[question];
  const people = transposed(replies).map((reply) => ({
    value: reply.value,
    status: textOrNull(reply.status),
  }));
  return { people, suggestion };
}

/** A list of objects; `datasets` stores some as an object of lists. */
function transposed(value: unknown): Row[] {
  if (Array.isArray(value)) return value.filter(isRow);
  if (!isRow(value)) return [];
  const lists = Object.entries(value).filter((entry): entry is [string, unknown[]] =>
    Array.isArray(entry[1]),
  );
  const length = Math.max(0, ...lists.map(([, list]) => list.length));
  return Array.from({ length }, (_, i) => Object.fromEntries(lists.map(([key, list]) => [key, list[i]])));
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function promptOf(fields: Row): { column: string | null; messages: Message[] } {
  const column =
    PROMPTS.find((name) => typeof fields[name] === 'string' || Array.isArray(fields[name])) ?? null;
  if (column === null) return { column, messages: [] };
  const value = fields[column];
  const messages =
    typeof value === 'string' ? [{ role: 'user', content: value }] : toMessages(value, `fields.${column}`);
  return { column, messages };
}

/** The rated answer fields. */
function ratedFields(
  { fields, replies }: ArgillaRecord,
  scores: ReadonlyMap<string, number>,
): Rated<RatedAnswer>[] {
  const names = Object.keys(fields).filter((name) => scores.has(name));
  if (names.length < 2) {
    throw new RowRefused(
      'no-ratings',
      `no submitted reply or suggestion ranks or rates two of the fields ${Object.keys(fields).join(', ') || '(none)'}; questions: ${[...replies.keys()].join(', ') || '(none)'}`,
      'Answer the record in Argilla, or remove it.',
    );
  }
  return names.map((name) => ({
    answer: { messages: toCompletion(fields[name], `fields.${name}`) },
    score: scores.get(name) ?? null,
  }));
}

type Kind = 'ranking' | 'label' | 'rating';

/**
 * Of each answer field the mean of what people, or else the suggestion, say. Of questions of several kinds rankings
 * count before labels and labels before ratings: their scores are not of one scale.
 */
function scoresOf({ fields, replies }: ArgillaRecord): ReadonlyMap<string, number> {
  const names = Object.keys(fields).filter((name) => !(PROMPTS as readonly string[]).includes(name));
  const marks: Record<Kind, Map<string, number[]>> = {
    ranking: new Map(),
    label: new Map(),
    rating: new Map(),
  };
  for (const [question, { people, suggestion }] of replies) {
    const submitted = people.filter(
      ({ value, status }) => value != null && (status === null || status === 'submitted'),
    );
    const values = submitted.length > 0 ? submitted.map(({ value }) => value) : [suggestion];
    for (const value of values) {
      for (const [kind, name, score] of scoresIn(value, question, names)) {
        marks[kind].set(name, [...(marks[kind].get(name) ?? []), score]);
      }
    }
  }
  const chosen = (['ranking', 'label', 'rating'] as const).find((kind) => marks[kind].size > 1) ?? 'rating';
  return new Map(
    [...marks[chosen]].map(([name, list]) => [name, list.reduce((sum, mark) => sum + mark, 0) / list.length]),
  );
}

/**
 * What one reply says of the fields, higher is better:
 * - a ranking: `[best, …, worst]` or `[{rank, value}]`, of which 1 is the best;
 * - the name of a field: that one is preferred to all others;
 * - a number, for the field whose name the question's holds.
 */
function* scoresIn(
  value: unknown,
  question: string,
  names: readonly string[],
): Generator<[kind: Kind, field: string, score: number]> {
  const fieldOf = (text: unknown) => names.find((name) => name === text || sameName(name, text));
  if (typeof value === 'number') {
    // The longest name that the question's holds: `response-1` is in `response-10-rating` too.
    const rated = names.filter((name) => plainName(question).includes(plainName(name)));
    const [name] = rated.sort((a, b) => b.length - a.length);
    if (name !== undefined) yield ['rating', name, value];
    return;
  }
  if (typeof value === 'string') {
    const preferred = fieldOf(value);
    if (preferred !== undefined) for (const name of names) yield ['label', name, name === preferred ? 1 : 0];
    return;
  }
  const ranking = Array.isArray(value) ? value : transposed(value);
  for (const [place, item] of ranking.entries()) {
    const name = fieldOf(isRow(item) ? item.value : item);
    const rank = isRow(item) && typeof item.rank === 'number' ? item.rank : place + 1;
    if (name !== undefined) yield ['ranking', name, -rank];
  }
}

function sameName(name: string, text: unknown): boolean {
  return typeof text === 'string' && plainName(name) === plainName(text);
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
}
