import type { PreferencePair } from '../pair.ts';

/** What further columns hold. */
export interface MetaSurvey {
  /** Columns of few values, which name categories: value → pairs, most frequent first. */
  readonly categories: readonly {
    readonly column: string;
    readonly values: Readonly<Record<string, number>>;
    readonly missing: number;
  }[];
  /** Columns that rate both answers. */
  readonly ratings: readonly RatingSurvey[];
}

export interface RatingSurvey {
  readonly chosen: string;
  readonly rejected: string;
  /** Pairs with both numbers. */
  readonly pairs: number;
  /** Of them, those whose rejected answer has the higher rating, and those whose ratings are equal. */
  readonly against: number;
  readonly equal: number;
  readonly rows: readonly number[];
}

/** A column of more values is no category. */
const MOST_VALUES = 20;
const EXAMPLES = 20;

/** Sees the further columns of pairs one at a time. */
export class MetaColumns {
  #pairs = 0;
  /** null: more values than a category has. */
  readonly #values = new Map<string, Map<string, number> | null>();
  readonly #ratings = new Map<string, { pairs: number; against: number; equal: number; rows: number[] }>();

  add({ meta, row }: PreferencePair): void {
    this.#pairs++;
    for (const [column, value] of Object.entries(meta)) {
      this.#addValue(column, value);
      this.#addRating(row, column, value, meta);
    }
  }

  #addValue(column: string, value: unknown): void {
    const isName = typeof value === 'string' || typeof value === 'boolean' || Number.isInteger(value);
    if (!isName) return;
    const held = this.#values.get(column);
    if (held === null) return;
    const values = held ?? new Map<string, number>();
    const name = String(value);
    values.set(name, 1 + (values.get(name) ?? 0));
    this.#values.set(column, values.size > MOST_VALUES ? null : values);
  }

  /** score_chosen beside score_rejected, chosen-rating beside rejected-rating, and the like. */
  #addRating(row: number, column: string, value: unknown, meta: PreferencePair['meta']): void {
    if (!/chosen/i.test(column)) return;
    const twin = column.replace(/chosen/i, 'rejected');
    const other = meta[twin];
    const [own, against] = [ratingOf(value), ratingOf(other)];
    if (own === null || against === null) return;
    const held = this.#ratings.get(column) ?? { pairs: 0, against: 0, equal: 0, rows: [] };
    held.pairs++;
    if (own === against) held.equal++;
    if (own < against) {
      held.against++;
      if (held.rows.length < EXAMPLES) held.rows.push(row);
    }
    this.#ratings.set(column, held);
  }

  done(): MetaSurvey {
    const categories = [...this.#values].flatMap(([column, values]) => {
      // One value says nothing, and a value a pair names pairs.
      if (values === null || values.size < 2 || values.size > this.#pairs / 2) return [];
      if (/chosen|rejected/i.test(column)) return [];
      const sorted = [...values].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
      const told = sorted.reduce((sum, [, n]) => sum + n, 0);
      return [{ column, values: Object.fromEntries(sorted), missing: this.#pairs - told }];
    });
    const ratings = [...this.#ratings].map(([chosen, own]) => ({
      chosen,
      rejected: chosen.replace(/chosen/i, 'rejected'),
      ...own,
    }));
    return { categories, ratings };
  }
}

function ratingOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
