import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type ArmInput, type ArmName, planArm } from './arms.ts';
import { type KeepOptions, keep, keptCount } from './keep.ts';
import { lengthStrata, metaStrata } from './strata.ts';

const PAIRS: readonly DifficultyRow[] = new Random(1, 'ranks')
  .shuffle(Array.from({ length: 21 }, (_, i) => i + 1))
  .map((rank, row) => ({ id: `pair-${row}`, row, difficulty: rank / 10, spread: null, n: 1, rank }));
const SELECTION: KeepOptions = { keepFraction: 0.4, direction: 'easiest', seed: 5 };
const ALL: readonly ArmName[] = [
  'selected',
  'full',
  'random',
  'hardest',
  'easiest-shuffled',
  'length-matched',
  'shortest',
];

/** Hard pairs have a longer chosen completion. */
const lengthsOf = (pairs: readonly DifficultyRow[]) =>
  new Map(pairs.map(({ id, rank }) => [id, { chosen: 5 + Math.floor(rank / 2), rejected: 9 }]));
const INPUT: ArmInput = { difficulties: PAIRS, lengths: lengthsOf(PAIRS), strata: null };
const plan = (name: ArmName, seed = 3, selection = SELECTION, input = INPUT) =>
  planArm(name, input, selection, seed);
const ranksOf = (ids: readonly string[]) => ids.map((id) => PAIRS[Number(id.slice(5))]?.rank);
const sorted = (ids: readonly string[]) => [...ids].sort();

