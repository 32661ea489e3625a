import { inputError } from '../base/errors.ts';
import { readJsonLines } from '../base/json.ts';

/** Where a row stands. */
export interface Place {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

export type Fields = Readonly<Record<string, unknown>>;

/**
 * The objects of JSON Lines files, file by file.
 *
 * @throws inputError `bad-row` where a line holds something else, `no-rows` where the files hold nothing at all, and
 * what `readJsonLines` throws.
 */
export async function* readObjects(
  files: readonly string[],
  what: string,
): AsyncGenerator<{ readonly row: Fields; readonly at: Place }> {
  let rows = 0;
  for (const file of files) {
    for await (const { line, value } of readJsonLines<unknown>(file)) {
      const at = { file, line };
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw inputError('bad-row', `this line is not ${what}`, { ...at, need: 'an object', got: value });
      }
      rows++;
      yield { row: value as Fields, at };
    }
  }
  if (rows === 0) {
    throw inputError('no-rows', `the file holds no ${what.replace(/^an? /, '')}`, {
      file: files.join(', '),
      remedy: 'Is this the right file?',
    });
  }
}

/** The name or number under the first of these keys that the row has, as text: 81 and "81" are one question. */
export function nameAt(row: Fields, keys: readonly string[], at: Place): string {
  const name = optionalName(row, keys, at);
  if (name !== null) return name;
  const what = `the row has no ${keys.join(' or ')}`;
  throw inputError('bad-row', what, { ...at, need: keys.join(' or '), got: Object.keys(row) });
}

/** As `nameAt`, null where the row has none of the keys. */
export function optionalName(row: Fields, keys: readonly string[], at: Place): string | null {
  const key = keys.find((one) => row[one] !== undefined && row[one] !== null);
  if (key === undefined) return null;
  const value = row[key];
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw inputError('bad-row', `${key} names nothing`, { ...at, need: 'a name or a number', got: value });
}

/** Question id → category, of a benchmark's question file. */
export async function readCategories(file: string): Promise<ReadonlyMap<string, string>> {
  const categories = new Map<string, string>();
  for await (const { row, at } of readObjects([file], 'a question')) {
    categories.set(nameAt(row, ['uid', 'question_id'], at), nameAt(row, ['category'], at));
  }
  return categories;
}
