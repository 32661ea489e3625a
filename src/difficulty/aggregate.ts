import { machineError } from '../base/errors.ts';
import type { DifficultyRow, ScoreRow } from './scores.ts';

/**
 * Difficulty of every scored pair: the plain mean of its validation losses over seeds and checkpoints.
 * One checkpoint is the paper's Algorithm 1; the released code averages five (`make_curricula.py`).
 * Rows come out in the order of the input file.
 */
export function aggregate(scores: readonly ScoreRow[]): DifficultyRow[] {
  const byPair = new Map<string, ScoreRow[]>();
  for (const score of scores) {
    if (!Number.isFinite(score.loss))
      throw machineError('bad-score', 'a validation loss is not a finite number', {
        row: score.row,
        got: String(score.loss),
      });
    const rows = byPair.get(score.id);
    if (rows === undefined) byPair.set(score.id, [score]);
    else rows.push(score);
  }
  const unranked = [...byPair.values()]
    .map((rows) => {
      const { id, row } = rows[0] as ScoreRow;
      const losses = rows.map((score) => score.loss);
      const perSeed = [...meanBy(rows, (score) => score.seed).values()];
      return {
        id,
        row,
        difficulty: mean(losses),
        spread: deviation(perSeed.length > 1 ? perSeed : losses),
        n: losses.length,
      };
    })
    .sort((a, b) => a.row - b.row);
  return ranked(unranked);
}

/** With ranks: 1 is the easiest, equal difficulties in the order of the input. */
export function ranked(unranked: readonly Omit<DifficultyRow, 'rank'>[]): DifficultyRow[] {
  const ranks = new Map(
    [...unranked]
      .sort((a, b) => a.difficulty - b.difficulty || a.row - b.row)
      .map(({ id }, place) => [id, place + 1]),
  );
  return unranked.map((row) => ({ ...row, rank: ranks.get(row.id) as number }));
}

/** Mean loss of each group of scores. */
export function meanBy<K>(scores: readonly ScoreRow[], key: (score: ScoreRow) => K): Map<K, number> {
  const losses = new Map<K, number[]>();
  for (const score of scores) {
    const known = losses.get(key(score));
    if (known === undefined) losses.set(key(score), [score.loss]);
    else known.push(score.loss);
  }
  return new Map([...losses].map(([group, values]) => [group, mean(values)]));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation (n − 1); null for one value. */
function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
