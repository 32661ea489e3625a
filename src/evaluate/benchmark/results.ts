import { codePoints } from '../../base/code-points.ts';
import type { Duel, DuelVerdict } from '../../judge/duel.ts';
import { sameFamily } from '../../judge/family.ts';
import type { TurnGrade } from '../../judge/grading-judge.ts';
import { type JudgeNoise, judgeNoise } from '../../judge/judge-noise.ts';
import { type PositionBias, positionBias } from '../../judge/position-bias.ts';
import { type ArmPair, type ArmVerdict, type ArmWinRate, compareJudgedArms } from '../compare-arms.ts';
import { type WinLengths, winLengths } from '../win-lengths.ts';

/** A model under test as a judge found it. */
export interface JudgedModel {
  readonly model: string;
  /** Models of one arm (its training seeds) are one row of the results, by this name. */
  readonly arm?: string;
  readonly duels: readonly Duel[];
  readonly verdicts: readonly DuelVerdict[];
  /** Questions without an answer of the model or its opponent. */
  readonly unanswered: number;
  /** Share of the answers that ended by themselves; null where nobody knows. */
  readonly endedShare: number | null;
}

/** Lengths are in characters. */
export interface DuelResult extends WinLengths {
  /** The model, or the arm of several. */
  readonly model: string;
  /** The models that were judged. */
  readonly members: readonly string[];
  /** Verdicts, repeats counted. */
  readonly verdicts: number;
  /** Duels, repeats counted, that the judge gave no verdict on. */
  readonly withoutVerdict: number;
  readonly unanswered: number;
  /** Against the opponent, 0 … 1, with its interval over questions; null without any verdict. */
  readonly winRate: ArmWinRate['winRate'] | null;
  /** Ranks that the model may have; models that were not told apart share one. null without any verdict. */
  readonly rank: ArmWinRate['rank'] | null;
  readonly endedShare: number | null;
  /** Of duels judged in both orders; null where none was. */
  readonly position: Omit<PositionBias, 'firstShares'> | null;
  /** The judge's own chance; null without repeats. */
  readonly noise: JudgeNoise | null;
  /** The family that judge and model share. */
  readonly sameFamily: string | null;
}

export interface DuelResults {
  /** Highest win rate first. */
  readonly models: readonly DuelResult[];
  /** Differences between models on the same questions. */
  readonly pairs: readonly ArmPair[];
  /** What is the judge's alone, over all models. */
  readonly overall: Pick<DuelResult, 'position' | 'noise'>;
}

/** Win rates against one opponent, with what must stand beside them. */
export function duelResults(
  judged: readonly JudgedModel[],
  { seed, judgeModel }: { readonly seed: number; readonly judgeModel: string | null },
): DuelResults {
  const groups = grouped(judged);
  const arms = groups
    .map(([name, members]) => ({
      name,
      verdicts: members.flatMap(({ verdicts }) => verdicts.flatMap(armVerdict)),
    }))
    .filter(({ verdicts }) => verdicts.length > 0);
  const { arms: rated, pairs } = compareJudgedArms(arms, { seed });
  const rates = new Map(rated.map((arm) => [arm.name, arm]));
  const models = groups.map(([model, members]): DuelResult => {
    const rate = rates.get(model) ?? null;
    const rows = members.flatMap(lengthRows);
    return {
      model,
      members: members.map((member) => member.model),
      verdicts: rows.length,
      withoutVerdict: total(members, ({ verdicts }) => verdicts.length) - rows.length,
      unanswered: total(members, ({ unanswered }) => unanswered),
      winRate: rate?.winRate ?? null,
      rank: rate?.rank ?? null,
      ...winLengths(rows),
      endedShare: meanEnded(members),
      ...judgeAlone(members),
      sameFamily: judgeModel === null ? null : sameFamily(judgeModel, model),
    };
  });
  return {
    models: models.sort((a, b) => (b.winRate?.value ?? -1) - (a.winRate?.value ?? -1)),
    pairs,
    overall: judgeAlone(judged),
  };
}

/** By arm, else by model, in the order of their first members. */
function grouped<T extends { readonly model: string; readonly arm?: string }>(
  judged: readonly T[],
): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const one of judged) {
    const name = one.arm ?? one.model;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups];
}

/** What order and chance did to the judge's verdicts. */
function judgeAlone(judged: readonly JudgedModel[]): Pick<DuelResult, 'position' | 'noise'> {
  const verdicts = judged.flatMap((one, place) =>
    one.verdicts.map((verdict) => ({ ...verdict, id: `${place}:${verdict.id}` })),
  );
  const { firstShares: _, ...position } = positionBias(verdicts);
  return { position: position.duels === 0 ? null : position, noise: judgeNoise(verdicts) };
}

function total<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

