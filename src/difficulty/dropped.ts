import { linearQuantile } from '../stats/quantile.ts';
import { pooledDeviation } from '../stats/student-t.ts';
import { dpoLoss } from '../train/preference-loss.ts';
import type { OutsideEvidence } from './outside-evidence.ts';
import { type DifficultyRow, marginOf, type ScoreRow } from './scores.ts';
import { CLEAR_Z } from './suspicion.ts';

/** What a dropped pair looks like. Guesses from evidence that is told beside them, not findings. */
export const LABELS = ['likely wrong', 'ambiguous', 'unstable', 'too hard'] as const;

export type DroppedLabel = (typeof LABELS)[number];

/** Why a pair has its label: `against` and `swapped-easy` go together, any other is enough alone. */
export type Reason =
  | 'against'
  | 'swapped-easy'
  | 'rated-against'
  | 'conflict'
  | 'against-length'
  | 'near-equal'
  | 'rated-equal'
  | 'annotators-disagree'
  | 'near-zero'
  | 'runs-disagree'
  | 'not-learned';

/** A line of `selection/labels.jsonl`. */
export interface LabelRow {
  readonly id: string;
  readonly row: number;
  readonly label: DroppedLabel;
  readonly reasons: readonly Reason[];
  readonly difficulty: number;
  /** Mean margin over the runs, nats, and in units of its standard error. */
  readonly margin: number;
  readonly z: number | null;
  /** z of what is left of the margin when that which its lengths explain is taken away; null where z is. */
  readonly zBeyondLength: number | null;
  /** Margins that were compared, and how many of them are against the label. */
  readonly runs: number;
  readonly runsAgainst: number;
  /** DPO loss of the pair with its sides swapped, mean over the same runs as the difficulty, nats. */
  readonly swappedLoss: number;
  readonly outside: OutsideEvidence | null;
}

export interface DroppedLabels {
  /** What plays the runs: seeds, where there are two; else checkpoints; else the two halves of the tokens. */
  readonly between: 'seeds' | 'checkpoints' | 'token-halves';
  /** A swapped pair with at most this loss is easy: the median difficulty of all pairs, nats. */
  readonly easyLoss: number;
  /** Pooled standard deviation between the runs of a pair, nats. */
  readonly deviation: number | null;
  /** What a token more of the chosen answer than of the rejected one adds to the margin, nats: least squares over all pairs. */
  readonly lengthSlope: number;
  /** Most difficult first within each label, the labels in the order of LABELS. */
  readonly rows: readonly LabelRow[];
}

/** Answers that share so much are one answer. */
export const NEAR_EQUAL = 0.9;
/** Annotators that agree less than this have not agreed. */
export const LEAST_AGREEMENT = 2 / 3;
/** |z| up to which a margin is called zero. */
export const ZERO_Z = 1;

/**
 * Why each dropped pair is hard, by rules in this order (z = m̄ · √r / s over r runs, s pooled over all pairs):
 *
 * - likely wrong: the data's own ratings say the opposite; or another pair says the opposite and m̄ < 0; or all runs are
 *   against the label, z < −1.96, also of what the lengths of its answers do not explain, and the swapped pair is easy
 *   (its loss is at most the median difficulty);
 * - ambiguous: both answers are nearly the same (≥ 0.9), rated the same, contradicted, or agreed on by fewer than 2/3 of
 *   the annotators; or |z| ≤ 1;
 * - unstable: some runs are for the label and some against it;
 * - too hard: the rest: held-out models do not learn it, or learn the opposite without being sure of it.
 *
 * What the lab says of "against": where a fifth of the labels was wrong, 77 % of the pairs called so were, and 27 % of
 * the wrong ones were called so (docs/lab.md). Where hardly any label is wrong, those called so are mostly pairs that
 * contradict what the others teach. Checkpoints of one run and halves of one answer are less independent than seeds:
 * with one seed z is too large, and the labels are weaker guesses.
 */
