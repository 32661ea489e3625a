import { inputError } from '../base/errors.ts';
import { deriveSeed, Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { affordable, type PairTokens } from './budget.ts';
import { type KeepOptions, keep } from './keep.ts';
import { lengthStrata, type PairLengths, type Strata, stratumOf } from './strata.ts';

/** What is compared: trainings that differ in their pairs and order, and in nothing else. */
export type ArmName =
  | 'selected'
  | 'full'
  | 'random'
  | 'hardest'
  | 'easiest-shuffled'
  | 'length-matched'
  | 'shortest';

export interface ArmPlan {
  readonly name: ArmName;
  /** Ids in training order; shuffled anew with `shuffleSeed` where there is one. */
  readonly ids: readonly string[];
  /** null: the order is kept. */
  readonly shuffleSeed: number | null;
  readonly order: 'easy to hard' | 'as selected' | 'shuffled';
  readonly seed: number;
}

/** What is known of the pairs that arms are made from. */
export interface ArmInput {
  readonly difficulties: readonly DifficultyRow[];
  /** Of every pair, by id; for `length-matched` and `shortest`. */
  readonly lengths: ReadonlyMap<string, PairLengths>;
  /** Those that the selection was made within, or null. */
  readonly strata: Strata | null;
  /** Of every pair, by id; for a budget of tokens or money. */
  readonly tokens?: PairTokens;
}

/**
 * The pairs and order of an arm. `selected` is the selection itself; the controls are `full` (all pairs),
 * `random` (as many pairs as selected, drawn anew for each seed), `hardest` (as many of the hardest),
 * `easiest-shuffled` (as many of the easiest, without the curriculum), `length-matched` (as many at random, with
 * the selection's numbers in the bins of the length difference, see `lengthStrata`) and `shortest` (as many with the
 * shortest chosen completions; Gao et al. 2025, Fig. 12: "chosen length"). Controls train in random order. Where the
 * selection is made within strata, so are `random`, `hardest` and `easiest-shuffled`: they differ in difficulty, not
 * in what the strata hold. `length-matched` and `shortest` are drawn from all pairs.
 *
 * Controls have the selection's budget: as many pairs, or, where the budget is of tokens or money, as many of those
 * (`length-matched` has the selection's number of pairs either way). A band is the selection's alone: its controls
 * are drawn from all pairs, as many as lie in it.
 *
 * @throws inputError as `keep` does, and `no-length` for a pair whose lengths an arm needs and `lengths` lacks.
 */
export function planArm(name: ArmName, input: ArmInput, selection: KeepOptions, seed: number): ArmPlan {
  const { difficulties, strata, tokens } = input;
  const shuffleSeed = deriveSeed(seed, 'arm', name);
  const control = (rows: readonly DifficultyRow[]): ArmPlan => ({
    name,
    ids: idsOf(rows),
    shuffleSeed,
    order: 'shuffled',
    seed,
  });
  const selected = () => keep(difficulties, selection, strata, tokens);
  const kept = (direction: KeepOptions['direction']) => {
    const { band, ...free } = selection;
    const keepFraction = band === undefined ? free.keepFraction : selected().length / difficulties.length;
    return keep(difficulties, { ...free, keepFraction, direction, seed: shuffleSeed }, strata, tokens);
  };
  switch (name) {
    case 'selected':
      return {
        name,
        ids: idsOf(selected()),
        shuffleSeed: null,
        order: selection.direction === 'random' ? 'as selected' : 'easy to hard',
        seed,
      };
    case 'full':
      return fullArm(idsOf(difficulties), seed);
    case 'random':
      return control(kept('random'));
    case 'hardest':
      return control(kept('hardest'));
    case 'easiest-shuffled':
      return control(kept('easiest'));
    case 'length-matched':
      return control(lengthMatched(input, selected(), shuffleSeed));
    case 'shortest':
      return control(shortest(input, selection, selected().length));
  }
}

/** The arm of all pairs, given in the order of the input; it needs no difficulty. */
export function fullArm(ids: readonly string[], seed: number): ArmPlan {
  return { name: 'full', ids, shuffleSeed: deriveSeed(seed, 'arm', 'full'), order: 'shuffled', seed };
}

function idsOf(rows: readonly DifficultyRow[]): string[] {
  return rows.map(({ id }) => id);
}

/**
 * At random from all pairs, as many from each bin of the length difference as the selection has there. Selected pairs
 * may be drawn too, as in `random`: of a bin that the selection keeps whole there is nothing else to draw.
 */
function lengthMatched(
  { difficulties, lengths }: ArmInput,
  selected: readonly DifficultyRow[],
  seed: number,
): DifficultyRow[] {
  const bins = lengthStrata(new Map(difficulties.map(({ id }) => [id, lengthsOf(lengths, id)])));
  const wanted = new Map<string, number>();
  for (const { id } of selected) {
    const bin = stratumOf(bins, id);
    wanted.set(bin, 1 + (wanted.get(bin) ?? 0));
  }
  return new Random(seed, 'length-matched').shuffle(difficulties).filter(({ id }) => {
    const bin = stratumOf(bins, id);
    const left = wanted.get(bin) ?? 0;
    wanted.set(bin, left - 1);
    return left > 0;
  });
}

/** The pairs with the fewest tokens in the chosen completion; equal ones in the order of the input. */
function shortest(
  { difficulties, lengths, tokens = new Map() }: ArmInput,
  { budget }: KeepOptions,
  count: number,
): DifficultyRow[] {
  const order = difficulties
    .map((pair) => ({ pair, tokens: lengthsOf(lengths, pair.id).chosen }))
    .sort((a, b) => a.tokens - b.tokens || a.pair.row - b.pair.row)
    .map(({ pair }) => pair);
  if (budget === undefined || budget.unit === 'pairs') return order.slice(0, count);
  const paid = affordable(idsOf(order), budget, null, tokens);
  return order.filter(({ id }) => paid.has(id));
}

function lengthsOf(lengths: ArmInput['lengths'], id: string): PairLengths {
  const found = lengths.get(id);
  if (found !== undefined) return found;
  throw inputError('no-length', 'the lengths of a pair are not known', {
    got: id,
    need: 'tokens of the chosen and the rejected completion of every scored pair',
    remedy: 'Give the lengths of all pairs, or leave out the arms length-matched and shortest',
  });
}
