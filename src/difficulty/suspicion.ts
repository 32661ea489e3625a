import { marginOf, type ScoreRow } from './scores.ts';

/**
 * Two ways in which a pair is hard.
 * - `against`: held-out models order it against its label, beyond what seeds differ by: a wrong label, or something
 *   that the other pairs teach the opposite of;
 * - `unclear`: their margin is no further from zero than seeds differ by: too hard, or no difference to learn.
 */
export type Suspicion = 'learned' | 'unclear' | 'against';

export interface SuspicionRow {
  readonly id: string;
  /** Mean margin over the seeds, and in units of its standard error. */
  readonly margin: number;
  readonly z: number;
  readonly suspicion: Suspicion;
}

/** z beyond which a margin counts as one side's: 5 % by chance, two-sided. */
export const CLEAR_Z = 1.96;

/**
 * z = m̄ · √r / s,  s² = Σ_pairs Σ_seeds (m − m̄)² / Σ_pairs (r − 1)
 *
 * The margins of a pair under the last checkpoints of r seeds, against the deviation between seeds that all pairs share:
 * two or three seeds are too few to tell one pair's own. With one seed there is none, and the result is null.
 */
export function suspicions(scores: readonly ScoreRow[], beta: number): SuspicionRow[] | null {
  const last = scores.reduce((most, { checkpoint }) => Math.max(most, checkpoint), 0);
  const margins = new Map<string, number[]>();
  for (const score of scores) {
    if (score.checkpoint !== last) continue;
    const known = margins.get(score.id);
    if (known === undefined) margins.set(score.id, [marginOf(score, beta)]);
    else known.push(marginOf(score, beta));
  }
  let squares = 0;
  let df = 0;
  for (const values of margins.values()) {
    const centre = mean(values);
    squares += values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
    df += values.length - 1;
  }
  if (df === 0) return null;
  const deviation = Math.sqrt(squares / df);
  return [...margins].map(([id, values]) => {
    const margin = mean(values);
    const z = deviation === 0 ? 0 : (margin * Math.sqrt(values.length)) / deviation;
    return { id, margin, z, suspicion: z > CLEAR_Z ? 'learned' : z < -CLEAR_Z ? 'against' : 'unclear' };
  });
}

/** Share of the pairs of each kind; null with one seed, which cannot tell. */
export function suspicionShares(scores: readonly ScoreRow[]): Readonly<Record<Suspicion, number>> | null {
  // β stretches margins and their deviation alike: any will do.
  const rows = suspicions(scores, 1);
  if (rows === null) return null;
  const share = (kind: Suspicion) => rows.filter(({ suspicion }) => suspicion === kind).length / rows.length;
  return { learned: share('learned'), unclear: share('unclear'), against: share('against') };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
