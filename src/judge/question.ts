import type { WinnowError } from '../base/errors.ts';
import type { Message } from '../pairs/pair.ts';
import type {
  Ask,
  AskFailure,
  AskProgress,
  ChatClient,
  ChatReply,
  Sampling,
  Spending,
  Stop,
} from './chat.ts';

/** A question to a judge that is asked until its answer can be read, or it was asked often enough. */
export interface Question {
  readonly messages: readonly Message[];
  readonly repeat: number;
}

export interface QuestionsOptions<T, F extends string> {
  readonly client: ChatClient;
  readonly model: string;
  readonly sampling: Sampling;
  /** The answer, or why there is none in these words. */
  readonly read: (reply: ChatReply, question: number) => { readonly value: T } | { readonly failure: F };
  /** How often at most a question is asked again whose answer could not be read. */
  readonly asksAgain: number;
  /** Said then to the judge; null: the question is asked anew. */
  readonly again: string | null;
  readonly stopWhen?: (reply: ChatReply) => WinnowError | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number; spending: Spending }) => void;
}

export interface Answered<T, F extends string> {
  /** null where there is none; `failure` says why. */
  readonly value: T | null;
  readonly failure?: F | AskFailure;
  /** The last words of the judge; null where it said none. */
  readonly said: string | null;
  /** Of the last ask. */
  readonly key: string;
}

/** Asks all; asks again, with another `again` in the ask's key, what gave no value. */
export async function askQuestions<T, F extends string>(
  questions: readonly Question[],
  options: QuestionsOptions<T, F>,
): Promise<{ readonly answers: readonly Answered<T, F>[]; readonly stopped: Stop | null }> {
  const { client, read, asksAgain, again, signal, stopWhen, onProgress } = options;
  const answers: (Answered<T, F> | undefined)[] = questions.map(() => undefined);
  let asks = firstAsks(questions, options);
  let open = questions.map((_, index) => index);
  let stopped: Stop | null = null;
  for (let round = 0; ; round++) {
    const settled = questions.length - open.length;
    const told = ({ done, spending }: AskProgress) =>
      onProgress?.({ done: round === 0 ? done : settled + done, total: questions.length, spending });
    const result = await client.ask(asks, {
      onProgress: told,
      ...(signal === undefined ? {} : { signal }),
      ...(stopWhen === undefined ? {} : { stopWhen }),
    });
    stopped = result.stopped;
    const unread: { readonly index: number; readonly ask: Ask; readonly reply: ChatReply }[] = [];
    for (const [position, outcome] of result.outcomes.entries()) {
      const index = open[position] as number;
      if (!outcome.answered) {
        const before = answers[index];
        // A question that was answered without a verdict keeps that as its cause when the second try is not made.
        if (before === undefined || !NOT_TRIED.has(outcome.failure))
          answers[index] = {
            value: null,
            failure: outcome.failure,
            said: before?.said ?? null,
            key: outcome.key,
          };
        continue;
      }
      const { reply, key } = outcome;
      const found = read(reply, index);
      const value = 'value' in found ? found.value : null;
      answers[index] = {
        value,
        ...('failure' in found ? { failure: found.failure } : {}),
        said: reply.text === '' ? null : reply.text,
        key,
      };
      if ('failure' in found) unread.push({ index, ask: asks[position] as Ask, reply });
    }
    if (stopped !== null || round === asksAgain || unread.length === 0)
      return { answers: answers as Answered<T, F>[], stopped };
    open = unread.map(({ index }) => index);
    asks = unread.map(({ ask, reply }) => ({
      ...ask,
      again: round + 1,
      messages:
        again === null || reply.text === ''
          ? ask.messages
          : [...ask.messages, { role: 'assistant', content: reply.text }, { role: 'user', content: again }],
    }));
  }
}

/** Failures of questions that were not asked to their end: nothing is known of them. */
export const NOT_TRIED: ReadonlySet<string> = new Set(['budget', 'aborted', 'stopped']);

/** The asks of the first round: what an estimate counts. */
export function firstAsks(
  questions: readonly Question[],
  { model, sampling }: { readonly model: string; readonly sampling: Sampling },
): Ask[] {
  return questions.map(({ messages, repeat }) => ({ model, messages, sampling, repeat }));
}
