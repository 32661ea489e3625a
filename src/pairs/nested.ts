import { isRow, type Row, RowRefused } from './shape.ts';

/** Columns that formats read as lists or objects. */
const LISTS = new Set([
  ...['messages', 'conversation', 'conversations', 'history', 'fields', 'suggestions'],
  ...['completions', 'responses', 'generations', 'answers', 'scores', 'ratings', 'ranks'],
]);

/** Columns that are texts, or conversations. */
const TEXTS = new Set(['prompt', 'chosen', 'rejected']);

/**
 * The row with its lists and conversations that are written as JSON text, as CSV must and some data sets do, as what
 * they say. A text of `prompt`, `chosen` or `rejected` is one only where it is a list of messages or a message.
 */
export function withNested(row: Row): Row {
  const changed = Object.entries(row).flatMap(([name, value]) => {
    const nested = typeof value === 'string' ? nestedIn(name, value) : undefined;
    return nested === undefined ? [] : [[name, nested] as const];
  });
  return changed.length === 0 ? row : { ...row, ...Object.fromEntries(changed) };
}

function nestedIn(name: string, text: string): unknown {
  if ((!LISTS.has(name) && !TEXTS.has(name)) || !/^\s*[[{]/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (LISTS.has(name)) return value;
  const messages = Array.isArray(value) ? value : [value];
  return messages.length > 0 && messages.every(isMessage) ? value : undefined;
}

function isMessage(item: unknown): boolean {
  return isRow(item) && (('role' in item && 'content' in item) || ('from' in item && 'value' in item));
}

/**
 * Refuses a conversation that is written as Python shows it, `[{'role': …`, as pandas and `datasets` write nested
 * columns to CSV: a model would be trained on that text.
 */
export function refusePythonText(row: Row): void {
  for (const name of [...TEXTS, ...LISTS]) {
    const value = row[name];
    if (typeof value !== 'string' || !/^\s*\[?\s*\{\s*'(role|from|content|value)'\s*:/.test(value)) continue;
    throw new RowRefused(
      'python-text',
      `column ${name}: messages are written as Python shows them (${value.slice(0, 40)}…), which is not JSON`,
      'Write the data as JSON Lines or Parquet: df.to_json("pairs.jsonl", orient="records", lines=True), or dataset.to_parquet("pairs.parquet").',
    );
  }
}
