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

/**
 * One `{role, content}`, or ShareGPT's `{from, value}` (human → user, gpt → assistant). Content is text, or a list of
 * text parts `{type: 'text', text}`, which are joined. Further keys that say nothing to a model (name, weight) are not
 * read; a message with tool calls or reasoning of its own, or with a picture, is refused.
 */
export function toMessage(value: unknown, column: string): Message {
  if (!isRow(value)) throw badRow(column, 'a message {role, content}', value);
  if (value.role == null && typeof value.from === 'string' && 'value' in value) {
    return toMessage({ ...value, role: turnRole(value.from), content: value.value }, column);
  }
  const { role, content } = value;
  if (typeof role !== 'string' || role === '') throw badRow(`${column}.role`, 'a role in text', role);
  const unread = UNREAD_KEYS.find((key) => !isEmpty(value[key]));
  if (unread !== undefined) {
    throw new RowRefused(
      unread.includes('call') ? 'tool-calls' : 'message-fields',
      `column ${column}: the message has ${unread}, which a model would be shown and winnow does not render`,
      'Remove the row, or write what the message says into its content.',
    );
  }
  return { role, content: contentOf(content, column) };
}

/** Keys of a message that chat templates render. */
const UNREAD_KEYS = ['tool_calls', 'function_call', 'reasoning_content', 'thinking', 'audio', 'images'];

/** ShareGPT's names of roles. */
function turnRole(from: string): string {
  return from === 'human' ? 'user' : from === 'gpt' ? 'assistant' : from;
}

function contentOf(content: unknown, column: string): string {
  if (!Array.isArray(content)) {
    if (typeof content !== 'string') throw badRow(`${column}.content`, 'text', content);
    return content;
  }
  return content
    .map((part, i) => {
      const text = isRow(part) && (part.type === undefined || part.type === 'text') ? part.text : part;
      if (typeof text === 'string') return text;
      throw new RowRefused(
        'media',
        `column ${column}.content[${i}]: need text, got ${excerpt(isRow(part) ? (part.type ?? part) : part)}`,
        'Remove the row: winnow trains on text alone.',
      );
    })
    .join('');
}

/** Nothing said: missing, null, an empty text, list or object, or the JSON of such a list. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'string') return ['', '[]', '{}', 'null'].includes(value.trim());
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** The text of a column, '' where it is missing or null. */
export function optionalText(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw badRow(column, 'text', value);
  return value;
}

/** The column with a system text (`system` or `system_prompt`) that the format does not read itself. */
export function systemColumn(row: Row, read: readonly string[]): string | undefined {
  return ['system', 'system_prompt'].find(
    (column) => !read.includes(column) && typeof row[column] === 'string' && row[column] !== '',
  );
}

/** A question, after a system message where there is one. */
export function askedMessages(system: string, content: string): Message[] {
  const asked = { role: 'user', content };
  return system === '' ? [asked] : [{ role: 'system', content: system }, asked];
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

/** Whether a text has no half of a character (a lone surrogate), which JSON can hold and UTF-8 cannot. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
