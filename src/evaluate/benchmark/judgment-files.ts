import type { Duel, DuelVerdict, Game } from '../../judge/duel.ts';
import type { TurnGrade } from '../../judge/grading-judge.ts';

/** A row of AlpacaEval's annotations.json; `index` is the question's place, by which published difficulties are found. */
export interface AlpacaAnnotation {
  readonly index: number;
  readonly instruction: string;
  readonly output_1: string;
  readonly output_2: string;
  readonly generator_1: string;
  readonly generator_2: string;
  readonly annotator: string;
  /** 1 … 2, null without a verdict. */
  readonly preference: number | null;
}

export interface Names {
  readonly model: string;
  readonly opponent: string;
  readonly judge: string;
}

/** Verdicts of the first repeat as `winnow alpaca-eval --annotations` and alpaca_eval read them. */
export function alpacaAnnotations(
  { model, opponent, judge }: Names,
  duels: readonly Duel[],
  verdicts: readonly DuelVerdict[],
  placeOf: (id: string) => number,
): AlpacaAnnotation[] {
  const wins = firstWins(verdicts);
  return duels.map((duel) => {
    const win = wins.get(duel.id)?.win ?? null;
    return {
      index: placeOf(duel.id),
      instruction: duel.conversation.at(-1)?.content ?? '',
      output_1: duel.opponent,
      output_2: duel.model,
      generator_1: opponent,
      generator_2: model,
      annotator: judge,
      preference: win === null ? null : 1 + win,
    };
  });
}

/** A row of Arena-Hard's model_judgment files: in game 1 answer A is the baseline's, in game 2 the model's. */
export interface ArenaJudgment {
  readonly uid: string;
  readonly category: string | null;
  readonly model: string;
  readonly baseline: string;
  readonly judge: string;
  readonly games: readonly [ArenaGame | null, ArenaGame | null];
}

interface ArenaGame {
  /** null without a verdict. */
  readonly score: string | null;
  readonly judgment: string | null;
}

/** Verdicts of the first repeat as `winnow arena-hard --judgments` and arena-hard-auto read them. */
export function arenaJudgments(
  { model, opponent, judge }: Names,
  verdicts: readonly DuelVerdict[],
): ArenaJudgment[] {
  return [...firstWins(verdicts).values()].map(({ id, games }) => {
    const game = (order: Game['order']): ArenaGame | null => {
      const found = games.find((one) => one.order === order);
      return found === undefined ? null : { score: scoreOf(found), judgment: found.said };
    };
    return {
      uid: id,
      category: null,
      model,
      baseline: opponent,
      judge,
      games: [game('opponent-first'), game('model-first')],
    };
  });
}

/** Arena-Hard's label, whichever labels the template has. */
function scoreOf({ win, order, strong }: Game): string | null {
  if (win === null) return null;
  const shareOfA = order === 'model-first' ? win : 1 - win;
  if (shareOfA === 0.5) return 'A=B';
  const sign = strong ? '>>' : '>';
  return shareOfA > 0.5 ? `A${sign}B` : `B${sign}A`;
}

/** A row of FastChat's `…_single.jsonl`. */
export interface MtBenchJudgment {
  readonly question_id: string;
  readonly model: string;
  readonly judge: readonly [string, string];
  readonly turn: number;
  /** −1 without a rating, as FastChat writes it. */
  readonly score: number;
  readonly judgment: string | null;
}

/** Grades of the first repeat as `winnow mt-bench --judgments` and FastChat read them. */
export function mtBenchJudgments(
  model: string,
  judge: string,
  grades: readonly TurnGrade[],
): MtBenchJudgment[] {
  return grades
    .filter(({ repeat }) => repeat === 0)
    .map(({ id, turn, rating, said, template }) => ({
      question_id: id,
      model,
      judge: [judge, template],
      turn,
      score: rating ?? -1,
      judgment: said,
    }));
}

function firstWins(verdicts: readonly DuelVerdict[]): Map<string, DuelVerdict> {
  return new Map(verdicts.filter(({ repeat }) => repeat === 0).map((verdict) => [verdict.id, verdict]));
}
