import type { Message, RefusedRow, Text } from './pair.ts';

/** A row as JSON gives it: columns by name. */
export type Row = Readonly<Record<string, unknown>>;

/** The three texts that a format finds in a row. */
export interface PairTexts {
  readonly prompt: Text;
  readonly chosen: Text;
  readonly rejected: Text;
}

/** Thrown by a format and caught by the reader, which turns it into a RefusedRow: it never leaves src/pairs. */
export class RowRefused extends Error {
  readonly refusal: Omit<RefusedRow, 'row'>;

  constructor(cause: string, message: string, remedy: string) {
    super(message);
    this.refusal = { cause, message, remedy };
  }
}

/** The row does not have the shape of its format. */
export function badRow(column: string, need: string, got: unknown, remedy?: string): RowRefused {
  const found = got === undefined ? 'the column is missing' : `got ${excerpt(got)}`;
  return new RowRefused(
    'bad-row',
    `column ${column}: need ${need}, ${found}`,
    remedy ?? `Give every row a ${column} that is ${need}.`,
  );
}

/** A value as JSON, at most about 80 characters. */
export function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function isRow(value: unknown): value is Row {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** One `{role, content}`, both strings. Further keys (name, tool calls) are not read. */
export function toMessage(value: unknown, column: string): Message {
  if (!isRow(value)) throw badRow(column, 'a message {role, content}', value);
  const { role, content } = value;
  if (typeof role !== 'string' || role === '') throw badRow(`${column}.role`, 'a role in text', role);
  if (typeof content !== 'string') throw badRow(`${column}.content`, 'text', content);
  return { role, content };
}

export function toMessages(value: unknown, column: string): Message[] {
  if (!Array.isArray(value)) throw badRow(column, 'a list of messages {role, content}', value);
  return value.map((item, i) => toMessage(item, `${column}[${i}]`));
}

/** A completion beside a prompt of messages: its text, its one message, or a list of messages. */
export function toCompletion(value: unknown, column: string): Message[] {
  if (typeof value === 'string') return [{ role: 'assistant', content: value }];
  return Array.isArray(value) ? toMessages(value, column) : [toMessage(value, column)];
}

/** Roles that ask; a completion begins with none of them. */
export function isPromptRole(role: string): boolean {
  return role === 'user' || role === 'system' || role === 'developer' || role === 'tool';
}

export function startsWithMessages(whole: readonly Message[], start: readonly Message[]): boolean {
  return start.length <= whole.length && commonMessages(whole, start) === start.length;
}

/** Number of leading messages that are equal in role and content. */
export function commonMessages(a: readonly Message[], b: readonly Message[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n]?.role === b[n]?.role && a[n]?.content === b[n]?.content) n++;
  return n;
}
