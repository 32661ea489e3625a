import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';

/** What the plan needs of a pair: its id, and a key that its duplicates share. */
export interface CrossFitItem {
  readonly id: string;
  readonly duplicateKey: string;
}

/**
 * One DPO training whose only purpose is to score: it sees the pairs outside its part and scores those inside.
 * (The paper calls it a reference model; it is never π_ref.)
 */
export interface ScoringRun {
  /** Seed of the split and of the training; repeats r = 0, 1, … have consecutive seeds. */
  readonly seed: number;
  /** 0 … folds − 1. */
  readonly part: number;
  /** Places in the list of pairs, ascending. */
  readonly trainOn: readonly number[];
  readonly score: readonly number[];
}

export interface CrossFitOptions {
  readonly folds: number;
  readonly seeds: number;
  /** Of the first repeat. */
  readonly firstSeed: number;
}

/**
 * Cross-fit: for each seed the pairs are shuffled and cut into `folds` parts of equal size (to within one group of
 * duplicates); each part is scored by a run trained on the others. So every pair is scored exactly once a seed, by
 * a model that saw neither it nor a duplicate of it.
 * *Reference:* Gao et al. 2025, Algorithm 1, lines 3–8 (2 folds, 3 seeds).
 * @throws input error with fewer groups than folds.
 */
export function crossFitPlan(items: readonly CrossFitItem[], options: CrossFitOptions): ScoringRun[] {
  if (!Number.isInteger(options.folds) || options.folds < 2)
    throw inputError('bad-folds', 'a cross-fit needs at least two parts', { got: options.folds });
  const groups = new Map<string, number[]>();
  items.forEach((item, place) => {
    const group = groups.get(item.duplicateKey);
    if (group === undefined) groups.set(item.duplicateKey, [place]);
    else group.push(place);
  });
  if (groups.size < options.folds)
    throw inputError('too-few-pairs', 'there are fewer distinct pairs than parts to cut them into', {
      got: groups.size,
      need: options.folds,
      remedy: 'Give more pairs, or lower difficulty.folds',
    });
  return Array.from({ length: options.seeds }, (_, repeat) => {
    const seed = options.firstSeed + repeat;
    const parts: number[][] = Array.from({ length: options.folds }, () => []);
    for (const group of new Random(seed, 'cross-fit').shuffle([...groups.values()])) {
      const smallest = parts.reduce((best, part) => (part.length < best.length ? part : best));
      for (const place of group) smallest.push(place);
    }
    return parts.map((part, index): ScoringRun => {
      const inside = new Set(part);
      return {
        seed,
        part: index,
        trainOn: items.flatMap((_, place) => (inside.has(place) ? [] : [place])),
        score: [...inside].sort((a, b) => a - b),
      };
    });
  }).flat();
}
