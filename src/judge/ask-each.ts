import { setMaxListeners } from 'node:events';
import { inputError, machineError, WinnowError } from '../base/errors.ts';
import type { Budget } from './budget.ts';
import type {
  Ask,
  AskFailure,
  AskOptions,
  AskOutcome,
  AskResult,
  ChatReply,
  Price,
  Spending,
  Stop,
} from './chat.ts';
import { costUsd, mostTokens } from './cost.ts';
import type { Endpoint } from './endpoint.ts';
import { dollars } from './estimate.ts';
import { exchange, type Fault } from './exchange.ts';
import type { ReplyStore } from './reply-store.ts';
import { backoffMs, PATIENCE, type RetryOptions, wait } from './retry.ts';
import type { Throttle } from './throttle.ts';
import type { MaxTokensField } from './wire.ts';

/** What all calls of one client share. */
export interface Line {
  readonly endpoint: Endpoint;
  readonly store: ReplyStore;
  readonly price: Price | null;
  readonly budget: Budget;
  readonly throttle: Throttle;
  readonly concurrency: number;
  readonly retry: Required<RetryOptions>;
  readonly timeoutMs: number;
  readonly maxTokensField: MaxTokensField;
  readonly counts: { -readonly [key in Exclude<keyof Spending, 'usd' | 'possiblyUsd'>]: number };
  readonly health: { answered: boolean; failuresInARow: number; refusals: number };
}

/** Refused before anything was answered: then it is the way of asking that is wrong, not one question. */
const REFUSALS = 3;
/** Asks that failed for good, one after the other, with no answer between: the service is down. */
const FAILURES_IN_A_ROW = 10;
/** How often an ask that another process is asking is looked at again. */
const LOOK_MS = 200;

