import { spearman } from '../stats/correlation.ts';
import { meanBy } from './aggregate.ts';
import type { DifficultyRow, ScoreRow } from './scores.ts';
import { type Suspicion, suspicionShares } from './suspicion.ts';

/** What a tenth of the pairs is like; tenths go from easy to hard. */
export interface Tenth {
  readonly pairs: number;
  /** Mean difficulty, nats. */
  readonly lossNats: number;
  /** Mean of sign(tokens chosen − tokens rejected), −1 … 1: which way length points. */
  readonly lengthLead: number;
  /** Mean of sign(log π_ref(chosen) − log π_ref(rejected)), −1 … 1: which side the start model finds likelier. */
  readonly referenceLead: number;
}

/** A data set as its difficulty shows it, without a judge: what may be told of it before any arm is trained. */
export interface DifficultyProfile {
  readonly pairs: number;
  /** Share of pairs with a difficulty above ln 2: held-out models order them against their label. */
  readonly aboveLn2: number;
  /** Mean difficulty, nats. */
  readonly lossNats: number;
  /** Rank correlation between the first two seeds, of all pairs and of the hardest three tenths; null with one seed. */
  readonly agreement: number | null;
  readonly agreementHard: number | null;
  /** Shares of the pairs that are learned, unclear, and against their label; null with one seed. */
  readonly suspicions: Readonly<Record<Suspicion, number>> | null;
  readonly tenths: readonly Tenth[];
}

const TENTHS = 10;
const HARD_TENTHS = 3;

/** @param lengths tokens of the completions, by pair. */
export function difficultyProfile(
  difficulties: readonly DifficultyRow[],
  scores: readonly ScoreRow[],
  lengths: ReadonlyMap<string, { readonly chosen: number; readonly rejected: number }>,
): DifficultyProfile {
  const ascending = difficulties.toSorted((a, b) => a.rank - b.rank);
  const n = ascending.length;
  const lead = ({ id }: DifficultyRow) => {
    const length = lengths.get(id);
    return length === undefined ? 0 : Math.sign(length.chosen - length.rejected);
  };
  const leads = new Map(
    scores.map(({ id, refChosenLogProb, refRejectedLogProb }) => [
      id,
      Math.sign(refChosenLogProb - refRejectedLogProb),
    ]),
  );
  const tenths = Array.from({ length: TENTHS }, (_, i) =>
    ascending.slice(Math.round((i * n) / TENTHS), Math.round(((i + 1) * n) / TENTHS)),
  ).filter((rows) => rows.length > 0);
  const hard = new Set(ascending.slice(Math.round((1 - HARD_TENTHS / TENTHS) * n)).map(({ id }) => id));
  return {
    pairs: n,
    aboveLn2: mean(ascending, ({ difficulty }) => Number(difficulty > Math.LN2)),
    lossNats: mean(ascending, ({ difficulty }) => difficulty),
    agreement: agreementOf(scores),
    agreementHard: agreementOf(scores.filter(({ id }) => hard.has(id))),
    suspicions: suspicionShares(scores),
    tenths: tenths.map((rows) => ({
      pairs: rows.length,
      lossNats: mean(rows, ({ difficulty }) => difficulty),
      lengthLead: mean(rows, lead),
      referenceLead: mean(rows, ({ id }) => leads.get(id) ?? 0),
    })),
  };
}

/** Of the hardest or the easiest tenths together. */
export function meanOfTenths(tenths: readonly Tenth[], value: (tenth: Tenth) => number): number {
  const pairs = tenths.reduce((sum, tenth) => sum + tenth.pairs, 0);
  return tenths.reduce((sum, tenth) => sum + tenth.pairs * value(tenth), 0) / pairs;
}

function agreementOf(scores: readonly ScoreRow[]): number | null {
  const [first, second] = [...new Set(scores.map(({ seed }) => seed))];
  if (first === undefined || second === undefined) return null;
  const of = (seed: number) =>
    meanBy(
      scores.filter((score) => score.seed === seed),
      ({ id }) => id,
    );
  const [a, b] = [of(first), of(second)];
  const ids = [...a.keys()].filter((id) => b.has(id));
  return spearman(
    ids.map((id) => a.get(id) as number),
    ids.map((id) => b.get(id) as number),
  );
}

function mean<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0) / items.length;
}
