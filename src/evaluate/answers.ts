import { type GoldJudge, winner } from '../judge/judge.ts';

/** A generated answer to a prompt of the evaluation. */
export interface Answer {
  /** Of the prompt. */
  readonly id: string;
  readonly prompt: string;
  readonly text: string;
  /** Length, stop token not counted. */
  readonly tokens: number;
  /** It ended by itself before the limit. */
  readonly ended: boolean;
}

/** A graded answer, against the start model's answer to the same prompt. What its judge does not tell is null. */
export interface GradedAnswer {
  readonly id: string;
  /** 1 won, ½ tied, 0 lost. */
  readonly win: number;
  readonly correct: number | null;
  readonly style: number | null;
  readonly reward: number | null;
}

/** What a gold judge tells of an answer. */
export interface GoldGraded extends GradedAnswer {
  readonly correct: number;
  readonly style: number;
}

/** An answer with the reward that a reward model gives it. */
export type RewardedAnswer = Pick<Answer, 'id' | 'text'> & { readonly reward: number };

/** Grades answers by a gold judge, each against the start model's. */
export function gradeAnswers(
  answers: readonly Answer[],
  start: readonly Answer[],
  judge: GoldJudge,
): GoldGraded[] {
  return against(answers, start, (answer, opponent) => {
    const own = judge.grade(answer.prompt, answer.text, answer.ended);
    const other = judge.grade(opponent.prompt, opponent.text, opponent.ended);
    return { win: winner(own, other), correct: own.correct ? 1 : 0, style: own.style, reward: null };
  });
}

/**
 * Grades answers by their rewards, each against the start model's: the higher reward wins. Two answers of the same text
 * tie, though rewards that were computed beside other texts may differ in the last bit.
 */
export function gradeByReward(
  answers: readonly RewardedAnswer[],
  start: readonly RewardedAnswer[],
): GradedAnswer[] {
  return against(answers, start, (answer, opponent) => {
    const reward = answer.text === opponent.text ? opponent.reward : answer.reward;
    const win = (1 + Math.sign(reward - opponent.reward)) / 2;
    return { win, correct: null, style: null, reward };
  });
}

function against<T extends { readonly id: string }, G>(
  answers: readonly T[],
  start: readonly T[],
  grade: (answer: T, opponent: T) => G,
): (G & { readonly id: string })[] {
  const opponents = new Map(start.map((answer) => [answer.id, answer]));
  return answers.map((answer) => {
    const opponent = opponents.get(answer.id);
    if (opponent === undefined) throw new Error(`no answer of the start model to ${answer.id}`);
    return { id: answer.id, ...grade(answer, opponent) };
  });
}
