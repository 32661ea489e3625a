import { answered } from './format-explicit.ts';
import { splitConversations } from './format-implicit.ts';
import type { FormatRule } from './format-rule.ts';
import { askedMessages, badRow, type Row, RowRefused, toCompletion, toMessages } from './shape.ts';

/** How a set of labelled pairs names its two answers, and what its label says. */
interface Naming {
  readonly answers: readonly [first: string, second: string];
  readonly labels: readonly string[];
  readonly prompts: readonly string[];
  /** What the label of the first and of the second answer is, in lower case. */
  readonly values: readonly [first: readonly string[], second: readonly string[]];
}

const PROMPTS = ['prompt', 'question', 'instruction', 'input'] as const;
const A_OR_B: Naming['values'] = [
  ['a', 'model_a', 'response_a', 'answer_a', '1'],
  ['b', 'model_b', 'response_b', 'answer_b', '2'],
];

/** PKU-SafeRLHF, Stanford's SHP (`labels` 1: A has the higher score), the arena of LMSYS, and their kin. */
const NAMINGS: readonly Naming[] = [
  {
    answers: ['response_0', 'response_1'],
    labels: ['better_response_id'],
    prompts: PROMPTS,
    values: [['0'], ['1']],
  },
  {
    answers: ['human_ref_A', 'human_ref_B'],
    labels: ['labels'],
    prompts: ['history'],
    values: [['1'], ['0']],
  },
  {
    answers: ['conversation_a', 'conversation_b'],
    labels: ['winner'],
    prompts: [],
    values: A_OR_B,
  },
  {
    answers: ['response_a', 'response_b'],
    labels: ['winner', 'preferred', 'preference', 'label'],
    prompts: PROMPTS,
    values: A_OR_B,
  },
  {
    answers: ['answer_a', 'answer_b'],
    labels: ['winner', 'preferred', 'preference', 'label'],
    prompts: PROMPTS,
    values: A_OR_B,
  },
];

/**
 * Two answers and a label that says which is better: `response_0`, `response_1`, `better_response_id`;
 * `human_ref_A`, `human_ref_B`, `labels`; `conversation_a`, `conversation_b`, `winner`; `response_a`, `response_b`,
 * `winner`. A row that says tie states no preference and is refused.
 */
export const LABELLED: FormatRule = {
  detect: (row) => namingOf(row) !== undefined,
  columns(row) {
    const naming = namingOf(row);
    if (naming === undefined) return [];
    return [...naming.answers, ...named(row, naming.labels), ...named(row, naming.prompts).slice(0, 1)];
  },
  parse(row) {
    const naming = namingOf(row);
    if (naming === undefined) throw badRow('winner', 'two answers and a label', undefined);
    const isFirst = firstIsBetter(row, naming);
    const [better, worse] = isFirst ? naming.answers : [naming.answers[1], naming.answers[0]];
    const [prompt] = named(row, naming.prompts);
    if (prompt === undefined) {
      return splitConversations(toMessages(row[better], better), toMessages(row[worse], worse));
    }
    const asked = row[prompt];
    const messages = typeof asked === 'string' ? askedMessages('', asked) : toMessages(asked, prompt);
    const [good, bad] = [row[better], row[worse]];
    if (typeof good === 'string' && typeof bad === 'string') return answered(messages, good, bad);
    return { prompt: messages, chosen: toCompletion(good, better), rejected: toCompletion(bad, worse) };
  },
};

function namingOf(row: Row): Naming | undefined {
  return NAMINGS.find(
    ({ answers, labels, prompts }) =>
      answers.every((name) => name in row) &&
      named(row, labels).length > 0 &&
      (prompts.length === 0 || named(row, prompts).length > 0),
  );
}

function named(row: Row, names: readonly string[]): string[] {
  return names.filter((name) => row[name] != null);
}

function firstIsBetter(row: Row, { labels, values: [first, second] }: Naming): boolean {
  const [column = ''] = named(row, labels);
  const label = String(row[column]).trim().toLowerCase();
  if (first.includes(label)) return true;
  if (second.includes(label)) return false;
  if (/^(tie|both|neither|none)/.test(label)) {
    throw new RowRefused(
      'no-preference',
      `column ${column}: ${label} states no preference`,
      'Remove the row.',
    );
  }
  throw badRow(column, [...first, ...second, 'tie'].join(', '), row[column]);
}
