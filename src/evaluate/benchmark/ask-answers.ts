import type { Ask, ChatClient, ChatReply, Sampling, Stop } from '../../judge/chat.ts';
import type { AnswerSheet, BenchmarkAnswer, Turn } from './answer.ts';
import { asMessages, conversationAt, type Question } from './question.ts';

export interface ServerAnswering {
  /** The model's name on the server. */
  readonly model: string;
  readonly maxNewTokens: number;
  readonly topP: number;
  readonly seed: number;
  readonly temperature: (question: Question) => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ServerAnswers {
  readonly sheet: AnswerSheet;
  /** Why questions were left unanswered; null when all were asked. */
  readonly stopped: Stop | null;
  readonly notes: readonly string[];
}

/** The first turn's asks, for an estimate: what later turns ask depends on the answers. */
export function firstAsks(questions: readonly Question[], options: ServerAnswering): Ask[] {
  return questions.map((question) => askFor(question, [], 0, options));
}

/** Answers of a model behind an OpenAI-compatible server, turn by turn. What was answered before is not asked again. */
export async function askAnswers(
  client: ChatClient,
  questions: readonly Question[],
  options: ServerAnswering,
): Promise<ServerAnswers> {
  const turns = questions.map((): Turn[] => []);
  const total = questions.reduce((sum, { followUps }) => sum + 1 + followUps.length, 0);
  const failures = new Map<string, number>();
  let before = 0;
  let stopped: Stop | null = null;
  for (let turn = 0; stopped === null; turn++) {
    const places = questions.flatMap(({ followUps }, place) =>
      followUps.length >= turn && turns[place]?.length === turn ? [place] : [],
    );
    if (places.length === 0) break;
    const asks = places.map((place) => {
      const said = (turns[place] as Turn[]).map(({ text }) => text);
      return askFor(questions[place] as Question, said, turn, options);
    });
    const done = before;
    const result = await client.ask(asks, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (progress) => options.onProgress?.(done + progress.done, total),
    });
    for (const [i, outcome] of result.outcomes.entries())
      if (outcome.answered) turns[places[i] as number]?.push(turnOf(outcome.reply));
      else failures.set(outcome.message, (failures.get(outcome.message) ?? 0) + 1);
    before += asks.length;
    stopped = result.stopped;
  }
  const answers = questions.map(({ id, followUps }, place): BenchmarkAnswer | null => {
    const own = turns[place] as Turn[];
    return own.length === 1 + followUps.length ? { id, turns: own } : null;
  });
  const notes = [...failures].map(
    ([message, count]) => `${options.model}: ${count} questions have no answer: ${message}`,
  );
  return { sheet: { model: options.model, answers }, stopped, notes };
}

function askFor(
  question: Question,
  answers: readonly string[],
  turn: number,
  { model, maxNewTokens, topP, seed, temperature }: ServerAnswering,
): Ask {
  const drawn = temperature(question);
  const sampling: Sampling = {
    maxTokens: maxNewTokens,
    temperature: drawn,
    ...(topP === 1 ? {} : { topP }),
    // Servers that cannot draw by a seed ignore it; the cache makes a second run equal in any case.
    ...(drawn === 0 ? {} : { seed }),
  };
  return { model, messages: asMessages(conversationAt(question, answers, turn)), sampling };
}

function turnOf({ text, tokens, finish }: ChatReply): Turn {
  return {
    text,
    tokens: tokens.estimated ? null : tokens.completion,
    ended: finish === null ? null : finish !== 'length',
  };
}
