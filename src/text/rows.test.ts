import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  packRows,
  type RowBatch,
  rowLength,
  rowSegments,
  type SharedPromptRow,
  UNSEEN,
  wholeRows,
} from './rows.ts';

const tokens = fc
  .array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 6 })
  .map((ids) => Int32Array.from(ids));
const sharedRows = fc.array(
  fc.record({ prompt: tokens, completions: fc.array(tokens, { minLength: 1, maxLength: 3 }) }),
  { minLength: 1, maxLength: 4 },
);

/** One token of a packed row, told from the definition: whose it is, and what came before it in its own text. */
interface Slot {
  readonly token: number;
  /** −1 for the prompt, −2 for padding. */
  readonly completion: number;
  /** Place in `prompt + completion`. */
  readonly place: number;
}

/** Slow and plain: lists every token of a row, then asks of every couple whether one may see the other. */
function slowly(row: SharedPromptRow, length: number) {
  const slots: Slot[] = [...row.prompt].map((token, place) => ({ token, completion: -1, place }));
  row.completions.forEach((completion, which) => {
    [...completion].slice(0, -1).forEach((token, t) => {
      slots.push({ token, completion: which, place: row.prompt.length + t });
    });
  });
  while (slots.length < length) slots.push({ token: 0, completion: -2, place: 0 });
  const sees = (query: Slot, key: Slot) =>
    query.completion === -2
      ? query === key
      : key.completion === -1
        ? key.place <= query.place
        : key.completion === query.completion && key.place <= query.place;
  return { slots, visible: slots.map((query) => slots.map((key) => sees(query, key))) };
}

const couples = fc.array(
  fc.record({ prompt: tokens, completions: fc.array(tokens, { minLength: 2, maxLength: 2 }) }),
  { minLength: 1, maxLength: 4 },
);

/** The places in its row that the token at `at` (index into B·T) sees, by the masks' definition. */
function placesSeen({ segments, masks, length }: RowBatch, at: number): number[] {
  const [row, query] = [Math.floor(at / length), at % length];
  let start = 0;
  let i = 0;
  while (query >= start + (segments[i] as number)) start += segments[i++] as number;
  const own = segments[i] as number;
  const first = segments[0] as number;
  const places = [
    ...(i === 0 ? [] : Array.from({ length: first }, (_, k) => k)),
    ...Array.from({ length: own }, (_, k) => start + k),
  ];
  const line = (row * own + query - start) * places.length;
  return places.filter((_, k) => (masks[i] as Float32Array)[line + k] === 0);
}

