import { codePoints } from '../../base/code-points.ts';
import { type ErrorFields, inputError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';

/** One judged comparison, as far as the benchmark needs it. */
export interface AlpacaJudgment {
  readonly model: string;
  /** null where the row does not name it. */
  readonly baseline: string | null;
  /** Number of the instruction; null where the row has none. */
  readonly index: number | null;
  /** The same for two judgments of one comparison; null where nothing tells. */
  readonly identity: string | null;
  /** 1 (the baseline is better) … 2 (the model is better); null where it is missing or no preference. */
  readonly preference: number | null;
  /** In characters (Unicode code points); null where the row tells neither a length nor an output. */
  readonly lengthModel: number | null;
  readonly lengthBaseline: number | null;
}

/**
 * - `official`: alpaca_eval's annotations.json: output_1 of generator_1 (the baseline), output_2 of generator_2;
 * - `slim`: model, len_1 and len_2 instead of texts, and index.
 */
export type AlpacaForm = 'official' | 'slim';

/** The form that a row's columns speak for, or null. */
export function alpacaForm(value: unknown): AlpacaForm | null {
  if (!isRecord(value) || !('preference' in value)) return null;
  if ('generator_2' in value) return 'official';
  return 'model' in value ? 'slim' : null;
}

/**
 * A row of either form; further columns are not read.
 * @throws inputError `bad-annotation` for a column of another type.
 */
export function alpacaJudgment(value: unknown, where: ErrorFields): AlpacaJudgment {
  if (!isRecord(value)) throw bad('the row', 'an object', value, where);
  const index = indexOf(value.index, where);
  return {
    model: nameOf(value, ['generator_2', 'model'], where),
    baseline: optionalName(value, ['generator_1', 'baseline'], where),
    index,
    identity: index === null ? textIdentity(value) : `index ${index}`,
    preference: preferenceOf(value.preference, where),
    lengthModel: lengthOf(value, 'output_2', 'len_2', where),
    lengthBaseline: lengthOf(value, 'output_1', 'len_1', where),
  };
}

/**
 * Old judgments write a tie as 0, which is 1.5. What lies outside 1 … 2 is no preference (alpaca_eval's
 * `validate_alpacaeval_preference`).
 */
function preferenceOf(value: unknown, where: ErrorFields): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'number') throw bad('preference', 'a number from 1 to 2, or null', value, where);
  if (value === 0) return 1.5;
  return value >= 1 && value <= 2 ? value : null;
}

function indexOf(value: unknown, where: ErrorFields): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw bad('index', 'the number of the instruction, from 0', value, where);
}

/** Of judgments without an index: their instruction and both outputs. */
function textIdentity({ instruction, output_1, output_2 }: Row): string | null {
  if (typeof instruction !== 'string') return null;
  return sha256(JSON.stringify([instruction, output_1, output_2]));
}

function lengthOf(row: Row, text: string, count: string, where: ErrorFields): number | null {
  const [output, length] = [row[text], row[count]];
  if (typeof output === 'string') return codePoints(output);
  if (output !== null && output !== undefined) throw bad(text, 'text', output, where);
  if (length === null || length === undefined) return null;
  if (typeof length === 'number' && length >= 0 && length < Number.POSITIVE_INFINITY) return length;
  throw bad(count, 'a length in characters', length, where);
}

function nameOf(row: Row, columns: readonly string[], where: ErrorFields): string {
  const name = optionalName(row, columns, where);
  if (name === null) throw bad(columns.join(' or '), 'the name of the model', undefined, where);
  return name;
}

function optionalName(row: Row, columns: readonly string[], where: ErrorFields): string | null {
  for (const column of columns) {
    const value = row[column];
    if (value === null || value === undefined) continue;
    if (typeof value === 'string' && value !== '') return value;
    throw bad(column, 'a name in text', value, where);
  }
  return null;
}

type Row = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Row {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function bad(column: string, need: string, got: unknown, where: ErrorFields) {
  return inputError('bad-annotation', `${column} of a judgment is not usable`, {
    ...where,
    need,
    got: got === undefined ? 'nothing' : got,
    remedy: 'Mend or remove the row; a judgment that was never made has preference null',
  });
}
