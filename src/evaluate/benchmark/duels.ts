import type { Duel } from '../../judge/duel.ts';
import type { Dialogue } from '../../judge/grading-judge.ts';
import type { AnswerSheet, BenchmarkAnswer } from './answer.ts';
import { asMessages, conversationAt, type Question } from './question.ts';

/** The duels of a model with its opponent: of the questions that both have answered. */
export function duelsOf(
  questions: readonly Question[],
  model: AnswerSheet,
  opponent: AnswerSheet,
): { readonly duels: Duel[]; readonly unanswered: number } {
  const duels = questions.flatMap((question, place): Duel[] => {
    const [own, other] = [model.answers[place] ?? null, opponent.answers[place] ?? null];
    if (own === null || other === null) return [];
    const [reference] = question.references;
    return [
      {
        id: question.id,
        conversation: asMessages(question.prompt),
        opponent: wholeText(question, other),
        model: wholeText(question, own),
        ...(reference === undefined ? {} : { reference }),
        opponentEnded: other.turns.at(-1)?.ended ?? true,
        modelEnded: own.turns.at(-1)?.ended ?? true,
      },
    ];
  });
  return { duels, unanswered: questions.length - duels.length };
}

/** A side of a duel: the answer, or of several turns the rest of the dialogue, which differs between the sides. */
function wholeText({ followUps }: Question, { turns }: BenchmarkAnswer): string {
  const [first, ...later] = turns.map(({ text }) => text);
  return [first ?? '', ...later.map((text, i) => `[User] ${followUps[i] ?? ''}\n\n[Assistant] ${text}`)].join(
    '\n\n',
  );
}

/** A model's dialogues to be graded; `withReference` says which questions are judged beside their references. */
export function dialoguesOf(
  questions: readonly Question[],
  { answers }: AnswerSheet,
  withReference: (question: Question) => boolean,
): { readonly dialogues: Dialogue[]; readonly unanswered: number } {
  const dialogues = questions.flatMap((question, place): Dialogue[] => {
    const answer = answers[place] ?? null;
    if (answer === null) return [];
    const texts = answer.turns.map(({ text }) => text);
    const { references } = question;
    const asked = [
      asMessages(conversationAt(question, texts, 0)).at(-1)?.content ?? '',
      ...question.followUps,
    ];
    return [
      {
        id: question.id,
        questions: asked,
        answers: texts,
        ...(withReference(question) && references.length === asked.length ? { references } : {}),
      },
    ];
  });
  return { dialogues, unanswered: questions.length - dialogues.length };
}
