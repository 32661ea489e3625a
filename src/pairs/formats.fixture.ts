import { expect } from 'vitest';
import type { ParsedPair } from './format-rule.ts';
import { detectFormat, formatRule, type PairFormat } from './formats.ts';
import { RATINGS_RULE } from './ratings.ts';
import { type PairTexts, type Row, RowRefused } from './shape.ts';

export const user = (content: string) => ({ role: 'user', content });
export const assistant = (content: string) => ({ role: 'assistant', content });
export const system = (content: string) => ({ role: 'system', content });

export const answers: Pick<PairTexts, 'chosen' | 'rejected'> = {
  chosen: [assistant('a')],
  rejected: [assistant('b')],
};

export const context = { row: 0, ratings: RATINGS_RULE };

/** For tests: the pairs of a row, whose format must be found out. */
export function parseAll(row: Row, format: PairFormat): readonly ParsedPair[] {
  expect(detectFormat(row)).toBe(format);
  return [formatRule(format).parse(row, context)].flat();
}

/** As `parseAll`, for a row of one pair. */
export function parse(row: Row, format: PairFormat): PairTexts {
  const [pair, ...more] = parseAll(row, format);
  if (pair === undefined || more.length > 0) throw new Error('one pair was expected');
  return pair;
}

/** For tests: why a row is refused. */
export function refusal(row: Row, format: PairFormat): { cause: string; message: string; remedy: string } {
  try {
    formatRule(format).parse(row, context);
  } catch (error) {
    if (error instanceof RowRefused) return error.refusal;
    throw error;
  }
  throw new Error('the row was not refused');
}
