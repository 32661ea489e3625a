import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { aggregate } from '../difficulty/aggregate.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { keep, keptCount } from './keep.ts';

/** Pairs with these ranks, in the order of the input. */
const ranked = (ranks: readonly number[]): DifficultyRow[] =>
  ranks.map((rank, row) => ({ id: `pair-${row}`, row, difficulty: rank / 10, spread: null, n: 1, rank }));
const shuffledRanks = (count: number, seed = 0) =>
  new Random(seed, 'ranks').shuffle(Array.from({ length: count }, (_, i) => i + 1));
const ranksOf = (rows: readonly DifficultyRow[]) => rows.map(({ rank }) => rank);
const anyFraction = fc.double({ min: 0.001, max: 1, noNaN: true });

describe('how many are kept', () => {
  it.each([
    // In floating point 0.29·100 = 28.999999999999996 and 0.57·100 = 56.99999999999999.
    [100, 0.29, 29],
    [100, 0.57, 57],
    [10, 0.3, 3],
    [7, 0.5, 3],
    [3, 0.1, 1],
    [1, 0.5, 1],
    [5, 1, 5],
    // The paper's Fig. 11: int(n·t).
    [6668, 0.637, 4247],
    [6668, 0.712, 4747],
    [6668, 0.813, 5421],
  ])('of %i at τ = %f: %i', (pairs, keepFraction, count) => {
    expect(keptCount(pairs, keepFraction)).toBe(count);
  });

  it('is ⌊n·p/q⌋ for every τ that is a fraction p/q, and at least 1', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 1000 }), (pairs, perMille) => {
        // In whole numbers, without rounding.
        const exact = (pairs * perMille - ((pairs * perMille) % 1000)) / 1000;
        expect(keptCount(pairs, perMille / 1000)).toBe(Math.max(1, exact));
      }),
      { seed: 10 },
    );
  });
});

describe('keep', () => {
  it('easiest and hardest: the ends of the ranking, both from easy to hard', () => {
    const pairs = ranked([4, 1, 6, 3, 2, 5]);
    const options = { keepFraction: 0.5, seed: 1 };
    expect(ranksOf(keep(pairs, { ...options, direction: 'easiest' }))).toEqual([1, 2, 3]);
    expect(ranksOf(keep(pairs, { ...options, direction: 'hardest' }))).toEqual([4, 5, 6]);
    expect(keep(pairs, { ...options, direction: 'easiest' }).map(({ id }) => id)).toEqual([
      'pair-1',
      'pair-4',
      'pair-3',
    ]);
  });

  it('easiest and hardest are disjoint at τ ≤ ½, and cover all at τ = ½ of an even number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.double({ min: 0.001, max: 0.5, noNaN: true }),
        (count, keepFraction) => {
          const pairs = ranked(shuffledRanks(count));
          const easiest = ranksOf(keep(pairs, { keepFraction, direction: 'easiest', seed: 0 }));
          const hardest = ranksOf(keep(pairs, { keepFraction, direction: 'hardest', seed: 0 }));
          expect(new Set([...easiest, ...hardest]).size).toBe(2 * keptCount(count, keepFraction));
        },
      ),
      { seed: 11 },
    );
    const pairs = ranked(shuffledRanks(10));
    const halves = (['easiest', 'hardest'] as const).flatMap((direction) =>
      ranksOf(keep(pairs, { keepFraction: 0.5, direction, seed: 0 })),
    );
    expect(halves).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it.each(['easiest', 'hardest', 'random'] as const)(
    '%s: the right number, no pair twice, input untouched',
    (direction) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 60 }), anyFraction, fc.nat(), (count, keepFraction, seed) => {
          const pairs = Object.freeze(ranked(shuffledRanks(count)));
          const kept = keep(pairs, { keepFraction, direction, seed });
          expect(kept).toHaveLength(keptCount(count, keepFraction));
          expect(new Set(kept).size).toBe(kept.length);
          for (const row of kept) expect(pairs[row.row]).toBe(row);
          expect(keep(pairs, { keepFraction, direction, seed })).toEqual(kept);
        }),
        { seed: 12 },
      );
    },
  );

  it('random: differs with the seed, and every pair is as likely as another', () => {
    const pairs = ranked(shuffledRanks(20));
    const draws = Array.from({ length: 400 }, (_, seed) =>
      ranksOf(keep(pairs, { keepFraction: 0.25, direction: 'random', seed })),
    );
    expect(new Set(draws.map((draw) => draw.join())).size).toBeGreaterThan(395);
    // Training order is random as well: hardly any draw ascends (1/120 of them by chance).
    const ascending = draws.filter((draw) =>
      draw.every((rank, i) => i === 0 || rank > (draw[i - 1] as number)),
    );
    expect(ascending.length).toBeLessThan(20);
    // Each pair is in 400/4 = 100 draws, with a standard deviation of 8.7.
    for (const rank of shuffledRanks(20)) {
      const times = draws.filter((draw) => draw.includes(rank)).length;
      expect(Math.abs(times - 100)).toBeLessThan(44);
    }
  });

  it('has nothing to select from nothing', () => {
    expect.assertions(2);
    try {
      keep([], { keepFraction: 0.5, direction: 'easiest', seed: 0 });
    } catch (error) {
      expect(error).toBeInstanceOf(WinnowError);
      expect(error).toMatchObject({ kind: 'input', code: 'nothing-to-select' });
    }
  });
});

