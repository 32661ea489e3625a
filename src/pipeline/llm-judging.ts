import { WinnowError } from '../base/errors.ts';
import type { GradedAnswer } from '../evaluate/answers.ts';
import type { Duel } from '../judge/duel.ts';
import { estimateText } from '../judge/estimate.ts';
import type { Message, Text } from '../pairs/pair.ts';
import type { RunLlmJudge, StageContext, StageCost } from './execute.ts';
import type { Answered, Judged } from './judged.ts';

/** What a language model's part of a stage is called. */
export function judgingStage(stage: string): string {
  return `${stage}: judging`;
}

/**
 * Sets answers against the start model's by a language model, in both orders. A prompt on which some answer got no
 * verdict counts for none, so that all are compared on the same prompts.
 *
 * @throws gate `judge-budget` where the budget ends first: what was paid for is kept, and found again.
 */
export async function judgeByLlm(
  { judge, note }: RunLlmJudge,
  context: StageContext,
  stage: string,
  { prompts, start, others }: Answered,
  costs: StageCost[],
): Promise<Judged> {
  const texts = new Map(prompts.map(({ id, prompt }) => [id, prompt]));
  const opponents = new Map(start.map((answer) => [answer.id, answer]));
  const duels = others.flatMap((answers, arm) =>
    answers.map(({ id, text, ended }): Duel => {
      const [prompt, opponent] = [texts.get(id), opponents.get(id)];
      if (prompt === undefined || opponent === undefined) throw new Error(`no prompt or opponent for ${id}`);
      return {
        id: `${arm}:${id}`,
        conversation: messages(prompt),
        opponent: opponent.text,
        model: text,
        opponentEnded: opponent.ended,
        modelEnded: ended,
      };
    }),
  );
  const estimate = judge.estimate(duels);
  if (estimate !== null) note(`${judge.name}: ${estimateText(estimate)}`);
  const begun = performance.now();
  const talk = context.onStage(judgingStage(stage), 1);
  const { verdicts, stopped } = await judge.compare(duels, {
    ...(context.signal === undefined ? {} : { signal: context.signal }),
    onProgress: ({ done, total }) =>
      talk.event({ type: 'progress', unit: 'judge', kind: 'judging', done, total, what: 'questions' }),
  });
  talk.end();
  if (stopped?.error) throw stopped.error;
  context.signal?.throwIfAborted();
  if (stopped !== null)
    throw new WinnowError('gate', 'judge-budget', stopped.message, {
      remedy: 'What was judged is kept: raise llmJudge.budgetUsd and run the same command again for the rest',
    });
  const seconds = (performance.now() - begun) / 1000;
  costs.push({ stage: judgingStage(stage), seconds, units: 0, fresh: 0, wallSeconds: seconds });
  const wins = new Map(verdicts.map(({ id, win }) => [id, win]));
  const open = new Set(
    others.flatMap((answers, arm) =>
      answers.flatMap(({ id }) => ((wins.get(`${arm}:${id}`) ?? null) === null ? [id] : [])),
    ),
  );
  const graded = (id: string, win: number): GradedAnswer => ({
    id,
    win,
    correct: null,
    style: null,
    reward: null,
  });
  const judged = (answers: Answered['start']) => answers.filter(({ id }) => !open.has(id));
  return {
    start: judged(start).map(({ id }) => graded(id, 0.5)),
    others: others.map((answers, arm) =>
      judged(answers).map(({ id }) => graded(id, wins.get(`${arm}:${id}`) as number)),
    ),
    promptsCut: 0,
    withoutVerdict: open.size,
  };
}

function messages(prompt: Text): readonly Message[] {
  return typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
}
