import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type ArmName, planArm } from './arms.ts';
import { type KeepOptions, keptCount } from './keep.ts';

const PAIRS: readonly DifficultyRow[] = new Random(1, 'ranks')
  .shuffle(Array.from({ length: 21 }, (_, i) => i + 1))
  .map((rank, row) => ({ id: `pair-${row}`, row, difficulty: rank / 10, spread: null, n: 1, rank }));
const SELECTION: KeepOptions = { keepFraction: 0.4, direction: 'easiest', seed: 5 };
const ALL: readonly ArmName[] = ['selected', 'full', 'random', 'hardest', 'easiest-shuffled'];

const plan = (name: ArmName, seed = 3, selection = SELECTION) => planArm(name, PAIRS, selection, seed);
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

  it('every control is shuffled under a seed of its own: by arm and by training seed', () => {
    const controls = ALL.filter((name) => name !== 'selected');
    const seeds = [0, 1, 2].flatMap((seed) => controls.map((name) => plan(name, seed).shuffleSeed));
    expect(seeds).not.toContain(null);
    expect(new Set(seeds).size).toBe(seeds.length);
  });
});
