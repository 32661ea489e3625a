/** What a gold judge, a program that knows the truth of its world, says of one answer. */
export interface Grade {
  /** Higher is better; only the order and equality of two scores of one prompt mean something. */
  readonly score: number;
  readonly correct: boolean;
  /** Share of the world's style marks that the answer carries, 0 … 1. */
  readonly style: number;
}

/** A judge that grades one answer by itself, without a rival, a model or a network. */
export interface GoldJudge {
  readonly name: string;
  /** `ended` is false when generation hit its token limit before the end-of-sequence token. */
  grade(prompt: string, answer: string, ended: boolean): Grade;
}

/** The first answer's share of the win: 1 when it is better, 0 when it is worse, ½ on equal scores. */
export function winner(a: Grade, b: Grade): 1 | 0.5 | 0 {
  if (a.score === b.score) return 0.5;
  return a.score > b.score ? 1 : 0;
}