describe('packed rows', () => {
  it('prompt | first | second, by hand', () => {
    const batch = packRows([
      { prompt: Int32Array.of(7, 8), completions: [Int32Array.of(11, 12, 13), Int32Array.of(21, 22)] },
      { prompt: Int32Array.of(9), completions: [Int32Array.of(31)] },
    ]);
    expect([batch.rows, batch.length, batch.completions, batch.positionCount]).toEqual([2, 5, 3, 4]);
    // The last token of a completion predicts nothing and takes no place.
    expect([...batch.ids].map(Number)).toEqual([7, 8, 11, 12, 21, 9, 0, 0, 0, 0]);
    expect([...batch.positions].map(Number)).toEqual([0, 1, 2, 3, 2, 0, 0, 0, 0, 0]);
    expect([...batch.predictions.at]).toEqual([1, 2, 3, 1, 4, 5]);
    expect([...batch.predictions.target].map(Number)).toEqual([11, 12, 13, 21, 22, 31]);
    expect([...batch.predictions.completion]).toEqual([0, 0, 0, 1, 1, 2]);
    const seen = Array.from({ length: 10 }, (_, query) =>
      [...(batch.masks[0] as Float32Array).subarray(5 * query, 5 * query + 5)]
        .map((value) => (value === 0 ? 'x' : '.'))
        .join(''),
    );
    expect(seen).toEqual([
      'x....',
      'xx...',
      'xxx..',
      'xxxx.',
      // The second completion sees the prompt, not the first.
      'xx..x',
      'x....',
      '.x...',
      '..x..',
      '...x.',
      '....x',
    ]);
  });

  it('agrees with a slow construction: tokens, positions, and who sees whom', () => {
    fc.assert(
      fc.property(sharedRows, (rows) => {
        const batch = packRows(rows);
        const plain = batch.masks[0] as Float32Array;
        expect(batch.rows).toBe(rows.length);
        expect(batch.length).toBe(Math.max(...rows.map(rowLength)));
        let largest = 0;
        rows.forEach((row, r) => {
          const { slots, visible } = slowly(row, batch.length);
          expect(slots).toHaveLength(batch.length);
          slots.forEach(({ token, place }, q) => {
            const at = r * batch.length + q;
            expect(Number(batch.ids[at])).toBe(token);
            expect(Number(batch.positions[at])).toBe(place);
            largest = Math.max(largest, place);
            const allowed = [...plain.subarray(at * batch.length, (at + 1) * batch.length)];
            expect(allowed).toEqual(visible[q]?.map((sees) => (sees ? 0 : Math.fround(UNSEEN))));
          });
        });
        expect(batch.positionCount).toBe(largest + 1);
      }),
      { seed: 20 },
    );
  });

  it.each([
    ['whole', sharedRows],
    ['whole of three', couples],
    ['apart', couples],
  ])(
    'what a prediction can see is exactly its prompt and its completion so far, in order (%s)',
    (kind, some) => {
      fc.assert(
        fc.property(some, (rows) => {
          const segments =
            kind === 'apart' ? (rowSegments(rows) as number[]) : wholeRows(rows, kind === 'whole' ? 1 : 3);
          const batch = packRows(rows, segments, kind === 'apart');
          const { predictions, ids, positions, length, completions } = batch;
          expect(batch.segments).toHaveLength(kind === 'whole' ? 1 : 3);
          const wanted = rows.flatMap(({ prompt, completions: texts }) =>
            texts.map((text) => ({ prompt, text })),
          );
          expect(completions).toBe(wanted.length);
          let n = 0;
          wanted.forEach(({ prompt, text }, completion) => {
            text.forEach((target, t) => {
              const at = predictions.at[n] as number;
              const base = Math.floor(at / length) * length;
              const seen = placesSeen(batch, at)
                .map((place) => ({
                  token: Number(ids[base + place]),
                  position: Number(positions[base + place]),
                }))
                .sort((a, b) => a.position - b.position);
              // Distinct positions 0, 1, …: what a row of its own would hold.
              expect(seen.map(({ position }) => position)).toEqual(seen.map((_, place) => place));
              expect(seen.map(({ token }) => token)).toEqual([...prompt, ...text.slice(0, t)]);
              expect(Number(predictions.target[n])).toBe(target);
              expect(predictions.completion[n]).toBe(completion);
              n++;
            });
          });
          expect(
            [predictions.at, predictions.target, predictions.completion].map(({ length }) => length),
          ).toEqual([n, n, n]);
        }),
        { seed: 21 },
      );
    },
  );

  it('a token that is not seen weighs nothing, and a row of unseen tokens is no NaN', () => {
    expect(Math.exp(UNSEEN)).toBe(0);
    expect(Number.isFinite(Math.fround(UNSEEN))).toBe(true);
    expect(Math.fround(UNSEEN) - Math.fround(UNSEEN)).toBe(0);
  });

  it('refuses a prompt or a completion without tokens', () => {
    const some = Int32Array.of(1);
    const none = new Int32Array();
    expect(() => packRows([{ prompt: none, completions: [some] }])).toThrow(
      /packRows: a prompt without tokens/,
    );
    expect(() => packRows([{ prompt: some, completions: [some, none] }])).toThrow(
      /packRows: a completion without tokens/,
    );
  });
});
