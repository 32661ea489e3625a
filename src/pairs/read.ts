import { inputError } from '../base/errors.ts';
import { checkPair } from './check.ts';
import type { DatasetChoice } from './dataset-folder.ts';
import { moreThanText } from './format-llama-factory.ts';
import type { FormatRule, ParsedPair } from './format-rule.ts';
import { detectFormat, formatNamed, formatRule, PAIR_FORMATS, type PairFormat } from './formats.ts';
import { pairId } from './id.ts';
import { refusePythonText, withNested } from './nested.ts';
import type { PreferencePair, RefusedRow } from './pair.ts';
import { RATINGS_RULE, type RatingsRule, ratingsInWords } from './ratings.ts';
import { badRow, excerpt, isEmpty, isRow, type Row, RowRefused, systemColumn } from './shape.ts';
import { hashSource, openSource, type Source, type SourceRow } from './source.ts';

/** What a source of preference pairs holds. */
export interface PairSet {
  readonly pairs: PreferencePair[];
  /** Rows that cannot be used. With `pairs` they are the `read` rows, but where ratings give a row several pairs. */
  readonly refused: RefusedRow[];
  /** Rows looked at. */
  readonly read: number;
  readonly source: {
    /** As given: a file, a folder or a pattern. */
    readonly file: string;
    /** Of the bytes as stored, compressed or not; of several files the hash of their names and hashes. */
    readonly sha256: string;
    /** The one used, also under 'auto'. */
    readonly format: string;
    /** Where there are several, relative to the folder, in the order of the rows. */
    readonly files?: readonly { readonly file: string; readonly sha256: string }[];
    readonly split?: string;
    readonly subset?: string;
    readonly columns?: Readonly<Record<string, string>>;
    readonly ratings?: RatingsRule;
  };
  /** What was decided while reading, for people: the split, the rule for ratings. */
  readonly notes: readonly string[];
}

export interface ReadPairsOptions extends DatasetChoice {
  /** The rows' format; 'auto' (default) tells it from the columns of the first rows. */
  readonly format?: string;
  /** Look at the first N rows only; default: all. */
  readonly limit?: number;
  /** Names that a format knows → columns that stand for them here, such as `{prompt: 'frage'}`. */
  readonly columns?: Readonly<Record<string, string>>;
  /** How pairs are made of rated answers. Default: the best against the worst. */
  readonly ratings?: RatingsRule;
  /** Takes each pair as it is read; `pairs` then stays empty, so that large data need no memory. */
  readonly each?: (pair: PreferencePair) => void;
}

/** As many rows are looked at to tell the format. */
const ROWS_TO_DETECT = 100;

/**
 * Reads preference pairs from a file (JSON, JSONL, CSV, TSV, gzip or not, Parquet), a pattern of files, or a dataset
 * folder of Hugging Face or LLaMA-Factory. A row that does not fit the format or that no model can learn from is
 * refused by name, never dropped in silence.
 * @throws input error: the source cannot be read or parsed or has no row; its first rows have no known format; a row
 * is in another format than the first (`mixed-formats`) or than the one named (`wrong-format`).
 */
export async function readPairs(path: string, options: ReadPairsOptions = {}): Promise<PairSet> {
  const { limit = Number.POSITIVE_INFINITY, ratings = RATINGS_RULE, columns = {} } = options;
  const named = namedFormat(options);
  const source = openSource(path, options);
  const hashes = await hashSource(path, source);
  const pairs: PreferencePair[] = [];
  const refused: RefusedRow[] = [];
  const rowOfId = new Map<string, number>();
  let read = 0;
  let rated = false;
  const { rows, format, rule } = await withFormat(path, source, named, columns);
  for await (const raw of rows) {
    read++;
    const outcome = readRow(raw, rule, ratings);
    if ('cause' in outcome) {
      needSameFormat(path, raw, { format, given: named !== null || source.format !== null }, ratings);
      refused.push(outcome);
    } else {
      rated ||= outcome.pairs.some(({ meta }) => 'score_chosen' in meta) && isRated(format);
      for (const pair of outcome.pairs) {
        const refusal = checkPair(pair, rowOfId);
        if (refusal !== null) refused.push({ ...refusal, ...placeOf(raw) });
        else {
          rowOfId.set(pair.id, pair.row);
          if (options.each === undefined) pairs.push(pair);
          else options.each(pair);
        }
      }
    }
    if (read >= limit) break;
  }
  const { split, subset } = source;
  return {
    pairs,
    refused,
    read,
    source: {
      file: path,
      ...hashes,
      format,
      ...(split === null ? {} : { split }),
      ...(subset === null ? {} : { subset }),
      ...(Object.keys(columns).length === 0 ? {} : { columns }),
      ...(rated ? { ratings } : {}),
    },
    notes: [...source.notes, ...(rated ? [ratingsInWords(ratings)] : [])],
  };
}

