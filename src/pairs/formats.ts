import { parseExplicit } from './format-explicit.ts';
import { parseHh } from './format-hh.ts';
import { parseImplicit } from './format-implicit.ts';
import { parseSharegpt } from './format-sharegpt.ts';
import { isRow, type PairTexts, type Row } from './shape.ts';

interface FormatRule {
  readonly parse: (row: Row) => PairTexts;
  /** Columns that the format reads; all others go to `meta`. */
  readonly columns: readonly string[];
}

const FORMATS = {
  explicit: { parse: parseExplicit, columns: ['prompt', 'chosen', 'rejected'] },
  implicit: { parse: parseImplicit, columns: ['chosen', 'rejected'] },
  'hh-rlhf': { parse: parseHh, columns: ['chosen', 'rejected'] },
  sharegpt: { parse: parseSharegpt, columns: ['conversations', 'system', 'chosen', 'rejected'] },
} as const satisfies Record<string, FormatRule>;

/**
 * - `explicit`: a prompt column, texts or messages;
 * - `implicit`: whole conversations as messages, no prompt column;
 * - `hh-rlhf`: whole conversations as one string with `\n\nHuman:` and `\n\nAssistant:`;
 * - `sharegpt`: LLaMA-Factory's `conversations`.
 */
export type PairFormat = keyof typeof FORMATS;

export const PAIR_FORMATS = Object.keys(FORMATS) as readonly PairFormat[];

export function formatRule(format: PairFormat): FormatRule {
  return FORMATS[format];
}

/** The format that the columns of this row speak for, or null. */
export function detectFormat(value: unknown): PairFormat | null {
  if (!isRow(value) || !('chosen' in value) || !('rejected' in value)) return null;
  if ('conversations' in value) return 'sharegpt';
  if ('prompt' in value) return 'explicit';
  if (Array.isArray(value.chosen)) return 'implicit';
  return typeof value.chosen === 'string' ? 'hh-rlhf' : null;
}
