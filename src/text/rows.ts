/**
 * Rows for the decoder in which several completions share one prompt: `prompt | first | second`.
 * Each completion sees the prompt and itself; its positions go on from the prompt's end. The numbers are those
 * of separate rows, and the prompt is computed once.
 *
 * A row lies in segments: whole in one, whose tokens see each other as the mask says, or the prompt in the first and
 * each completion apart in its own: scores between two completions, which are never seen, are then not computed.
 * Rows are padded segment by segment.
 */
export interface RowBatch {
  readonly rows: number;
  /** T: tokens a row, padding included. */
  readonly length: number;
  /** Tokens of each segment; together `length`. */
  readonly segments: readonly number[];
  /** [B, T]; padding is token 0 and is seen by nothing. */
  readonly ids: BigInt64Array;
  /** [B, T] */
  readonly positions: BigInt64Array;
  /**
   * By segment, 0 where a token may be seen and very negative where not: the first [B, S₀, S₀], those behind it
   * [B, Sᵢ, S₀ + Sᵢ], the first segment's tokens and then its own.
   */
  readonly masks: readonly Float32Array[];
  /** Largest position + 1. */
  readonly positionCount: number;
  /** One entry a predicted token: where it is predicted from (index into B·T), what came, whose it is. */
  readonly predictions: {
    readonly at: Int32Array;
    readonly target: BigInt64Array;
    readonly completion: Int32Array;
  };
  /** Completions of all rows, row by row. */
  readonly completions: number;
}

export interface SharedPromptRow {
  /** At least one token. */
  readonly prompt: Int32Array;
  /** Each at least one token. */
  readonly completions: readonly Int32Array[];
}

/** Far below any score, yet finite: a row that sees nothing must not become NaN. */
export const UNSEEN = -1e30;

/** Tokens that a row takes: the last token of a completion predicts nothing and is left out. */
export function rowLength(row: SharedPromptRow): number {
  return row.completions.reduce((sum, completion) => sum + completion.length - 1, row.prompt.length);
}

/** Tokens of a row that are predicted. */
export function completionTokens({ completions }: SharedPromptRow): number {
  return completions.reduce((sum, completion) => sum + completion.length, 0);
}

/**
 * The segments of a segmented batch of these rows, each as long as its longest, or null where they cannot be
 * segmented: rows of fewer than two completions, or of different numbers of them.
 */
export function rowSegments(rows: readonly SharedPromptRow[]): readonly number[] | null {
  const count = rows[0]?.completions.length ?? 0;
  if (count < 2 || rows.some(({ completions }) => completions.length !== count)) return null;
  const longest = (lengthOf: (row: SharedPromptRow) => number) => Math.max(...rows.map(lengthOf));
  return [
    longest(({ prompt }) => prompt.length),
    ...Array.from({ length: count }, (_, k) =>
      // A completion of one token takes no place; an empty segment would be a tensor of nothing.
      longest(({ completions }) => Math.max(1, (completions[k] as Int32Array).length - 1)),
    ),
  ];
}

/** The segments of a batch of whole rows: all lie in the first; of further ones, one token each, all padding. */
export function wholeRows(rows: readonly SharedPromptRow[], count = 1): readonly number[] {
  return [Math.max(...rows.map(rowLength)), ...new Array<number>(count - 1).fill(1)];
}

/**
 * Packs rows into one batch with these segments: those of `rowSegments`, each completion `apart` in its own, or
 * those of `wholeRows`. Throws RangeError on an empty prompt or completion.
 */
