import type { WinnowError } from '../base/errors.ts';
import type { Json } from '../base/hash.ts';
import type { Message } from '../pairs/pair.ts';

/** How a reply is drawn: the fields of a chat completion's request, by whole words. What is left out is not sent. */
export interface Sampling {
  /** Most tokens of the reply; also the upper bound of what it can cost. */
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
  /** Asks for the log-probabilities of so many of the likeliest tokens at each place. */
  readonly topLogProbs?: number;
  /** Further fields of the request, as the server calls them (`reasoning_effort`, …). */
  readonly more?: Readonly<Record<string, Json>>;
}

/** One question to a judge. Equal asks have one answer, which is paid once. */
export interface Ask {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly sampling: Sampling;
  /** The same question asked n times: 0 … n − 1. Part of what an ask is known by. */
  readonly repeat?: number;
  /** Asked again after an answer that gave no verdict: 1, 2, …. Part of what an ask is known by. */
  readonly again?: number;
}

export interface Tokens {
  readonly prompt: number;
  readonly completion: number;
  /** The server told no usage: UTF-8 bytes / 4 (characters / 4 of plain English), rounded up. */
  readonly estimated: boolean;
}

export interface TokenLogProb {
  readonly token: string;
  /** Nats. */
  readonly logProb: number;
}

export interface ChatReply {
  /** '' where the server gave none (a refusal, or all tokens went into reasoning). */
  readonly text: string;
  /** stop, length, content_filter, …; null where the server does not say. */
  readonly finish: string | null;
  /** The likeliest tokens at each place of the reply (an empty list without any); null where the server gave none. */
  readonly logProbs: readonly (readonly TokenLogProb[])[] | null;
  readonly tokens: Tokens;
  /** What the server says its model is, often with a date; null where it does not. */
  readonly servedBy: string | null;
}

/**
 * Why an ask has no answer. The last three were not sent, or are not known to have failed:
 * budget, aborted, and stopped after an error that ends all asks.
 */
export type AskFailure =
  | 'refused' // 400, 403, 413, 422: this question is not answered
  | 'rate-limit'
  | 'server-error' // 408, 409, 5xx
  | 'connection' // cut, refused, no such host
  | 'timeout'
  | 'broken-reply' // no JSON, or no chat completion
  | 'budget'
  | 'aborted'
  | 'stopped';

export type AskOutcome =
  | {
      readonly answered: true;
      /** What the ask is known by in the cache. */
      readonly key: string;
      readonly reply: ChatReply;
      /** It was not paid now: from the cache, or a twin in the same call. */
      readonly cached: boolean;
    }
  | {
      readonly answered: false;
      readonly key: string;
      readonly failure: AskFailure;
      /** In words, without the key of the service. */
      readonly message: string;
      readonly attempts: number;
    };

/** Why a call ended before all of its asks were tried. What was answered is kept and cached. */
export interface Stop {
  readonly reason: 'budget' | 'aborted' | 'error';
  /** One sentence for people. */
  readonly message: string;
  /** To be thrown by whoever shows errors, when the reason is `error`. */
  readonly error: WinnowError | null;
}

/** USD for a million tokens. */
export interface Price {
  readonly inputUsdPerMillion: number;
  readonly outputUsdPerMillion: number;
}

/** What was spent since the client was opened. */
export interface Spending {
  /** Replies that were paid now. */
  readonly paid: number;
  /** Answers that cost nothing now. */
  readonly cached: number;
  /** Asks that failed for good. */
  readonly failed: number;
  /** Requests sent beyond the first of each ask. */
  readonly retries: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of the paid replies, those whose tokens are estimated since the server told none. */
  readonly estimatedReplies: number;
  /** null without a price. */
  readonly usd: number | null;
  /** At most so much more, for requests whose answer was lost and which the server may have charged. */
  readonly possiblyUsd: number | null;
}

/** What asks would cost, before one is sent. */
export interface Estimate {
  readonly asks: number;
  /** Answered by the cache, or twins of an earlier ask. */
  readonly cached: number;
  /** To be paid. */
  readonly fresh: number;
  /** Of the fresh ones: UTF-8 bytes / 4. */
  readonly promptTokens: number;
  /** Of the fresh ones: the mean of the cached ones where there are any, else the most. */
  readonly completionTokens: number;
  /** Of the fresh ones: the sum of `maxTokens`. */
  readonly completionTokensMost: number;
  /** null without a price. */
  readonly usd: number | null;
  /** Upper bound, by which a budget is kept; without asking again what gave no verdict. null without a price. */
  readonly usdMost: number | null;
  /** What the cached ones cost when they were paid, at this price; null without a price. */
  readonly cachedUsd: number | null;
}

export interface AskProgress {
  /** Asks that have an outcome. */
  readonly done: number;
  readonly total: number;
  readonly spending: Spending;
}

export interface AskOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AskProgress) => void;
  /** Looks at each reply; an error that it gives ends all asks. */
  readonly stopWhen?: (reply: ChatReply) => WinnowError | null;
}

export interface AskResult {
  /** One for each ask, in their order. */
  readonly outcomes: readonly AskOutcome[];
  readonly stopped: Stop | null;
}

/** Asks questions of one service. Its concurrency, budget and cache hold for all calls together. */
export interface ChatClient {
  /** Address of the service, without a key: for people. */
  readonly service: string;
  ask(asks: readonly Ask[], options?: AskOptions): Promise<AskResult>;
  estimate(asks: readonly Ask[]): Estimate;
  spending(): Spending;
  /** Waits for what is being written and gives the cache's file back. */
  close(): Promise<void>;
}
