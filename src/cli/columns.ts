import { csvFormatRows } from 'd3-dsv';
import { fixed, MISSING } from '../report/numbers.ts';

/** A column of a table for people and for programs: the same rows, shown and exported. */
export interface TextColumn<T> {
  /** For people. */
  readonly heading: string;
  /** For programs: the name in CSV. */
  readonly name: string;
  /** For people. null shows as –. */
  readonly show: (row: T) => string | null;
  /** For programs, unrounded. null is an empty cell. */
  readonly value: (row: T) => number | string | null;
}

/** A column of numbers with so many decimals for people. */
export function numberColumn<T>(
  heading: string,
  name: string,
  value: (row: T) => number | null,
  digits: number,
): TextColumn<T> {
  return {
    heading,
    name,
    value,
    show: (row) => {
      const found = value(row);
      return found === null ? null : fixed(found, digits);
    },
  };
}

/** A column of names. */
export function nameColumn<T>(
  heading: string,
  name: string,
  value: (row: T) => string | null,
): TextColumn<T> {
  return { heading, name, value, show: value };
}

/** A table in plain text: the first column to the left, numbers to the right. */
export function textTable<T>(columns: readonly TextColumn<T>[], rows: readonly T[]): string {
  const cells = [
    columns.map(({ heading }) => heading),
    ...rows.map((row) => columns.map(({ show }) => show(row) ?? MISSING)),
  ];
  const widths = columns.map((_, j) => Math.max(...cells.map((line) => (line[j] as string).length)));
  return cells
    .map((line) =>
      line
        .map((cell, j) => cell[j === 0 ? 'padEnd' : 'padStart'](widths[j] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The same table as CSV (RFC 4180), values unrounded. */
export function csvTable<T>(columns: readonly TextColumn<T>[], rows: readonly T[]): string {
  return csvFormatRows([
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map(({ value }) => String(value(row) ?? ''))),
  ]);
}