function meanEnded(members: readonly { readonly endedShare: number | null }[]): number | null {
  const known = members.flatMap(({ endedShare }) => (endedShare === null ? [] : [endedShare]));
  return known.length < members.length ? null : total(known, (share) => share) / known.length;
}

function armVerdict({ id, repeat, win }: DuelVerdict): ArmVerdict[] {
  return win === null ? [] : [{ prompt: id, win, repeat }];
}

function lengthRows({ duels, verdicts }: JudgedModel) {
  const lengths = new Map(
    duels.map(({ id, model, opponent }) => [
      id,
      { lengthModel: codePoints(model), lengthOpponent: codePoints(opponent) },
    ]),
  );
  return verdicts.flatMap(({ id, win }) => {
    const length = lengths.get(id);
    return win === null || length === undefined ? [] : [{ win, ...length, prompt: id }];
  });
}

/** A model under test as a judge graded it. */
export interface GradedModel {
  readonly model: string;
  /** As in `JudgedModel`. */
  readonly arm?: string;
  readonly grades: readonly TurnGrade[];
  readonly unanswered: number;
  readonly meanLengthChars: number | null;
  readonly endedShare: number | null;
}

export interface GradeResult {
  readonly model: string;
  readonly members: readonly string[];
  readonly ratings: number;
  readonly withoutVerdict: number;
  readonly unanswered: number;
  /** Mean rating, 1 … 10, with its interval over questions; null without any. */
  readonly mean: ArmWinRate['winRate'] | null;
  readonly turns: readonly (number | null)[];
  readonly rank: ArmWinRate['rank'] | null;
  readonly repeatDeviation: number | null;
  readonly meanLengthChars: number | null;
  readonly endedShare: number | null;
  readonly sameFamily: string | null;
}

export interface GradeResults {
  readonly models: readonly GradeResult[];
  /** In ratings. */
  readonly pairs: readonly ArmPair[];
}

/** Ratings are compared as shares of the scale's width. */
const LEAST_RATING = 1;
const WIDTH = 9;

/** Mean ratings of models on the same questions, compared as win rates are. */
export function gradeResults(
  graded: readonly GradedModel[],
  { seed, judgeModel }: { readonly seed: number; readonly judgeModel: string },
): GradeResults {
  const groups = grouped(graded);
  const arms = groups
    .map(([name, members]) => ({
      name,
      verdicts: members.flatMap(({ grades }) =>
        grades.flatMap(({ id, repeat, rating }): ArmVerdict[] =>
          rating === null ? [] : [{ prompt: id, repeat, win: (clamp(rating) - LEAST_RATING) / WIDTH }],
        ),
      ),
    }))
    .filter(({ verdicts }) => verdicts.length > 0);
  const { arms: rated, pairs } = compareJudgedArms(arms, { seed });
  const rates = new Map(rated.map((arm) => [arm.name, arm]));
  const asRating = (share: number) => LEAST_RATING + WIDTH * share;
  const models = groups.map(([model, members]): GradeResult => {
    const rate = rates.get(model) ?? null;
    const grades = members.flatMap((member) => member.grades);
    const known = grades.flatMap(({ turn, rating }) => (rating === null ? [] : [{ turn, rating }]));
    const turnMean = (turn: number) => {
      const own = known.filter((grade) => grade.turn === turn);
      return own.length === 0 ? null : total(own, ({ rating }) => rating) / own.length;
    };
    const lengths = members.flatMap(({ meanLengthChars }) => meanLengthChars ?? []);
    return {
      model,
      members: members.map((member) => member.model),
      ratings: known.length,
      withoutVerdict: grades.length - known.length,
      unanswered: total(members, ({ unanswered }) => unanswered),
      mean:
        rate === null
          ? null
          : {
              value: asRating(rate.winRate.value),
              low: asRating(rate.winRate.low),
              high: asRating(rate.winRate.high),
              n: rate.winRate.n,
            },
      turns: [turnMean(1), turnMean(2)],
      rank: rate?.rank ?? null,
      repeatDeviation: rate === null || rate.repeatDeviation === null ? null : WIDTH * rate.repeatDeviation,
      meanLengthChars: lengths.length === 0 ? null : total(lengths, (length) => length) / lengths.length,
      endedShare: meanEnded(members),
      sameFamily: sameFamily(judgeModel, model),
    };
  });
  return {
    models: models.sort((a, b) => (b.mean?.value ?? -1) - (a.mean?.value ?? -1)),
    pairs: pairs.map((pair) => ({
      ...pair,
      difference: {
        value: WIDTH * pair.difference.value,
        low: WIDTH * pair.difference.low,
        high: WIDTH * pair.difference.high,
      },
      judgeNoise: pair.judgeNoise === null ? null : WIDTH * pair.judgeNoise,
    })),
  };
}

function clamp(rating: number): number {
  return Math.min(LEAST_RATING + WIDTH, Math.max(LEAST_RATING, rating));
}