export function labelDropped(
  scores: readonly ScoreRow[],
  difficulties: readonly DifficultyRow[],
  kept: ReadonlySet<string>,
  beta: number,
  {
    outside = new Map(),
    lengths = new Map(),
  }: {
    readonly outside?: ReadonlyMap<string, OutsideEvidence>;
    /** Tokens of the completions, by pair. */
    readonly lengths?: ReadonlyMap<string, { readonly chosen: number; readonly rejected: number }>;
  } = {},
): DroppedLabels {
  const byPair = new Map<string, ScoreRow[]>();
  for (const score of scores) {
    const own = byPair.get(score.id);
    if (own === undefined) byPair.set(score.id, [score]);
    else own.push(score);
  }
  const between = betweenOf(scores);
  const margins = new Map([...byPair].map(([id, rows]) => [id, marginsOf(rows, beta, between)]));
  const deviation = pooledDeviation([...margins.values()])?.sd ?? null;
  const longer = (id: string) => {
    const length = lengths.get(id);
    return length === undefined ? 0 : length.chosen - length.rejected;
  };
  const lengthSlope = slopeOf([...margins].map(([id, runs]) => [longer(id), mean(runs)] as const));
  const easyLoss = linearQuantile(
    difficulties.map(({ difficulty }) => difficulty),
    0.5,
  );
  const rows = difficulties
    .filter(({ id }) => !kept.has(id))
    .map(({ id, row, difficulty }): LabelRow => {
      const runs = margins.get(id) as number[];
      const margin = mean(runs);
      const inErrors = (value: number) =>
        deviation === null || deviation === 0 ? null : (value * Math.sqrt(runs.length)) / deviation;
      const facts = {
        margin,
        z: inErrors(margin),
        zBeyondLength: inErrors(margin - lengthSlope * longer(id)),
        runs: runs.length,
        runsAgainst: runs.filter((m) => m < 0).length,
        swappedLoss: mean((byPair.get(id) as ScoreRow[]).map((score) => dpoLoss(-marginOf(score, beta)))),
        outside: outside.get(id) ?? null,
      };
      return { id, row, ...judge(facts, easyLoss), difficulty, ...facts };
    });
  const order = (label: DroppedLabel) => LABELS.indexOf(label);
  return {
    between,
    easyLoss,
    deviation,
    lengthSlope,
    rows: rows.sort(
      (a, b) => order(a.label) - order(b.label) || b.difficulty - a.difficulty || a.row - b.row,
    ),
  };
}

/** How many pairs have each label. */
export function labelCounts({ rows }: DroppedLabels): Record<DroppedLabel, number> {
  const counts = { 'likely wrong': 0, ambiguous: 0, unstable: 0, 'too hard': 0 };
  for (const { label } of rows) counts[label]++;
  return counts;
}

type Facts = Pick<LabelRow, 'margin' | 'z' | 'zBeyondLength' | 'runs' | 'runsAgainst' | 'swappedLoss' | 'outside'>;

function judge(
  { margin, z, zBeyondLength, runs, runsAgainst, swappedLoss, outside }: Facts,
  easyLoss: number,
): { readonly label: DroppedLabel; readonly reasons: readonly Reason[] } {
  const reasonsOf = (...given: (readonly [boolean, Reason])[]) =>
    given.flatMap(([is, reason]) => (is ? [reason] : []));
  const { ratings = null, agreement = null } = outside ?? {};
  const conflicts = outside?.conflicts.length ?? 0;
  const isAgainst = runsAgainst === runs && z !== null && z < -CLEAR_Z && swappedLoss <= easyLoss;
  const isWrong = isAgainst && (zBeyondLength ?? 0) < -CLEAR_Z;
  const wrong = reasonsOf(
    [isWrong, 'against'],
    [isWrong, 'swapped-easy'],
    [ratings !== null && ratings.rejected > ratings.chosen, 'rated-against'],
    [conflicts > 0 && margin < 0, 'conflict'],
  );
  if (wrong.length > 0) return { label: 'likely wrong', reasons: wrong };
  const ambiguous = reasonsOf(
    [(outside?.similarity ?? 0) >= NEAR_EQUAL, 'near-equal'],
    [ratings !== null && ratings.rejected === ratings.chosen, 'rated-equal'],
    [conflicts > 0, 'conflict'],
    [agreement !== null && agreement < LEAST_AGREEMENT, 'annotators-disagree'],
    [z !== null && Math.abs(z) <= ZERO_Z, 'near-zero'],
  );
  if (ambiguous.length > 0) return { label: 'ambiguous', reasons: ambiguous };
  if (runsAgainst > 0 && runsAgainst < runs) return { label: 'unstable', reasons: ['runs-disagree'] };
  const reason = isAgainst ? 'against-length' : margin < 0 ? 'against' : 'not-learned';
  return { label: 'too hard', reasons: [reason] };
}

/** Σ (x − x̄)(y − ȳ) / Σ (x − x̄)²; 0 where x does not vary. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const squares = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  return squares === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / squares;
}

function betweenOf(scores: readonly ScoreRow[]): DroppedLabels['between'] {
  const seeds = new Set(scores.map(({ seed }) => seed));
  if (seeds.size > 1) return 'seeds';
  return new Set(scores.map(({ checkpoint }) => checkpoint)).size > 1 ? 'checkpoints' : 'token-halves';
}

/** The margins of a pair that are held against each other: of seeds at their last checkpoint, as in `suspicions`. */
function marginsOf(rows: readonly ScoreRow[], beta: number, between: DroppedLabels['between']): number[] {
  if (between === 'checkpoints') return rows.map((row) => marginOf(row, beta));
  if (between === 'seeds') {
    const last = rows.reduce((most, { checkpoint }) => Math.max(most, checkpoint), 0);
    return rows.filter(({ checkpoint }) => checkpoint === last).map((row) => marginOf(row, beta));
  }
  // Each half, taken twice, is a margin of its own; their mean is the margin.
  return rows.flatMap((row) => {
    const even = beta * row.evenTokenMargin;
    return [2 * even, 2 * (marginOf(row, beta) - even)];
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
