/** Marks of an answer's layout. */
export interface MarkdownCounts {
  readonly headers: number;
  readonly lists: number;
  readonly bold: number;
}

/** What Python's `\s` is in text, written out: JavaScript's own `\s` differs in U+001C to U+001F, U+0085 and U+FEFF. */
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
/** Only a line feed begins a line, as in Python. */
const LINE_START = '(?<![^\\n])';

const HEADER = new RegExp(`${LINE_START}#{1,6}${SPACE}`, 'gu');
const NUMBERED = new RegExp(`${LINE_START}${SPACE}*\\p{Nd}+\\.${SPACE}`, 'gu');
const BULLET = new RegExp(`${LINE_START}${SPACE}*[-*+]${SPACE}`, 'gu');
const BOLD = [/\*\*[^*\n]+\*\*/gu, /__[^_\n]+__/gu];
const CODE_BLOCK = /```([^`]*)```/gu;

/**
 * Counts headers (`#` to `######`), numbered and bulleted items, and bold passages; what code blocks hold counts for
 * nothing, wherever the same text stands.
 *
 * *Reference:* lmarena/arena-hard-auto at 196f6b8, utils/add_markdown_info.py; the counts published with the answers
 * of o3-mini come out for all 750.
 */
export function countMarkdown(answer: string): MarkdownCounts {
  let text = answer;
  for (const [, inside] of answer.matchAll(CODE_BLOCK)) text = text.replaceAll(inside as string, '');
  const count = (pattern: RegExp) => [...text.matchAll(pattern)].length;
  return {
    headers: count(HEADER),
    lists: count(NUMBERED) + count(BULLET),
    bold: BOLD.reduce((sum, pattern) => sum + count(pattern), 0),
  };
}
