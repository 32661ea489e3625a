import { writeJsonLines } from '../base/json.ts';
import type { PreferencePair } from './pair.ts';

/** A pair without its row, which is numbered anew where it is read. */
export type PairRow = Omit<PreferencePair, 'row' | 'meta'>;

/**
 * Writes pairs as JSONL with the columns id, prompt, chosen, rejected, meta: the `explicit` format, whole or not
 * at all. Reading the file back gives the same ids and meta (rows are numbered anew).
 * @throws machine error: the file cannot be written; meta holds a NaN.
 */
export function writePairs(file: string, pairs: Iterable<PreferencePair>): void {
  writeJsonLines(file, pairRows(pairs));
}

export function* pairRows(pairs: Iterable<PreferencePair>): Generator<Omit<PreferencePair, 'row'>> {
  for (const { id, prompt, chosen, rejected, meta } of pairs) yield { id, prompt, chosen, rejected, meta };
}
