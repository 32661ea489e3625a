import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aggregate, meanBy } from './aggregate.ts';
import type { DifficultyRow, ScoreRow } from './scores.ts';

const score = (row: number, loss: number, seed = 1, checkpoint = 1): ScoreRow => ({
  id: `pair-${row}`,
  row,
  part: 0,
  seed,
  checkpoint,
  step: checkpoint,
  chosenLogProb: 0,
  rejectedLogProb: 0,
  refChosenLogProb: 0,
  refRejectedLogProb: 0,
  loss,
  evenTokenMargin: 0,
});

/** Scores of a full grid: pairs × seeds × checkpoints, with many equal losses; rows with gaps, in any order. */
const grids = fc
  .record({
    rows: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 12 }),
    seeds: fc.integer({ min: 1, max: 3 }),
    checkpoints: fc.integer({ min: 1, max: 3 }),
  })
  .chain(({ rows, seeds, checkpoints }) =>
    fc
      .array(fc.integer({ min: 0, max: 5 }), {
        minLength: rows.length * seeds * checkpoints,
        maxLength: rows.length * seeds * checkpoints,
      })
      .map((losses) =>
        losses.map((loss, i) => {
          const place = Math.floor(i / (seeds * checkpoints));
          const within = i % (seeds * checkpoints);
          return score(rows[place] as number, loss / 4, within % seeds, 1 + Math.floor(within / seeds));
        }),
      ),
  );

describe('aggregate', () => {
  it('is the plain mean over seeds and checkpoints, with the spread of the seeds', () => {
    const rows = aggregate([
      score(4, 1, 1, 1),
      score(4, 2, 1, 2),
      score(4, 5, 2, 1),
      score(4, 6, 2, 2),
      score(2, 0.5, 1, 1),
      score(2, 0.5, 1, 2),
      score(2, 0.1, 2, 1),
      score(2, 0.1, 2, 2),
    ]);
    expect(rows.map(({ id, row, n, rank }) => [id, row, n, rank])).toEqual([
      ['pair-2', 2, 4, 1],
      ['pair-4', 4, 4, 2],
    ]);
    // Seed means 1.5 and 5.5, 0.5 and 0.1: their deviations are |a − b| / √2.
    expect(rows[1]?.difficulty).toBe(3.5);
    expect(rows[1]?.spread).toBeCloseTo(4 / Math.SQRT2, 12);
    expect(rows[0]?.difficulty).toBeCloseTo(0.3, 12);
    expect(rows[0]?.spread).toBeCloseTo(0.4 / Math.SQRT2, 12);
  });

  it('is a mean over all losses, not of the seeds’ means, where the seeds have unequal numbers', () => {
    const [row] = aggregate([score(0, 0, 1, 1), score(0, 0, 1, 2), score(0, 3, 2, 1)]);
    expect(row).toMatchObject({ difficulty: 1, n: 3 });
  });

  it('takes the spread over checkpoints where there is one seed, and none of one loss', () => {
    expect(aggregate([score(0, 1, 1, 1), score(0, 2, 1, 2), score(0, 3, 1, 3)])[0]?.spread).toBe(1);
    expect(aggregate([score(0, 1)])[0]).toEqual({
      id: 'pair-0',
      row: 0,
      difficulty: 1,
      spread: null,
      n: 1,
      rank: 1,
    });
    expect(aggregate([])).toEqual([]);
  });

  it('ranks are a permutation, ascending in difficulty, ties by row; rows come in the order of the input', () => {
    fc.assert(
      fc.property(
        grids.chain((grid) => fc.shuffledSubarray(grid, { minLength: grid.length })),
        (scores) => {
          const rows = aggregate(scores);
          expect(rows.map(({ row }) => row)).toEqual(
            [...new Set(scores.map(({ row }) => row))].sort((a, b) => a - b),
          );
          const ranked = [...rows].sort((a, b) => a.rank - b.rank);
          expect(ranked.map(({ rank }) => rank)).toEqual(rows.map((_, i) => i + 1));
          ranked.slice(1).forEach((harder, i) => {
            const easier = ranked[i] as DifficultyRow;
            expect(
              easier.difficulty < harder.difficulty ||
                (easier.difficulty === harder.difficulty && easier.row < harder.row),
            ).toBe(true);
          });
          for (const { id, difficulty, n } of rows) {
            const losses = scores.filter((item) => item.id === id).map(({ loss }) => loss);
            expect(n).toBe(losses.length);
            expect(difficulty).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / n, 12);
          }
        },
      ),
      { seed: 4 },
    );
  });

  it('pairs that share a prompt keep scores of their own: what is averaged is named by the pair’s id', () => {
    const rows = aggregate([score(0, 0.2), score(1, 1.4)]);
    expect(rows.map(({ difficulty }) => difficulty)).toEqual([0.2, 1.4]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, null as unknown as number])(
    'refuses a loss of %s: it would get a rank',
    (loss) => {
      expect(() => aggregate([score(0, 0.5), score(7, loss), score(8, 0.1)])).toThrow(/row 7/);
    },
  );

  it('meanBy averages by any key', () => {
    const scores = [score(0, 1, 1), score(1, 3, 1), score(0, 10, 2)];
    expect([...meanBy(scores, ({ seed }) => seed)]).toEqual([
      [1, 2],
      [2, 10],
    ]);
  });
});

