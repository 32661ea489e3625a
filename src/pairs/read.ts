import { inputError } from '../base/errors.ts';
import { checkPair } from './check.ts';
import { detectFormat, formatRule, PAIR_FORMATS, type PairFormat } from './formats.ts';
import { pairId } from './id.ts';
import { sha256OfFile } from './lines.ts';
import type { PreferencePair, RefusedRow } from './pair.ts';
import { type RawRow, readRows } from './rows.ts';
import { badRow, excerpt, isRow, type Row, RowRefused } from './shape.ts';

/** What a file of preference pairs holds. `pairs` and `refused` together are the `read` rows. */
export interface PairSet {
  readonly pairs: PreferencePair[];
  readonly refused: RefusedRow[];
  /** Rows looked at. */
  readonly read: number;
  /** `sha256` is of the bytes as stored, compressed or not; `format` is the one used, also under 'auto'. */
  readonly source: { readonly file: string; readonly sha256: string; readonly format: string };
}

export interface ReadPairsOptions {
  /** The rows' format; 'auto' (default) tells it from the columns of the first row. */
  readonly format?: PairFormat | 'auto';
  /** Look at the first N rows only; default: all. */
  readonly limit?: number;
}

/**
 * Reads preference pairs from .json (an array, or an object with a `data` array) or .jsonl, gzip or not;
 * content decides, not the name. A row that does not fit the format or that no model can learn from is
 * refused by name, never dropped in silence.
 * @throws input error: the file cannot be read or parsed, has no row, or its first row has no known format.
 */
export async function readPairs(file: string, options: ReadPairsOptions = {}): Promise<PairSet> {
  const { limit = Number.POSITIVE_INFINITY } = options;
  checkOptions(options);
  const sha256 = await sha256OfFile(file);
  const pairs: PreferencePair[] = [];
  const refused: RefusedRow[] = [];
  const rowOfId = new Map<string, number>();
  let format = options.format === 'auto' ? undefined : options.format;
  let read = 0;
  for await (const raw of readRows(file)) {
    format ??= formatOfFirst(file, raw);
    read++;
    const outcome = readRow(raw, format);
    const refusal = 'cause' in outcome ? outcome : checkPair(outcome, rowOfId);
    if (refusal !== null) refused.push(refusal);
    else if (!('cause' in outcome)) {
      rowOfId.set(outcome.id, outcome.row);
      pairs.push(outcome);
    }
    if (read >= limit) break;
  }
  return { pairs, refused, read, source: { file, sha256, format: format ?? 'auto' } };
}

function readRow({ row, value }: RawRow, format: PairFormat): PreferencePair | RefusedRow {
  try {
    if (!isRow(value)) throw badRow('(whole row)', 'an object with the columns of a pair', value);
    const rule = formatRule(format);
    const texts = rule.parse(value);
    const id = pairId(texts.prompt, texts.chosen, texts.rejected);
    return { id, row, ...texts, meta: metaOf(value, rule.columns, id) };
  } catch (error) {
    if (error instanceof RowRefused) return { row, ...error.refusal };
    throw error;
  }
}

/** The columns that the format does not read. A row that `writePairs` wrote gets its own meta back. */
function metaOf(row: Row, columns: readonly string[], id: string): Row {
  const rest = Object.entries(row).filter(([name]) => !columns.includes(name));
  if (row.id !== id || !isRow(row.meta)) return Object.fromEntries(rest);
  const others = rest.filter(([name]) => name !== 'id' && name !== 'meta');
  return Object.fromEntries([...Object.entries(row.meta), ...others]);
}

function formatOfFirst(file: string, { row, value }: RawRow): PairFormat {
  const format = detectFormat(value);
  if (format !== null) return format;
  throw inputError('unknown-format', 'the first row is in no known format of preference pairs', {
    file,
    row,
    need: 'chosen and rejected, with a prompt column or as whole conversations',
    got: isRow(value) ? `columns ${Object.keys(value).join(', ')}` : excerpt(value),
    remedy: `Rename the columns, or name the format: ${PAIR_FORMATS.join(', ')}.`,
  });
}

function checkOptions({ format = 'auto', limit = 1 }: ReadPairsOptions): void {
  if (format !== 'auto' && !PAIR_FORMATS.includes(format)) {
    throw inputError('unknown-format', 'there is no such pair format', {
      got: format,
      need: ['auto', ...PAIR_FORMATS].join(', '),
    });
  }
  if (!Number.isInteger(limit) || limit < 1) {
    throw inputError('bad-limit', 'the limit of rows must be a whole number of at least 1', {
      got: limit,
      remedy: 'Leave the limit out to read all rows.',
    });
  }
}
