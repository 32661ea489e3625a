import { inputError } from '../../base/errors.ts';
import { readRows } from '../../pairs/rows.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The objects of a JSON list or of JSON Lines, gzipped or not; `row` counts from 0. */
export async function* readRecords(
  file: string,
): AsyncGenerator<{ readonly row: number; readonly value: Row }> {
  for await (const { row, value } of readRows(file)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw inputError('not-an-object', 'the row is not an object', { file, row, got: value });
    yield { row, value: value as Row };
  }
}