/** Answers asks from the store, and asks the rest. */
export async function askEach(
  line: Line,
  asks: readonly Ask[],
  keys: readonly string[],
  spending: () => Spending,
  { signal, onProgress, stopWhen }: AskOptions,
): Promise<AskResult> {
  const call = new Call(line, asks, keys, stopWhen, (done) =>
    onProgress?.({ done, total: asks.length, spending: spending() }),
  );
  const onAbort = () => call.interrupt();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await call.run();
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** One call of `ask`. */
class Call {
  readonly #line: Line;
  readonly #asks: readonly Ask[];
  readonly #keys: readonly string[];
  readonly #stopWhen: (reply: ChatReply) => WinnowError | null;
  readonly #told: (done: number) => void;
  readonly #outcomes = new Map<string, AskOutcome>();
  /** Fires when the call ends early: wakes what waits. Requests under way go on to their end. */
  readonly #halt = new AbortController();
  /** Ends requests under way. */
  readonly #interrupt = new AbortController();
  #stopped: Stop | null = null;
  #done = 0;
  /** How many asks a key has. */
  readonly #twins = new Map<string, number>();

  constructor(
    line: Line,
    asks: readonly Ask[],
    keys: readonly string[],
    stopWhen: AskOptions['stopWhen'],
    told: (done: number) => void,
  ) {
    this.#line = line;
    this.#asks = asks;
    this.#keys = keys;
    this.#stopWhen = stopWhen ?? (() => null);
    this.#told = told;
    for (const key of keys) this.#twins.set(key, (this.#twins.get(key) ?? 0) + 1);
    // One for each request is right.
    setMaxListeners(0, this.#halt.signal, this.#interrupt.signal);
  }

  async run(): Promise<AskResult> {
    const { store, concurrency } = this.#line;
    try {
      store.refresh();
    } catch (error) {
      this.#fail(error);
    }
    const fresh: number[] = [];
    const seen = new Set<string>();
    for (const [index, key] of this.#keys.entries()) {
      if (seen.has(key)) continue;
      seen.add(key);
      const reply = store.get(key);
      if (reply === undefined) fresh.push(index);
      else this.#answered(key, reply, true);
    }
    const later: number[] = [];
    const workers = Math.min(concurrency, fresh.length);
    await Promise.all(Array.from({ length: workers }, () => this.#work(fresh, later)));
    return { outcomes: this.#inOrder(), stopped: this.#stopped };
  }

  interrupt(): void {
    this.#stop('aborted', 'the work was interrupted', null);
    this.#interrupt.abort();
  }

  #stop(reason: Stop['reason'], message: string, error: WinnowError | null): void {
    this.#stopped ??= { reason, message, error };
    this.#halt.abort();
  }

  /** Takes asks from the lists, which all workers share, until none is left. */
  async #work(list: number[], later: number[]): Promise<void> {
    while (!this.#halt.signal.aborted) {
      let index = list.shift();
      if (index === undefined) {
        index = later.shift();
        if (index === undefined) return;
        await wait(LOOK_MS, this.#halt.signal);
      }
      try {
        // Another process is asking it: its reply will be in the store soon. Others first.
        if (!(await this.#settle(this.#asks[index] as Ask, this.#keys[index] as string))) later.push(index);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  /** What is no fault of a request: a full disk, a broken cache, a fault of the program. */
  #fail(error: unknown): void {
    const known =
      error instanceof WinnowError
        ? error
        : machineError('judge-failed', 'the judge’s client failed', { got: String(error) }, error);
    this.#stop('error', known.message, known);
  }

  /** false: another asks it just now. */
  async #settle(ask: Ask, key: string): Promise<boolean> {
    const { store } = this.#line;
    if (!store.claim(key)) {
      store.refresh();
      const reply = store.get(key);
      if (reply !== undefined) this.#answered(key, reply, true);
      return reply !== undefined;
    }
    try {
      // It may have been answered between the first look and the claim.
      store.refresh();
      const reply = store.get(key);
      if (reply !== undefined) this.#answered(key, reply, true);
      else await this.#ask(ask, key);
    } finally {
      store.release(key);
    }
    return true;
  }

  async #ask(ask: Ask, key: string): Promise<void> {
    const { retry, throttle } = this.#line;
    let failures = 0;
    let toldToWaitMs = 0;
    let last: Fault | null = null;
    for (let attempt = 1; ; attempt++) {
      const result = await this.#send(ask, key, attempt);
      if (result === null) return this.#failed(key, last, attempt - 1);
      if ('reply' in result) return this.#answered(key, result.reply, false);
      last = result.fault;
      if (last.ends !== null) this.#stop('error', last.ends.message, last.ends);
      if (last.failure === 'refused') this.#refused(last);
      failures += last.failure === 'rate-limit' ? 0 : 1;
      if (!last.again || failures >= retry.attempts || this.#halt.signal.aborted)
        return this.#failed(key, last, attempt);
      const longest = PATIENCE * retry.longestWaitMs;
      if ((last.waitMs ?? 0) > longest) {
        const error = machineError('judge-rate-limit', 'the judge’s service asks to wait too long', {
          got: `${Math.round((last.waitMs as number) / 1000)} seconds`,
          remedy: 'Run the same command again later: what was answered is in the cache',
        });
        this.#stop('error', error.message, error);
        return this.#failed(key, last, attempt);
      }
      const waitMs = last.waitMs ?? backoffMs(retry, attempt, key);
      if (last.failure === 'rate-limit') {
        toldToWaitMs += waitMs;
        if (toldToWaitMs > longest) return this.#failed(key, last, attempt);
        // The limit is the account's, not this question's.
        throttle.pause(waitMs);
      }
      await wait(waitMs, this.#halt.signal);
    }
  }

  /** One request, when there is a place and money for it; null when the call has ended before. */
  async #send(ask: Ask, key: string, attempt: number) {
    const { budget, throttle, price, endpoint, timeoutMs, maxTokensField, store, counts } = this.#line;
    const mostUsd = price === null ? 0 : costUsd(mostTokens(ask), price);
    if (!(await throttle.enter(this.#halt.signal))) return null;
    let how: 'answered' | 'limited' | 'failed' = 'failed';
    try {
      if (!(await budget.reserve(mostUsd))) {
        const [limit, spent] = [budget.limitUsd, budget.spentUsd + budget.possiblyUsd].map(dollars);
        const message = `the budget of ${limit} USD is reached: ${spent} USD are spent, and the next question could cost more than is left`;
        this.#stop('budget', message, null);
        return null;
      }
      let [spentUsd, possiblyUsd] = [0, mostUsd];
      try {
        if (this.#halt.signal.aborted) {
          possiblyUsd = 0;
          return null;
        }
        if (attempt > 1) counts.retries++;
        const result = await exchange(ask, endpoint, { timeoutMs, maxTokensField }, this.#interrupt.signal);
        if ('fault' in result) {
          if (!result.fault.possiblyPaid) possiblyUsd = 0;
          if (result.fault.failure === 'rate-limit') how = 'limited';
          return result;
        }
        how = 'answered';
        const { tokens } = result.reply;
        spentUsd = price === null ? 0 : costUsd(tokens, price);
        // A guess of what was used does not free the rest.
        possiblyUsd = tokens.estimated ? Math.max(0, mostUsd - spentUsd) : 0;
        counts.paid++;
        counts.promptTokens += tokens.prompt;
        counts.completionTokens += tokens.completion;
        if (tokens.estimated) counts.estimatedReplies++;
        const { model, repeat = 0, again = 0 } = ask;
        await store.put(key, result.reply, { model, repeat, again });
        return result;
      } finally {
        budget.settle(mostUsd, spentUsd, possiblyUsd);
      }
    } finally {
      throttle.leave(how);
    }
  }

  #answered(key: string, reply: ChatReply, cached: boolean): void {
    const { counts, health } = this.#line;
    health.answered = true;
    if (!cached) health.failuresInARow = 0;
    const twins = this.#twins.get(key) as number;
    counts.cached += cached ? twins : twins - 1;
    this.#put(key, { answered: true, key, reply, cached });
    const error = this.#stopWhen(reply);
    if (error !== null) this.#stop('error', error.message, error);
  }

  #refused(fault: Fault): void {
    const { health, endpoint } = this.#line;
    if (health.answered || fault.ends !== null) return;
    health.refusals++;
    if (health.refusals < Math.min(REFUSALS, this.#twins.size)) return;
    const error = inputError('judge-refused', 'the judge’s service refuses what is asked', {
      got: fault.message,
      remedy: /max_completion_tokens/.test(fault.message)
        ? 'This model wants its limit of tokens as max_completion_tokens: set maxTokensField'
        : `Check the judge’s model and its sampling for ${new URL(endpoint.baseUrl).host}`,
    });
    this.#stop('error', error.message, error);
  }

  /** `fault` is the last one; null: never sent. */
  #failed(key: string, fault: Fault | null, attempts: number): void {
    const { counts, health, concurrency } = this.#line;
    const stopped = this.#stopped;
    // Stopped while it waited for another attempt: that is why it has no answer.
    const ended = fault === null || fault.failure === 'aborted' || (fault.again && stopped !== null);
    const failure: AskFailure = ended ? failureOf(stopped as Stop) : fault.failure;
    const message = ended ? (stopped as Stop).message : fault.message;
    if (!ended) {
      counts.failed += this.#twins.get(key) as number;
      if (failure !== 'refused') health.failuresInARow++;
    }
    this.#put(key, { answered: false, key, failure, message, attempts });
    if (health.failuresInARow < Math.max(FAILURES_IN_A_ROW, 2 * concurrency)) return;
    const error = machineError('judge-unreachable', 'the judge’s service does not answer', {
      got: message,
      remedy: 'Try again later with the same command: what was answered is in the cache',
    });
    this.#stop('error', error.message, error);
  }

  #put(key: string, outcome: AskOutcome): void {
    this.#outcomes.set(key, outcome);
    this.#done += this.#twins.get(key) as number;
    this.#told(this.#done);
  }

  #inOrder(): AskOutcome[] {
    const first = new Set<string>();
    return this.#keys.map((key) => {
      const outcome = this.#outcomes.get(key);
      if (outcome === undefined) {
        const stopped = this.#stopped as Stop;
        return { answered: false, key, failure: failureOf(stopped), message: stopped.message, attempts: 0 };
      }
      const twin = first.has(key);
      first.add(key);
      return outcome.answered && twin ? { ...outcome, cached: true } : outcome;
    });
  }
}

function failureOf({ reason }: Stop): AskFailure {
  return reason === 'error' ? 'stopped' : reason;
}
