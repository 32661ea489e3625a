import { inputError } from '../../base/errors.ts';
import { type Fields, nameAt, optionalName, type Place, readObjects } from '../judged-rows.ts';
import type { Style } from './style.ts';

/** One comparison as it counts: a strong verdict stands in the list several times. */
export interface Battle {
  readonly question: string;
  readonly a: string;
  readonly b: string;
  /** 1: a won; ½: a tie; 0: b won. */
  readonly shareOfA: number;
  readonly category: string | null;
  /** Styles of both answers where the row carries them, a's first. */
  readonly styles: readonly [Style, Style] | null;
}

const SHARES: Readonly<Record<string, number>> = {
  model_a: 1,
  model_b: 0,
  tie: 0.5,
  'tie (bothbad)': 0.5,
};

/**
 * Reads battles, JSON Lines of {question_id, model_a, model_b, winner}: one row a count, as the official program of
 * v0.1 writes them, so nothing is multiplied again.
 *
 * @throws inputError `bad-row` for a winner that is none (the official program would take it for model_b's win) or a
 * model against itself; what `readObjects` throws.
 */
export async function readBattles(files: readonly string[]): Promise<Battle[]> {
  const battles: Battle[] = [];
  for await (const { row, at } of readObjects(files, 'a battle')) {
    const { winner } = row;
    if (typeof winner !== 'string' || !Object.hasOwn(SHARES, winner)) {
      const need = Object.keys(SHARES).join(', ');
      throw inputError('bad-row', 'the battle has no winner', {
        ...at,
        need,
        got: winner ?? null,
        ...(row.games === undefined ? {} : { remedy: 'This looks like judgments: give them by --judgments' }),
      });
    }
    const a = nameAt(row, ['model_a'], at);
    const b = nameAt(row, ['model_b'], at);
    if (a === b) throw inputError('bad-row', 'a model stands against itself', { ...at, got: a });
    battles.push({
      question: nameAt(row, ['question_id', 'uid'], at),
      a,
      b,
      shareOfA: SHARES[winner] as number,
      category: optionalName(row, ['category'], at),
      styles: stylesOf(row.conv_metadata, at),
    });
  }
  return battles;
}

/** The official program puts styles into battles under these names, `_a` or `_b` behind the counts. */
function stylesOf(metadata: unknown, at: Place): readonly [Style, Style] | null {
  if (metadata === undefined || metadata === null) return null;
  const fields = metadata as Fields;
  const of = (side: 'a' | 'b'): Style => ({
    tokens: countAt(fields, `sum_assistant_${side}_tokens`, at),
    headers: countAt(fields, `header_count_${side}`, at),
    lists: countAt(fields, `list_count_${side}`, at),
    bold: countAt(fields, `bold_count_${side}`, at),
  });
  return [of('a'), of('b')];
}

/**
 * A count, or the sum of several under one key: {"h1": 0, "h2": 3, …}.
 *
 * @throws inputError `bad-metadata`.
 */
export function countAt(fields: Fields, key: string, at: Place): number {
  const value = fields[key];
  const parts = typeof value === 'object' && value !== null ? Object.values(value) : [value];
  let sum = 0;
  for (const part of parts) {
    if (typeof part !== 'number' || !(part >= 0 && part <= Number.MAX_SAFE_INTEGER)) {
      const need = 'a count, or an object of counts';
      throw inputError('bad-metadata', `${key} is no count`, { ...at, need, got: value ?? null });
    }
    sum += part;
  }
  return sum;
}