const PAPER = '../shared/data/selective_dpo_paper/curriculum-lens/';
// Fig. 11 of the paper, recomputed from its released scores: easy = the lowest int(n·t) of 6,668 for 3B / 7B / 14B.
const CUT = { '3b': 0.637, '7b': 0.712, '14b': 0.813 } as const;
type Size = keyof typeof CUT;

describe.skipIf(!existsSync(PAPER))('the released difficulties, cut (needs ../shared/data)', () => {
  function released(size: Size): DifficultyRow[] {
    const [, ...lines] = readFileSync(`${PAPER}qwen-2.5-${size}-argilla_learning_order.csv`, 'utf8')
      .trim()
      .split(/\r?\n/);
    return aggregate(
      lines.flatMap((line, row) => {
        const [id, ...cells] = line.split(',') as [string, ...string[]];
        return cells.slice(0, 15).map((loss, column) => ({
          id,
          row,
          part: 0,
          seed: Math.floor(column / 5),
          checkpoint: 1 + (column % 5),
          step: 1 + (column % 5),
          chosenLogProb: 0,
          rejectedLogProb: 0,
          refChosenLogProb: 0,
          refRejectedLogProb: 0,
          loss: Number(loss),
          evenTokenMargin: 0,
        }));
      }),
    );
  }
  const sizes: readonly Size[] = existsSync(PAPER) ? ['3b', '7b', '14b'] : [];
  const easy = new Map(
    sizes.map((size) => [
      size,
      new Set(
        keep(released(size), { keepFraction: CUT[size], direction: 'easiest', seed: 0 }).map(({ id }) => id),
      ),
    ]),
  );

  it.each([
    ['3b', '7b', 95.879, 72.119],
    ['3b', '14b', 98.046, 48.079],
    ['7b', '3b', 85.781, 90.89],
    ['7b', '14b', 99.368, 63.352],
    ['14b', '3b', 76.812, 93.344],
    ['14b', '7b', 87.014, 97.594],
  ] as const)(
    'Fig. 11, oracle %s, classifier %s: %f %% of easy, %f %% of difficult',
    (oracle, other, ofEasy, ofHard) => {
      const truth = easy.get(oracle) as ReadonlySet<string>;
      const called = easy.get(other) as ReadonlySet<string>;
      expect(truth.size).toBe(Math.trunc(6668 * CUT[oracle]));
      const both = [...truth].filter((id) => called.has(id)).length;
      const neither = 6668 - truth.size - called.size + both;
      expect(Math.abs((100 * both) / truth.size - ofEasy)).toBeLessThan(1e-3);
      expect(Math.abs((100 * neither) / (6668 - truth.size) - ofHard)).toBeLessThan(1e-3);
    },
  );
});
