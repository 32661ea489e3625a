import type { RatingsRule } from './ratings.ts';
import type { PairTexts, Row } from './shape.ts';

/** What a format makes of a row: the three texts, and what of the row's own is worth keeping in `meta`. */
export interface ParsedPair extends PairTexts {
  readonly extra?: Row;
}

/** What a format may need beside the row. */
export interface ParseContext {
  /** Of the row, for seeded draws. */
  readonly row: number;
  readonly ratings: RatingsRule;
}

/** How a format turns a raw row into pairs, or refuses it by throwing RowRefused. */
export interface FormatRule {
  /** Whether the columns of a row speak for this format. */
  readonly detect: (row: Row) => boolean;
  readonly parse: (row: Row, context: ParseContext) => ParsedPair | readonly ParsedPair[];
  /** Columns that the format reads; all others go to `meta`. */
  readonly columns: readonly string[] | ((row: Row) => readonly string[]);
  /** The format says itself where a system text stands: a column `system` that it does not read is none. */
  readonly namesSystem?: boolean;
}