describe('arms', () => {
  it('selected: the selection in its order, never shuffled, the same under every training seed', () => {
    const arm = plan('selected');
    expect(ranksOf(arm.ids)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(arm).toMatchObject({ name: 'selected', shuffleSeed: null, order: 'easy to hard', seed: 3 });
    expect(plan('selected', 4).ids).toEqual(arm.ids);
  });

  it('selected follows the selection’s direction', () => {
    const hardest = plan('selected', 3, { ...SELECTION, direction: 'hardest' });
    expect(ranksOf(hardest.ids)).toEqual([14, 15, 16, 17, 18, 19, 20, 21]);
    expect(hardest.order).toBe('easy to hard');
    const random = plan('selected', 3, { ...SELECTION, direction: 'random' });
    expect(random).toMatchObject({ order: 'as selected', shuffleSeed: null });
    expect(random.ids).not.toEqual(plan('selected', 3, { ...SELECTION, direction: 'random', seed: 6 }).ids);
  });

  it('full holds every pair once', () => {
    expect(sorted(plan('full').ids)).toEqual(sorted(PAIRS.map(({ id }) => id)));
    expect(plan('full').order).toBe('shuffled');
  });

  it('hardest and easiest-shuffled are the ends of the ranking; easiest-shuffled holds what selected holds', () => {
    expect(sorted(plan('easiest-shuffled').ids)).toEqual(sorted(plan('selected').ids));
    expect(new Set(ranksOf(plan('hardest').ids))).toEqual(new Set([14, 15, 16, 17, 18, 19, 20, 21]));
  });

  it('controls do not depend on the selection’s direction', () => {
    for (const name of ['full', 'random', 'hardest', 'easiest-shuffled'] as const)
      expect(plan(name, 3, { ...SELECTION, direction: 'hardest' })).toEqual(plan(name));
  });

  it.each([0.05, 0.4, 0.5, 1])('all but full have the same budget at τ = %f', (keepFraction) => {
    const selection = { ...SELECTION, keepFraction };
    for (const name of ALL.filter((arm) => arm !== 'full')) {
      const { ids } = plan(name, 3, selection);
      expect(ids).toHaveLength(keptCount(PAIRS.length, keepFraction));
      expect(new Set(ids).size).toBe(ids.length);
    }
    expect(plan('full', 3, selection).ids).toHaveLength(PAIRS.length);
  });

  it('random is drawn anew for each seed, and reproducible', () => {
    const draws = Array.from({ length: 30 }, (_, seed) => sorted(plan('random', seed).ids).join());
    expect(new Set(draws).size).toBe(30);
    expect(plan('random')).toEqual(plan('random'));
    // It is not the selection's own random draw, which has another purpose and the seed of the selection.
    expect(plan('random', 5).ids).not.toEqual(
      plan('selected', 5, { ...SELECTION, direction: 'random', seed: 5 }).ids,
    );
  });

  describe('that know of lengths', () => {
    const many = new Random(2, 'ranks')
      .shuffle(Array.from({ length: 200 }, (_, i) => i + 1))
      .map((rank, row) => ({ id: `pair-${row}`, row, difficulty: rank / 10, spread: null, n: 1, rank }));
    const lengths = lengthsOf(many);
    const input: ArmInput = { difficulties: many, lengths, strata: null };
    const bins = lengthStrata(lengths);
    const countsOf = (ids: readonly string[]) => {
      const counts: Record<string, number> = {};
      for (const id of ids) counts[bins.get(id) as string] = 1 + (counts[bins.get(id) as string] ?? 0);
      return counts;
    };

    it('length-matched: the selection’s numbers in the bins of the length difference, other pairs', () => {
      // Difficulty and length have little to do with each other here.
      const noisy = new Map(many.map(({ id, rank, row }) => [id, { chosen: rank % 50, rejected: row % 7 }]));
      const other = { ...input, lengths: noisy };
      const selection = { ...SELECTION, keepFraction: 0.3 };
      const selected = plan('selected', 3, selection, other).ids;
      const draws = [1, 2, 3].map((seed) => plan('length-matched', seed, selection, other));
      const noisyBins = lengthStrata(noisy);
      expect(new Set(noisyBins.values()).size).toBe(10);
      const numbers = (ids: readonly string[]) => sorted(ids.map((id) => noisyBins.get(id) as string));
      for (const { ids, order, shuffleSeed } of draws) {
        expect(numbers(ids)).toEqual(numbers(selected));
        expect(new Set(ids).size).toBe(selected.length);
        expect(order).toBe('shuffled');
        expect(shuffleSeed).not.toBeNull();
        // By chance three in ten of those drawn are selected ones.
        expect(ids.filter((id) => selected.includes(id)).length / ids.length).toBeLessThan(0.6);
      }
      expect(new Set(draws.map(({ ids }) => sorted(ids).join())).size).toBe(3);
      expect(plan('length-matched', 1, selection, other)).toEqual(draws[0]);
    });

    it('length-matched: where length and difficulty are one, it is the selection but for the bin of the cut', () => {
      const selection = { ...SELECTION, keepFraction: 0.5 };
      const matched = plan('length-matched', 3, selection, input).ids;
      expect(countsOf(matched)).toEqual(countsOf(plan('selected', 3, selection, input).ids));
      const selected = new Set(plan('selected', 3, selection, input).ids);
      expect(matched.filter((id) => !selected.has(id)).length).toBeLessThanOrEqual(1);
    });

    it('shortest: the fewest tokens of the chosen completion, equal ones by row', () => {
      const ids = plan('shortest', 3, SELECTION, input).ids;
      const byLength = [...many].sort(
        (a, b) => Math.floor(a.rank / 2) - Math.floor(b.rank / 2) || a.row - b.row,
      );
      expect(sorted(ids)).toEqual(sorted(byLength.slice(0, 80).map(({ id }) => id)));
      expect(plan('shortest', 4, SELECTION, input).ids).toEqual(ids);
    });

    it('need the lengths of every pair', () => {
      for (const name of ['length-matched', 'shortest'] as const)
        expect(() => plan(name, 3, SELECTION, { ...input, lengths: new Map() })).toThrow(
          expect.objectContaining({ kind: 'input', code: 'no-length' }),
        );
    });
  });

  it('within strata selected, random, hardest and easiest-shuffled hold the same share of each', () => {
    const strata = metaStrata(
      PAIRS.map(({ id, row, rank }) => ({ id, row, meta: { source: rank <= 15 ? 'easy' : 'hard' } })),
      'source',
    );
    const input = { ...INPUT, strata };
    for (const name of ['selected', 'random', 'hardest', 'easiest-shuffled'] as const) {
      const ranks = ranksOf(plan(name, 3, SELECTION, input).ids) as number[];
      // ⌊0.4 · 21⌋ = 8 in all; of 15 and 6 these are 5.71 and 2.29.
      expect(ranks.filter((rank) => rank <= 15)).toHaveLength(6);
      expect(ranks).toHaveLength(8);
    }
    const { ids, order } = plan('selected', 3, SELECTION, input);
    expect(ranksOf(ids)).toEqual([1, 2, 3, 4, 5, 6, 16, 17]);
    expect(order).toBe('easy to hard');
    expect(ids).toEqual(keep(PAIRS, SELECTION, strata).map(({ id }) => id));
    expect(sorted(plan('easiest-shuffled', 3, SELECTION, input).ids)).toEqual(sorted(ids));
    expect(sorted(ranksOf(plan('hardest', 3, SELECTION, input).ids).map(String))).toEqual(
      sorted(['10', '11', '12', '13', '14', '15', '20', '21']),
    );
  });

  it('every control is shuffled under a seed of its own: by arm and by training seed', () => {
    const controls = ALL.filter((name) => name !== 'selected');
    const seeds = [0, 1, 2].flatMap((seed) => controls.map((name) => plan(name, seed).shuffleSeed));
    expect(seeds).not.toContain(null);
    expect(new Set(seeds).size).toBe(seeds.length);
  });
});
