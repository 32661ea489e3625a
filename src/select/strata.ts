import { inputError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { PreferencePair } from '../pairs/pair.ts';

/** Within what the keep fraction applies: the whole pool, bins of the length difference, or values of a meta field. */
export type Within = 'none' | 'length' | `meta.${string}`;

/** The stratum of every pair: from its id to the stratum's name. Each pair lies in one. */
export type Strata = ReadonlyMap<string, string>;

/** Lengths of a pair's completions, in tokens of the model. */
export interface PairLengths {
  readonly chosen: number;
  readonly rejected: number;
}

/** Most bins of the length difference: deciles. Our choice. */
export const MOST_LENGTH_BINS = 10;
/** Fewest pairs of a bin, so that a share of it is still a number of pairs. Our choice. */
export const LEAST_LENGTH_BIN = 10;
/** A longer text is no name of a category; as a stratum's name it is cut and told apart by its hash. */
const LONGEST_NAME = 80;

export interface StrataInput {
  readonly pairs: readonly Pick<PreferencePair, 'id' | 'row' | 'meta'>[];
  /** By the pairs' ids. */
  readonly lengths: ReadonlyMap<string, PairLengths>;
}

/**
 * The strata that `selection.within` names; null for `none`.
 *
 * @throws inputError as `metaStrata` does.
 */
export function strataWithin(within: Within, { pairs, lengths }: StrataInput): Strata | null {
  if (within === 'none') return null;
  return within === 'length' ? lengthStrata(lengths) : metaStrata(pairs, within.slice('meta.'.length));
}

/**
 * bin(pair) = ⌊B · (below + equal / 2) / N⌋, d = |y_w| − |y_l| in tokens
 *
 * Quantile bins of the length difference d: N pairs, of which `below` have a smaller d and `equal` the same (this
 * one among them), so that pairs of equal d are never parted. B is at most `MOST_LENGTH_BINS`, and fewer where a bin
 * would have less than `LEAST_LENGTH_BIN` pairs; a bin that ties leave with less joins its neighbour. A selection that
 * keeps the same share of each bin has nearly the distribution of d that all pairs have: over the bins to within one
 * pair each, inside a bin not. Fewer than 2 · `LEAST_LENGTH_BIN` pairs, or one d for nearly all: one bin, and so no matching.
 *
 * Our construction. Why lengths: difficult pairs have longer chosen completions (Gao et al. 2025, appendix E), so
 * that keeping the easiest also keeps a length.
 */
export function lengthStrata(lengths: ReadonlyMap<string, PairLengths>): Strata {
  const byDifference = new Map<number, string[]>();
  for (const [id, { chosen, rejected }] of lengths) {
    const own = byDifference.get(chosen - rejected);
    if (own === undefined) byDifference.set(chosen - rejected, [id]);
    else own.push(id);
  }
  const most = Math.max(1, Math.min(MOST_LENGTH_BINS, Math.floor(lengths.size / LEAST_LENGTH_BIN)));
  interface Bin {
    quantile: number;
    low: number;
    high: number;
    ids: string[];
  }
  const bins: Bin[] = [];
  let below = 0;
  for (const [difference, ids] of [...byDifference].sort(([a], [b]) => a - b)) {
    const quantile = Math.floor((most * (below + ids.length / 2)) / lengths.size);
    below += ids.length;
    const last = bins.at(-1);
    if (last === undefined || (last.quantile !== quantile && last.ids.length >= LEAST_LENGTH_BIN)) {
      bins.push({ quantile, low: difference, high: difference, ids });
    } else {
      last.quantile = quantile;
      last.high = difference;
      last.ids = last.ids.concat(ids);
    }
  }
  const last = bins.at(-1);
  const before = bins.at(-2);
  if (last !== undefined && before !== undefined && last.ids.length < LEAST_LENGTH_BIN) {
    before.high = last.high;
    before.ids = before.ids.concat(last.ids);
    bins.pop();
  }
  const strata = new Map<string, string>();
  for (const { low, high, ids } of bins) {
    const name = low === high ? `length difference ${low}` : `length difference ${low} to ${high}`;
    for (const id of ids) strata.set(id, name);
  }
  return strata;
}

/**
 * Strata by the value that a field of the pairs' meta has: texts, numbers, true and false. Pairs without the field,
 * or with null in it, are one stratum of their own.
 *
 * @throws inputError `within-no-meta` where the pairs have no meta at all, `within-unknown-field` where none has the
 * field, `within-bad-value` for a value that is a list or an object, `within-all-different` where no two pairs share a
 * value: the field then names pairs, and a share of each is no selection.
 * @param key what names the field, for messages.
 */
export function metaStrata(
  pairs: readonly Pick<PreferencePair, 'id' | 'row' | 'meta'>[],
  field: string,
  key = 'selection.within',
): Strata {
  const got = `meta.${field}`;
  if (!pairs.some(({ meta }) => hasValue(meta, field))) throw noSuchField(pairs, field, key);
  const strata = new Map<string, string>();
  for (const { id, row, meta } of pairs) {
    const value = hasValue(meta, field) ? meta[field] : null;
    if (typeof value === 'object' && value !== null)
      throw inputError('within-bad-value', `the field ${got} of ${key} holds a list or an object`, {
        row,
        key,
        need: 'a text, a number, true or false: the name of a category',
        got: value,
        remedy: 'Give the rows a column of one plain value, or choose another field',
      });
    strata.set(id, `${got} ${value === null ? 'missing' : nameOf(value)}`);
  }
  if (pairs.length > 1 && new Set(strata.values()).size === pairs.length)
    throw inputError('within-all-different', `${got} has another value for every pair`, {
      key,
      need: 'a field whose values are shared by several pairs',
      got: `${pairs.length} values for ${pairs.length} pairs`,
      remedy: 'Choose a field that names categories',
    });
  return strata;
}

/** How many pairs of each stratum there are, and how many of them were kept; in the order of their names' appearance. */
export function strataCounts(
  strata: Strata,
  keptIds: Iterable<string>,
): { readonly name: string; readonly pairs: number; readonly kept: number }[] {
  const kept = new Set(keptIds);
  const counts = new Map<string, { name: string; pairs: number; kept: number }>();
  for (const [id, name] of strata) {
    const own = counts.get(name) ?? { name, pairs: 0, kept: 0 };
    own.pairs++;
    if (kept.has(id)) own.kept++;
    counts.set(name, own);
  }
  return [...counts.values()];
}

/** The stratum of a pair; one that is in none is a fault of the caller. */
export function stratumOf(strata: Strata, id: string): string {
  const name = strata.get(id);
  if (name !== undefined) return name;
  throw inputError('no-stratum', 'a pair is in no stratum', {
    got: id,
    need: 'a stratum for every scored pair',
    remedy: 'Make the strata from all the pairs that were scored',
  });
}

function hasValue(meta: PreferencePair['meta'], field: string): boolean {
  return Object.hasOwn(meta, field) && meta[field] !== null && meta[field] !== undefined;
}

/** Texts in quotes, so that "1" and 1, and a text `missing` and a missing one, are told apart. */
function nameOf(value: unknown): string {
  const name = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return name.length <= LONGEST_NAME
    ? name
    : `${name.slice(0, LONGEST_NAME - 10)}… ${sha256(name).slice(0, 8)}`;
}

function noSuchField(pairs: readonly Pick<PreferencePair, 'meta'>[], field: string, key: string) {
  const known = [
    ...new Set(pairs.flatMap(({ meta }) => Object.keys(meta).filter((name) => hasValue(meta, name)))),
  ];
  const fields = { key, got: `meta.${field}` };
  if (known.length === 0)
    return inputError('within-no-meta', 'the pairs have no meta to select within', {
      ...fields,
      need: 'rows with further columns beside prompt, chosen and rejected',
      remedy: `Add a column ${field} to the rows, or set selection.within: length or none`,
    });
  return inputError('within-unknown-field', 'no pair has the field to select within', {
    ...fields,
    need: `one of ${known.map((name) => `meta.${name}`).join(', ')}`,
    remedy: 'Name one of these fields, or set selection.within: length or none',
  });
}
