import { deriveSeed } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type KeepOptions, keep } from './keep.ts';

/** What is compared: trainings that differ in their pairs and order, and in nothing else. */
export type ArmName = 'selected' | 'full' | 'random' | 'hardest' | 'easiest-shuffled';

export interface ArmPlan {
  readonly name: ArmName;
  /** Ids in training order; shuffled anew with `shuffleSeed` where there is one. */
  readonly ids: readonly string[];
  /** null: the order is kept. */
  readonly shuffleSeed: number | null;
  readonly order: 'easy to hard' | 'as selected' | 'shuffled';
  readonly seed: number;
}

/**
 * The pairs and order of an arm. `selected` is the selection itself; the controls are `full` (all pairs),
 * `random` (as many pairs as selected, drawn anew for each seed), `hardest` (as many of the hardest) and
 * `easiest-shuffled` (as many of the easiest, without the curriculum); controls train in random order.
 */
export function planArm(
  name: ArmName,
  difficulties: readonly DifficultyRow[],
  selection: KeepOptions,
  seed: number,
): ArmPlan {
  const shuffleSeed = deriveSeed(seed, 'arm', name);
  const ids = (rows: readonly DifficultyRow[]) => rows.map(({ id }) => id);
  const control = (direction: KeepOptions['direction']): ArmPlan => ({
    name,
    ids: ids(keep(difficulties, { ...selection, direction, seed: shuffleSeed })),
    shuffleSeed,
    order: 'shuffled',
    seed,
  });
  switch (name) {
    case 'selected':
      return {
        name,
        ids: ids(keep(difficulties, selection)),
        shuffleSeed: null,
        order: selection.direction === 'random' ? 'as selected' : 'easy to hard',
        seed,
      };
    case 'full':
      return fullArm(ids(difficulties), seed);
    case 'random':
      return control('random');
    case 'hardest':
      return control('hardest');
    case 'easiest-shuffled':
      return control('easiest');
  }
}

/** The arm of all pairs, given in the order of the input; it needs no difficulty. */
export function fullArm(ids: readonly string[], seed: number): ArmPlan {
  return { name: 'full', ids, shuffleSeed: deriveSeed(seed, 'arm', 'full'), order: 'shuffled', seed };
}
