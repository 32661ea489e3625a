import { inputError, machineError, type WinnowError } from '../../base/errors.ts';
import { errno } from '../../base/files.ts';
import { hideKeys } from '../../judge/endpoint.ts';
import { backoffMs, PATIENCE, RETRY, type RetryOptions, retryAfterMs, wait } from '../../judge/retry.ts';
import { Throttle } from '../../judge/throttle.ts';
import { errorOf } from '../../judge/wire.ts';
import { stoppedError } from '../../run/worker.ts';

export interface ServerReply {
  readonly status: number;
  readonly text: string;
}

export interface ServerClientOptions {
  /** Without a slash at the end; paths are appended. */
  readonly url: string;
  /** Default: WINNOW_SERVER_KEY; null: no Authorization header is sent. Never shown. */
  readonly key?: string | null;
  /** Requests under way at most. */
  readonly concurrency: number;
  /** Ends all requests. */
  readonly signal: AbortSignal;
  readonly retry?: RetryOptions;
  readonly timeoutMs?: number;
  /** A request did not get through and is made again. */
  readonly onRetry?: (why: string) => void;
}

/** A server that is started anew needs minutes to load its model. */
const ATTEMPTS = 8;
const TIDY_MS = 3_000;
/** Node's fetch itself gives up after 300 s without a byte. */
const timeoutOf = (env: NodeJS.ProcessEnv) => 1000 * Number(env.WINNOW_SERVER_TIMEOUT_SECONDS ?? 290);
/** Tests do not wait as people do. */
const firstWaitOf = (env: NodeJS.ProcessEnv) => Number(env.WINNOW_SERVER_WAIT_MS ?? RETRY.firstWaitMs);

type Tried =
  | (ServerReply & { readonly waitMs: number | null })
  | { readonly status: null; readonly why: string };

/** Requests to a model server: so many at a time, again where it is busy, fails or cannot be reached. Says no key. */
export class ServerClient {
  readonly url: string;
  readonly #key: string | null;
  readonly #signal: AbortSignal;
  readonly #retry: Required<RetryOptions>;
  readonly #timeoutMs: number;
  readonly #throttle: Throttle;
  readonly #onRetry: (why: string) => void;

  constructor(options: ServerClientOptions) {
    const { url, key, concurrency, signal, retry, timeoutMs = timeoutOf(process.env), onRetry } = options;
    this.url = url;
    this.#key = key === undefined ? keyOf(process.env) : key;
    this.#signal = signal;
    this.#retry = { ...RETRY, attempts: ATTEMPTS, firstWaitMs: firstWaitOf(process.env), ...retry };
    this.#timeoutMs = timeoutMs;
    this.#throttle = new Throttle(concurrency);
    this.#onRetry = onRetry ?? (() => {});
  }