const PAPER = '../shared/data/selective_dpo_paper/curriculum-lens/';
const SIZES = ['0.5b', '3b', '7b', '14b'] as const;

describe.skipIf(!existsSync(PAPER))('the released difficulties (needs ../shared/data)', () => {
  /** The published table of a size, and its 15 loss columns as score rows in the order of the table. */
  function released(size: string): { ids: string[]; learningOrder: number[]; scores: ScoreRow[] } {
    const [head, ...lines] = readFileSync(`${PAPER}qwen-2.5-${size}-argilla_learning_order.csv`, 'utf8')
      .trim()
      .split(/\r?\n/)
      .map((line) => line.split(','));
    const columns = (head as string[]).flatMap((name, column) => {
      const match = /^loss_step(\d+)_seed(\d+)$/.exec(name);
      return match === null
        ? []
        : [{ column, checkpoint: Number(match[1]) + 1, seed: Number(match[2]), step: Number(match[1]) }];
    });
    return {
      ids: lines.map((cells) => cells[0] as string),
      learningOrder: lines.map((cells) => Number(cells.at(-1))),
      scores: lines.flatMap((cells, row) =>
        columns.map(({ column, checkpoint, seed }) => ({
          ...score(row, Number(cells[column]), seed, checkpoint),
          id: cells[0] as string,
        })),
      ),
    };
  }

  it.each(SIZES)('%s: learning_order is what aggregate gives of the 15 columns', (size) => {
    const { ids, learningOrder, scores } = released(size);
    expect(scores).toHaveLength(15 * 6668);
    const rows = aggregate(scores);
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(rows.every(({ n }) => n === 15)).toBe(true);
    const error = rows.reduce(
      (most, { difficulty }, i) => Math.max(most, Math.abs(difficulty - (learningOrder[i] as number))),
      0,
    );
    expect(error).toBeLessThan(1e-12);
    expect(rows.map(({ rank }) => rank).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i + 1));
  });

  it('the raw record of one scoring run agrees with its column', () => {
    const { scores } = released('0.5b');
    const record = `${PAPER}learning_record/qwen-2.5-0.5b-argilla/seed42_step04.csv.gz`;
    const raw = new Map<string, number>();
    for (const line of gunzipSync(readFileSync(record)).toString('utf8').trim().split(/\r?\n/)) {
      const [id, loss] = line.split(',') as [string, string];
      // The released code keeps the first of rows that share an id.
      if (!raw.has(id)) raw.set(id, Number(loss));
    }
    expect(raw.size).toBe(6668);
    const column = scores.filter(({ seed, checkpoint }) => seed === 42 && checkpoint === 5);
    const means = meanBy(column, ({ id }) => id);
    for (const [id, loss] of raw) expect(means.get(id)).toBeCloseTo(loss, 12);
  });
});
