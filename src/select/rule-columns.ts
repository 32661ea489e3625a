import { codePoints } from '../base/code-points.ts';
import type { Suspicion } from '../difficulty/suspicion.ts';
import type { PreferencePair, Text } from '../pairs/pair.ts';
import { plainText } from '../pairs/survey/text.ts';

/** A pair as rules see it: its texts and further columns, its lengths, and what scoring found. */
export interface RulePair extends Omit<PreferencePair, 'row'> {
  readonly row: number;
  /** Tokens of the model, as it was scored; null where they are not known. */
  readonly tokens: { readonly prompt: number; readonly chosen: number; readonly rejected: number } | null;
  readonly difficulty: number;
  readonly spread: number | null;
  readonly rank: number;
  /** What held-out models make of the label; null with one seed, which cannot tell. */
  readonly suspicion: Suspicion | null;
}

export type ColumnType = 'BOOLEAN' | 'BIGINT' | 'DOUBLE' | 'VARCHAR' | 'JSON';

export interface RuleColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Its value for a pair, of `pairs` in all; `JSON` as text. */
  readonly read: (pair: RulePair, pairs: number) => boolean | number | string | null;
}

const column = (name: string, type: ColumnType, read: RuleColumn['read']): RuleColumn => ({
  name,
  type,
  read,
});

/** Columns that every pair has. */
export const OWN_COLUMNS: readonly RuleColumn[] = [
  column('id', 'VARCHAR', ({ id }) => id),
  column('row', 'BIGINT', ({ row }) => row),
  column('prompt', 'VARCHAR', ({ prompt }) => plainText(prompt)),
  column('chosen', 'VARCHAR', ({ chosen }) => plainText(chosen)),
  column('rejected', 'VARCHAR', ({ rejected }) => plainText(rejected)),
  column('prompt_chars', 'BIGINT', ({ prompt }) => charsOf(prompt)),
  column('chosen_chars', 'BIGINT', ({ chosen }) => charsOf(chosen)),
  column('rejected_chars', 'BIGINT', ({ rejected }) => charsOf(rejected)),
  column('prompt_tokens', 'BIGINT', ({ tokens }) => tokens?.prompt ?? null),
  column('chosen_tokens', 'BIGINT', ({ tokens }) => tokens?.chosen ?? null),
  column('rejected_tokens', 'BIGINT', ({ tokens }) => tokens?.rejected ?? null),
  column('messages', 'BIGINT', ({ prompt }) => (typeof prompt === 'string' ? 1 : prompt.length)),
  column('difficulty', 'DOUBLE', ({ difficulty }) => difficulty),
  column('spread', 'DOUBLE', ({ spread }) => spread),
  column('rank', 'BIGINT', ({ rank }) => rank),
  column('percentile', 'DOUBLE', ({ rank }, pairs) => (100 * rank) / pairs),
  column('suspicion', 'VARCHAR', ({ suspicion }) => suspicion),
  column('meta', 'JSON', ({ meta }) => JSON.stringify(meta)),
];

function charsOf(text: Text): number {
  return codePoints(plainText(text));
}

/** The further columns of the data with their natural types: `JSON` where a column holds lists, objects or a mixture. */
export function metaColumns(pairs: Iterable<Pick<PreferencePair, 'meta'>>): RuleColumn[] {
  const types = new Map<string, ColumnType | null>();
  for (const { meta } of pairs)
    for (const [name, value] of Object.entries(meta)) {
      const before = types.get(name);
      const type = typeOf(value);
      types.set(
        name,
        before === undefined || before === null ? type : type === null ? before : wider(before, type),
      );
    }
  return [...types].map(([name, type]) => {
    const kind = type ?? 'VARCHAR';
    return column(name, kind, ({ meta }) => {
      const value = Object.hasOwn(meta, name) ? meta[name] : null;
      if (value === null || value === undefined) return null;
      return kind === 'JSON' ? JSON.stringify(value) : (value as boolean | number | string);
    });
  });
}

function typeOf(value: unknown): ColumnType | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return 'VARCHAR';
  if (typeof value === 'boolean') return 'BOOLEAN';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'BIGINT' : 'DOUBLE';
  return 'JSON';
}

function wider(a: ColumnType, b: ColumnType): ColumnType {
  if (a === b) return a;
  const isNumber = (type: ColumnType) => type === 'BIGINT' || type === 'DOUBLE';
  return isNumber(a) && isNumber(b) ? 'DOUBLE' : 'JSON';
}

/** The column that names as written in a predicate lead to, or null: a column of every pair, then a further one. */
export function findColumn(
  names: readonly string[],
  own: readonly RuleColumn[],
  meta: readonly RuleColumn[],
): RuleColumn | null {
  const [first = '', ...rest] = names;
  if (rest.length > 0) return first.toLowerCase() === 'meta' ? named(meta, rest.join('.')) : null;
  return named(own, first) ?? named(meta, first);
}

/** As SQL does, without regard to case, where that leads to one. */
function named(columns: readonly RuleColumn[], name: string): RuleColumn | null {
  const exact = columns.find((item) => item.name === name);
  if (exact !== undefined) return exact;
  const alike = columns.filter((item) => item.name.toLowerCase() === name.toLowerCase());
  return alike.length === 1 ? (alike[0] as RuleColumn) : null;
}
