/**
 * Rows for the decoder in which several completions share one prompt: `prompt | first | second`.
 * Each completion sees the prompt and itself; its positions go on from the prompt's end. The numbers are those
 * of separate rows, and the prompt is computed once.
 */
export interface RowBatch {
  readonly rows: number;
  /** Tokens a row, padding included. */
  readonly length: number;
  /** [B, T]; padding is token 0 and is seen by nothing. */
  readonly ids: BigInt64Array;
  /** [B, T] */
  readonly positions: BigInt64Array;
  /** [B, 1, 1, T, T], 0 where a token may be seen and very negative where not. */
  readonly mask: Float32Array;
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

/**
 * The batch's mask for a layer in which a token sees itself and the `window` − 1 positions before it. By positions,
 * not places: both completions go on from the prompt.
 */
export function windowMask(batch: RowBatch, window: number): Float32Array {
  const { rows, length, positions } = batch;
  const mask = batch.mask.slice();
  const at = Int32Array.from(positions, Number);
  for (let r = 0; r < rows; r++)
    for (let query = 0; query < length; query++) {
      const oldest = (at[r * length + query] as number) - window + 1;
      const line = (r * length + query) * length;
      for (let key = 0; key < query; key++)
        if ((at[r * length + key] as number) < oldest) mask[line + key] = UNSEEN;
    }
  return mask;
}

/** Tokens that a row takes: the last token of a completion predicts nothing and is left out. */
export function rowLength(row: SharedPromptRow): number {
  return row.completions.reduce((sum, completion) => sum + completion.length - 1, row.prompt.length);
}

/** Packs rows into one batch, padded to the longest. Throws RangeError on an empty prompt or completion. */
export function packRows(rows: readonly SharedPromptRow[]): RowBatch {
  const length = Math.max(...rows.map(rowLength));
  const count = rows.length;
  const ids = new BigInt64Array(count * length);
  const positions = new BigInt64Array(count * length);
  const mask = new Float32Array(count * length * length).fill(UNSEEN);
  const at: number[] = [];
  const target: bigint[] = [];
  const owner: number[] = [];
  let completions = 0;
  let positionCount = 0;
  rows.forEach((row, r) => {
    const base = r * length;
    const promptLength = row.prompt.length;
    if (promptLength === 0) throw new RangeError('packRows: a prompt without tokens');
    const see = (query: number, from: number, to: number) =>
      mask.fill(0, (base + query) * length + from, (base + query) * length + to);
    for (let t = 0; t < promptLength; t++) {
      ids[base + t] = BigInt(row.prompt[t] as number);
      positions[base + t] = BigInt(t);
      see(t, 0, t + 1);
    }
    let start = promptLength;
    for (const completion of row.completions) {
      if (completion.length === 0) throw new RangeError('packRows: a completion without tokens');
      for (let t = 0; t < completion.length; t++) {
        at.push(base + (t === 0 ? promptLength - 1 : start + t - 1));
        target.push(BigInt(completion[t] as number));
        owner.push(completions);
        if (t === completion.length - 1) break;
        ids[base + start + t] = BigInt(completion[t] as number);
        positions[base + start + t] = BigInt(promptLength + t);
        see(start + t, 0, promptLength);
        see(start + t, start, start + t + 1);
      }
      positionCount = Math.max(positionCount, promptLength + completion.length - 1);
      start += completion.length - 1;
      completions++;
    }
    for (let t = start; t < length; t++) see(t, t, t + 1);
  });
  return {
    rows: count,
    length,
    ids,
    positions,
    mask,
    positionCount,
    predictions: {
      at: Int32Array.from(at),
      target: BigInt64Array.from(target),
      completion: Int32Array.from(owner),
    },
    completions,
  };
}