export function packRows(
  rows: readonly SharedPromptRow[],
  segments: readonly number[] = wholeRows(rows),
  apart = false,
): RowBatch {
  const length = segments.reduce((sum, segment) => sum + segment, 0);
  const count = rows.length;
  const ids = new BigInt64Array(count * length);
  const positions = new BigInt64Array(count * length);
  const masks = new Masks(count, segments);
  const at: number[] = [];
  const target: bigint[] = [];
  const owner: number[] = [];
  let completions = 0;
  let positionCount = 0;
  rows.forEach((row, r) => {
    const base = r * length;
    const promptLength = row.prompt.length;
    if (promptLength === 0) throw new RangeError('packRows: a prompt without tokens');
    positionCount = Math.max(positionCount, promptLength);
    const put = (place: number, token: number, position: number) => {
      ids[base + place] = BigInt(token);
      positions[base + place] = BigInt(position);
    };
    row.prompt.forEach((token, t) => {
      put(t, token, t);
      masks.see(r, t, 0, t + 1);
    });
    // Where the next completion starts: behind the one before it, or in a segment of its own.
    let start = promptLength;
    let segmentStart = segments[0] as number;
    row.completions.forEach((completion, k) => {
      if (completion.length === 0) throw new RangeError('packRows: a completion without tokens');
      if (apart) start = segmentStart;
      for (let t = 0; t < completion.length; t++) {
        at.push(base + (t === 0 ? promptLength - 1 : start + t - 1));
        target.push(BigInt(completion[t] as number));
        owner.push(completions);
        if (t === completion.length - 1) break;
        put(start + t, completion[t] as number, promptLength + t);
        masks.see(r, start + t, 0, promptLength);
        masks.see(r, start + t, start, start + t + 1);
      }
      positionCount = Math.max(positionCount, promptLength + completion.length - 1);
      start += completion.length - 1;
      segmentStart += segments[k + 1] ?? 0;
      completions++;
    });
    masks.seeThemselves(r);
  });
  return {
    rows: count,
    length,
    segments,
    ids,
    positions,
    masks: masks.arrays,
    positionCount,
    predictions: {
      at: Int32Array.from(at),
      target: BigInt64Array.from(target),
      completion: Int32Array.from(owner),
    },
    completions,
  };
}

/** The masks of a batch, addressed by places in the row. */
class Masks {
  readonly arrays: readonly Float32Array[];
  readonly #segments: readonly number[];
  /** Place of each segment's first token. */
  readonly #starts: readonly number[];

  constructor(rows: number, segments: readonly number[]) {
    this.#segments = segments;
    this.#starts = segments.map((_, i) => segments.slice(0, i).reduce((sum, n) => sum + n, 0));
    this.arrays = segments.map((n, i) => new Float32Array(rows * n * this.#keys(i)).fill(UNSEEN));
  }

  /** Lets the token at `query` see the places [from, to), which lie in one segment. */
  see(row: number, query: number, from: number, to: number): void {
    const i = this.#segmentOf(query);
    const line = this.#line(row, i, query);
    // Keys of a later segment: the first segment's, then its own.
    const shift = i === 0 || from < (this.#segments[0] as number) ? 0 : this.#own(i);
    (this.arrays[i] as Float32Array).fill(0, line + from - shift, line + to - shift);
  }

  /** Padding sees itself: a softmax needs something to stand on. */
  seeThemselves(row: number): void {
    this.#segments.forEach((n, i) => {
      const array = this.arrays[i] as Float32Array;
      const start = this.#starts[i] as number;
      for (let query = start; query < start + n; query++) {
        const itself = this.#line(row, i, query) + query - (i === 0 ? 0 : this.#own(i));
        array[itself] = 0;
      }
    });
  }

  #keys(i: number): number {
    return (this.#segments[i] as number) + (i === 0 ? 0 : (this.#segments[0] as number));
  }

  /** From a place in the row to its column among the keys of segment i. */
  #own(i: number): number {
    return (this.#starts[i] as number) - (this.#segments[0] as number);
  }

  #line(row: number, i: number, query: number): number {
    return (row * (this.#segments[i] as number) + query - (this.#starts[i] as number)) * this.#keys(i);
  }

  #segmentOf(place: number): number {
    let i = this.#segments.length - 1;
    while (i > 0 && place < (this.#starts[i] as number)) i--;
    return i;
  }
}

/**
 * The batch's masks for a layer in which a token sees itself and the `window` − 1 positions before it. By
 * positions, not places: every completion goes on from the prompt.
 */
export function windowMasks(batch: RowBatch, window: number): Float32Array[] {
  const { rows, length, segments, masks } = batch;
  const at = Int32Array.from(batch.positions, Number);
  const first = segments[0] as number;
  let start = 0;
  return masks.map((all, i) => {
    const own = segments[i] as number;
    const keys = i === 0 ? own : first + own;
    const mask = all.slice();
    for (let r = 0; r < rows; r++)
      for (let q = 0; q < own; q++) {
        const oldest = (at[r * length + start + q] as number) - window + 1;
        const line = (r * own + q) * keys;
        for (let k = 0; k < keys; k++) {
          const place = i === 0 || k < first ? k : start + k - first;
          if ((at[r * length + place] as number) < oldest) mask[line + k] = UNSEEN;
        }
      }
    start += own;
    return mask;
  });
}
