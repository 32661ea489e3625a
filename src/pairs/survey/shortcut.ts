import { Random } from '../../base/random.ts';
import { type Auc, auc } from '../../stats/auc.ts';
import { ridgeLogistic } from '../../stats/ridge-logistic.ts';
import { FEATURES, LENGTH } from './features.ts';

/** How well a label can be told without reading the answers. */
export interface Shortcut {
  /** Pairs that the test rests on: all, or so many drawn. */
  readonly pairs: number;
  /** By the difference of lengths alone, the longer one taken: ½ says nothing, below it the shorter is preferred. */
  readonly length: Auc | null;
  /** By all features together, each fold told by the others; at least about ½. null with fewer than five prompts. */
  readonly all: Auc | null;
  /** Each feature alone, in the order of FEATURES, as for length. */
  readonly alone: readonly (Auc | null)[];
  /** Weights of the standardised differences, in the order of FEATURES; null where there is no fit. */
  readonly weights: readonly number[] | null;
}

const FOLDS = 5;
/** More pairs than this are not looked at: the error of an AUC is then below half a point. */
export const MOST_PAIRS = 20_000;
const PENALTY = 1;

/**
 * AUC of telling chosen from rejected by differences of features d = f(chosen) − f(rejected), each pair seen from both
 * sides (d as a positive, −d as a negative), so that nothing depends on the order of the two. All features: logistic
 * regression without intercept on the standardised d, ridge λ = 1, in five folds that keep a prompt together. Errors
 * take the pairs of one prompt together (DeLong's, by clusters). Relabelling all pairs mirrors the single features and
 * leaves the value of all as it is.
 *
 * `differences` holds a row of FEATURES.length numbers for each pair, `prompts` a number for each prompt. n = 0 gives
 * nulls; a feature that never differs gives ½ without an interval.
 */
export function shortcutTest(differences: Float32Array, prompts: ArrayLike<number>, seed: number): Shortcut {
  const width = FEATURES.length;
  const n = prompts.length;
  const places = Array.from({ length: n }, (_, i) => i);
  const drawn =
    n <= MOST_PAIRS
      ? places
      : new Random(seed, 'shortcut')
          .shuffle(places)
          .slice(0, MOST_PAIRS)
          .sort((a, b) => a - b);
  const clusters = drawn.map((place) => prompts[place] as number);
  const column = (k: number) => drawn.map((place) => differences[place * width + k] as number);
  const columns = FEATURES.map((_, k) => column(k));
  const alone = columns.map((values) => bothSides(values, clusters));
  const fit = fitted(columns, clusters, seed);
  return {
    pairs: drawn.length,
    length: alone[LENGTH] as Auc | null,
    all: fit === null ? null : bothSides(fit.scores, clusters),
    alone,
    weights: fit?.weights ?? null,
  };
}

function bothSides(scores: readonly number[], clusters: readonly number[]): Auc | null {
  if (scores.length === 0) return null;
  return auc(
    [...scores, ...scores.map((score) => -score)],
    [...scores.map(() => true), ...scores.map(() => false)],
    { clusters: [...clusters, ...clusters] },
  );
}

/** Scores of each pair by the other folds, and the weights of all. */
function fitted(
  columns: readonly (readonly number[])[],
  clusters: readonly number[],
  seed: number,
): { readonly scores: readonly number[]; readonly weights: readonly number[] } | null {
  const names = [...new Set(clusters)];
  if (names.length < FOLDS) return null;
  const order = new Random(seed, 'shortcut folds').shuffle(names);
  const foldOf = new Map(order.map((name, i) => [name, i % FOLDS]));
  const folds = clusters.map((name) => foldOf.get(name) as number);
  const scores = clusters.map(() => 0);
  for (let fold = 0; fold < FOLDS; fold++) {
    const model = weightsOn(
      columns,
      folds.map((own) => own !== fold),
    );
    if (model === null) return null;
    for (const [i, own] of folds.entries())
      if (own === fold)
        scores[i] = model.weights.reduce(
          (sum, weight, k) => sum + (weight * (columns[k]?.[i] as number)) / (model.scales[k] as number),
          0,
        );
  }
  const whole = weightsOn(
    columns,
    folds.map(() => true),
  );
  return whole === null ? null : { scores, weights: whole.weights };
}

/** Differences are standardised by their root mean square: no mean is taken off, so that both sides stay alike. */
function weightsOn(columns: readonly (readonly number[])[], used: readonly boolean[]) {
  const places = used.flatMap((is, i) => (is ? [i] : []));
  const scales = columns.map((values) => {
    const square =
      places.reduce((sum, i) => sum + (values[i] as number) ** 2, 0) / Math.max(1, places.length);
    return square > 0 ? Math.sqrt(square) : 1;
  });
  const width = columns.length;
  const values = new Float64Array(places.length * width);
  for (const [row, i] of places.entries())
    for (let k = 0; k < width; k++)
      values[row * width + k] = (columns[k]?.[i] as number) / (scales[k] as number);
  const rows = {
    width,
    starts: Int32Array.from({ length: places.length + 1 }, (_, i) => i * width),
    columns: Int32Array.from({ length: places.length * width }, (_, i) => i % width),
    values,
  };
  const ones = new Float64Array(places.length).fill(1);
  const { coefficients } = ridgeLogistic(rows, ones, ones, { penalty: PENALTY });
  return coefficients === null ? null : { weights: [...coefficients], scales };
}