function isRated(format: string): boolean {
  return format === 'ratings' || format === 'argilla';
}

/** The rows under the names that formats know, and the format: the named one, the folder's, or that of the first rows. */
async function withFormat(
  path: string,
  source: Source,
  named: PairFormat | null,
  columns: Readonly<Record<string, string>>,
): Promise<{ rows: AsyncGenerator<SourceRow>; format: string; rule: FormatRule }> {
  const rows = renamed(path, source.rows(), columns);
  if (named !== null) return { rows, format: named, rule: formatRule(named) };
  if (source.format !== null) return { rows, format: source.format.name, rule: source.format.rule };
  const first: SourceRow[] = [];
  let format: PairFormat | null = null;
  while (format === null && first.length < ROWS_TO_DETECT) {
    const next = await rows.next();
    if (next.done === true) break;
    first.push(next.value);
    format = detectFormat(next.value.value);
  }
  if (format === null) throw noFormat(path, first[0]);
  const all = async function* () {
    try {
      yield* first;
      yield* rows;
    } finally {
      await rows.return(undefined);
    }
  };
  return { rows: all(), format, rule: formatRule(format) };
}

async function* renamed(
  path: string,
  rows: AsyncGenerator<SourceRow>,
  columns: Readonly<Record<string, string>>,
): AsyncGenerator<SourceRow> {
  const names = Object.entries(columns);
  let seen = names.length === 0;
  for await (const raw of rows) {
    if (names.length === 0 || !isRow(raw.value)) {
      yield isRow(raw.value) ? { ...raw, value: withNested(raw.value) } : raw;
      continue;
    }
    const row = raw.value;
    if (!seen) {
      const missing = names.find(([, column]) => !(column in row));
      if (missing !== undefined) {
        throw inputError(
          'no-such-column',
          `the data has no column ${missing[1]}, which columns.${missing[0]} names`,
          {
            file: path,
            row: raw.row,
            got: Object.keys(row).join(', '),
          },
        );
      }
      seen = true;
    }
    const taken = new Set([...Object.keys(columns), ...Object.values(columns)]);
    const others = Object.entries(row).filter(([name]) => !taken.has(name));
    const value = Object.fromEntries([...names.map(([name, column]) => [name, row[column]]), ...others]);
    yield { ...raw, value: withNested(value) };
  }
}

function readRow(
  raw: SourceRow,
  rule: FormatRule,
  ratings: RatingsRule,
): { pairs: PreferencePair[] } | RefusedRow {
  const { row, value } = raw;
  try {
    if (!isRow(value)) throw badRow('(whole row)', 'an object with the columns of a pair', value);
    refusePythonText(value);
    const read = typeof rule.columns === 'function' ? rule.columns(value) : rule.columns;
    const system = rule.namesSystem === true ? undefined : systemColumn(value, read);
    const parsed = rule.parse(value, { row, ratings });
    if (!read.includes('tools')) refuseMoreThanText(value);
    const list: readonly ParsedPair[] = Array.isArray(parsed) ? parsed : [parsed as ParsedPair];
    const pairs = list.map(({ prompt: asked, chosen, rejected, extra }) => {
      const leads = system !== undefined && typeof asked !== 'string' && asked[0]?.role !== 'system';
      const prompt = leads ? [{ role: 'system', content: value[system] as string }, ...asked] : asked;
      const columns = leads ? [...read, system] : read;
      const id = pairId(prompt, chosen, rejected);
      return { id, row, prompt, chosen, rejected, meta: { ...metaOf(value, columns, id), ...extra } };
    });
    return { pairs };
  } catch (error) {
    if (error instanceof RowRefused) return { row, ...placeOf(raw), ...error.refusal };
    throw error;
  }
}