  /**
   * A request until it has an answer that no second try would change: what the server gave (2xx), or why it refuses (3xx, 4xx).
   * @throws machineError `server-unreachable`, `server-busy`; `stopped` when the signal fires.
   */
  async send(method: 'GET' | 'POST', path: string, body?: unknown): Promise<ServerReply> {
    const text = body === undefined ? null : JSON.stringify(body);
    let failures = 0;
    let limits = 0;
    let toldToWaitMs = 0;
    for (;;) {
      if (!(await this.#throttle.enter(this.#signal))) throw stoppedError();
      const tried = await this.#once(method, path, text);
      const { status } = tried;
      this.#throttle.leave(status === 429 ? 'limited' : status === 200 ? 'answered' : 'failed');
      if (this.#signal.aborted) throw stoppedError();
      if (status !== null && !isOfTheMoment(status)) return tried;
      const why = status === null ? tried.why : `status ${status}${colon(this.said(tried.text))}`;
      const asked = status === null ? null : tried.waitMs;
      if (status === 429) limits++;
      else failures++;
      if (failures >= this.#retry.attempts)
        throw machineError('server-unreachable', `${this.url} does not answer`, {
          got: `${why}, after ${failures} tries`,
          remedy: 'See whether the server runs; then run the same command again: what was answered is kept',
        });
      const most = PATIENCE * this.#retry.longestWaitMs;
      const backoff = backoffMs(this.#retry, Math.max(1, status === 429 ? limits : failures), path);
      const waitMs = Math.min(asked ?? backoff, most);
      if (status === 429) {
        toldToWaitMs += waitMs;
        if (toldToWaitMs > most)
          throw machineError('server-busy', `${this.url} only ever asks to wait`, {
            got: why,
            remedy:
              'Lower server.concurrency, or run the same command again later: what was answered is kept',
          });
        this.#throttle.pause(waitMs);
      }
      this.#onRetry(why);
      await wait(waitMs, this.#signal);
    }
  }

  /** A request whose answer is JSON; refusals are errors with the server's words. */
  async ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const reply = await this.send(method, path, body);
    if (reply.status < 200 || reply.status > 299) throw this.refusal(reply, path);
    const value = parsed(reply.text);
    if (value !== undefined) return value;
    throw machineError('server-reply', `${this.url}${path} did not answer in JSON`, {
      got: hideKeys(reply.text.slice(0, 80), this.#key),
      remedy: REPLY_REMEDY,
    });
  }

  /** One try, also after the signal: what is tidied up. Whether it got through does not matter. */
  async once(method: 'GET' | 'POST', path: string, body?: unknown): Promise<void> {
    await this.#once(method, path, JSON.stringify(body), AbortSignal.timeout(TIDY_MS));
  }

  refusal(reply: ServerReply, path: string): WinnowError {
    const got = `status ${reply.status}${colon(this.said(reply.text))}`;
    const { status } = reply;
    if (status === 401 || status === 403)
      return inputError('server-unauthorised', `${this.url} does not accept the key`, {
        got,
        remedy: this.#key === null ? 'Set WINNOW_SERVER_KEY' : 'Check WINNOW_SERVER_KEY',
      });
    if (status === 404)
      return inputError('server-not-found', `${this.url} has no ${path}, or not this model any more`, {
        got,
        remedy: 'server.url ends where /completions begins (often in /v1)',
      });
    if (status >= 300 && status < 400)
      return inputError('server-url', `${this.url} is another address now`, {
        got,
        remedy: 'Set server.url to the final address: requests are not sent on',
      });
    return inputError('server-refused', `${this.url} refuses a request to ${path}`, { got });
  }

  /** The server's own words of an error, without the key. */
  said(text: string): string {
    const value = parsed(text) as { message?: unknown; detail?: unknown } | undefined;
    // OpenAI's form, that of vLLM before 0.9, and FastAPI's.
    const words =
      errorOf(value)?.message ??
      [value?.message, value?.detail].find((one) => typeof one === 'string') ??
      (text.trimStart().startsWith('<') ? '' : text.trim());
    return hideKeys(String(words), this.#key).slice(0, 300);
  }

  async #once(method: string, path: string, body: string | null, signal = this.#signal): Promise<Tried> {
    const late = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(body === null ? {} : { 'content-type': 'application/json' }),
          ...(this.#key === null ? {} : { authorization: `Bearer ${this.#key}` }),
        },
        ...(body === null ? {} : { body }),
        signal: AbortSignal.any([signal, late]),
      });
      const text = await response.text();
      const waitMs = retryAfterMs(response.headers, Date.now());
      return { status: response.status, text, waitMs };
    } catch (error) {
      if (late.aborted) return { status: null, why: `no answer within ${this.#timeoutMs / 1000} seconds` };
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const why = errno(cause) ?? (cause instanceof Error ? cause.message : String(cause));
      return { status: null, why: hideKeys(why, this.#key) };
    }
  }
}

export const REPLY_REMEDY =
  'The server must speak OpenAI’s /completions with token ids, as vLLM does (docs/server.md)';

function isOfTheMoment(status: number): boolean {
  return status === 429 || status === 408 || status === 409 || status >= 500;
}

function keyOf(env: NodeJS.ProcessEnv): string | null {
  const key = env.WINNOW_SERVER_KEY?.trim() || null;
  // fetch would say the key in its message.
  if (key === null || /^[\x21-\x7e]+$/.test(key)) return key;
  throw inputError('server-key', 'the server’s key holds characters that no key has', {
    need: 'visible ASCII characters without spaces',
    remedy: 'Copy it anew into WINNOW_SERVER_KEY',
  });
}

/** JSON, also with the NaN and infinities that Python writes: they become null, which no log-probability may be. */
function parsed(text: string): unknown {
  for (const form of [text, text.replaceAll(/(?<=[[:,]\s*)(NaN|-?Infinity)(?=\s*[\],}])/g, 'null')]) {
    try {
      return JSON.parse(form);
    } catch {
      // The other form, or none.
    }
  }
  return undefined;
}

function colon(words: string): string {
  return words === '' ? '' : `: ${words}`;
}
