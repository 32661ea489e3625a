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

/** A graded answer, against the start model's answer to the same prompt. */
export interface GradedAnswer {
  readonly id: string;
  /** 1 won, ½ tied, 0 lost. */
  readonly win: number;
  readonly correct: number;
  readonly style: number;
}

/** Grades answers by a gold judge, each against the start model's. */
export function gradeAnswers(
  answers: readonly Answer[],
  start: readonly Answer[],
  judge: GoldJudge,
): GradedAnswer[] {
  const opponents = new Map(start.map((answer) => [answer.id, answer]));
  return answers.map((answer) => {
    const opponent = opponents.get(answer.id);
    if (opponent === undefined) throw new Error(`no answer of the start model to ${answer.id}`);
    const own = judge.grade(answer.prompt, answer.text, answer.ended);
    const other = judge.grade(opponent.prompt, opponent.text, opponent.ended);
    return { id: answer.id, win: winner(own, other), correct: own.correct ? 1 : 0, style: own.style };
  });
}