/** Chat templates show a model its tools; images and the like are no text. */
function refuseMoreThanText(row: Row): void {
  if (!isEmpty(row.tools) && typeof row.tools !== 'number') throw moreThanText('tools', 'tools');
  const media = ['images', 'videos', 'audios'].find((column) => !isEmpty(row[column]));
  if (media !== undefined) throw moreThanText(media, 'media');
}

function placeOf({ place }: SourceRow): Pick<RefusedRow, 'place'> {
  return place === undefined ? {} : { place };
}

/** The columns that the format does not read. A row that winnow wrote gets its own meta back, also from JSON text. */
function metaOf(row: Row, columns: readonly string[], id: string): Row {
  const rest = Object.entries(row).filter(([name]) => !columns.includes(name));
  const own = row.id === id ? ownMeta(row.meta) : null;
  if (own === null) return Object.fromEntries(rest);
  const others = rest.filter(([name]) => name !== 'id' && name !== 'meta');
  return Object.fromEntries([...Object.entries(own), ...others]);
}

function ownMeta(meta: unknown): Row | null {
  if (isRow(meta)) return meta;
  if (typeof meta !== 'string') return null;
  try {
    const value: unknown = JSON.parse(meta);
    return isRow(value) ? value : null;
  } catch {
    return null;
  }
}

function noFormat(file: string, first: SourceRow | undefined): Error {
  const value = first?.value;
  return inputError('unknown-format', 'the first row is in no known format of preference pairs', {
    file,
    row: first?.row ?? 0,
    need: 'chosen and rejected, with a prompt column or as whole conversations; or answers with scores',
    got: isRow(value) ? `columns ${Object.keys(value).join(', ')}` : excerpt(value),
    remedy: `Rename the columns (the key columns does it), or name the format: ${PAIR_FORMATS.join(', ')}.`,
  });
}

/** A refused row that another format would read is no fault of the row. */
function needSameFormat(
  file: string,
  { row, value, place }: SourceRow,
  { format, given }: { readonly format: string; readonly given: boolean },
  ratings: RatingsRule,
): void {
  const other = detectFormat(value);
  if (other === null || other === format || format.startsWith('llama-factory')) return;
  if ('cause' in readRow({ row, value }, formatRule(other), ratings)) return;
  const fields = { file: place?.file ?? file, row: place?.row ?? row, need: format, got: other };
  throw given
    ? inputError('wrong-format', 'the row is not in the format that was named', {
        ...fields,
        remedy: `Name --format ${other}, or leave it out: it is found out.`,
      })
    : inputError('mixed-formats', 'the row is in another format than the first rows', {
        ...fields,
        remedy: 'Split the data by format, and read each part alone.',
      });
}

function namedFormat({
  format = 'auto',
  limit = 1,
  ratings = RATINGS_RULE,
}: ReadPairsOptions): PairFormat | null {
  if (!Number.isInteger(limit) || limit < 1) {
    throw inputError('bad-limit', 'the limit of rows must be a whole number of at least 1', {
      got: limit,
      remedy: 'Leave the limit out to read all rows.',
    });
  }
  if (!(ratings.minGap >= 0)) {
    throw inputError('bad-ratings', 'the least gap of two scores must be a number of at least 0', {
      got: ratings.minGap,
    });
  }
  if (format === 'auto') return null;
  const named = formatNamed(format);
  if (named !== null) return named;
  throw inputError('unknown-format', 'there is no such pair format', {
    got: format,
    need: ['auto', ...PAIR_FORMATS].join(', '),
  });
}
