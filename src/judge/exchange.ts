import { inputError, machineError, type WinnowError } from '../base/errors.ts';
import { errno } from '../base/files.ts';
import type { Ask, AskFailure, ChatReply } from './chat.ts';
import { completionsUrl, type Endpoint, hideKey, hideKeys, serviceName } from './endpoint.ts';
import { retryAfterMs } from './retry.ts';
import { errorOf, type MaxTokensField, readReply, requestBody } from './wire.ts';

/** A request that gave no reply. */
export interface Fault {
  readonly failure: AskFailure;
  /** Without the key. */
  readonly message: string;
  /** Worth another request. */
  readonly again: boolean;
  /** What the server asks to wait; null where it does not say. */
  readonly waitMs: number | null;
  /** The server may have made a reply, and charge it, though none came. */
  readonly possiblyPaid: boolean;
  /** Ends all asks: every other would fail in the same way. */
  readonly ends: WinnowError | null;
}

export type Exchange = { readonly reply: ChatReply } | { readonly fault: Fault };

export interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly maxTokensField: MaxTokensField;
}

/** One request and its response; never throws, and says no key. */
export async function exchange(
  ask: Ask,
  endpoint: Endpoint,
  { timeoutMs, maxTokensField }: ExchangeOptions,
  signal: AbortSignal,
): Promise<Exchange> {
  const { baseUrl, key } = endpoint;
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort.abort();
  }, timeoutMs);
  try {
    signal.throwIfAborted();
    const response = await fetch(completionsUrl(baseUrl), {
      method: 'POST',
      // The texts are not sent on to a host that nobody named.
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(requestBody(ask, maxTokensField)),
      signal: abort.signal,
    });
    const body = await response.text();
    if (!response.ok) return { fault: statusFault(response, body, ask.model, endpoint) };
    const reply = readReply(body, ask);
    if (typeof reply === 'string') return lost('broken-reply', hideKeys(reply, key));
    return { reply: withoutKey(reply, key) };
  } catch (error) {
    if (signal.aborted) return lost('aborted', 'the work was interrupted', false);
    if (late) return lost('timeout', `no reply within ${timeoutMs / 1000} seconds`);
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = errno(cause) ?? '';
    const words = cause instanceof Error ? cause.message : String(cause);
    return {
      fault: {
        failure:
          code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' ? 'timeout' : 'connection',
        message: hideKeys(`${serviceName(baseUrl)}: ${code === '' ? words : code}`, key),
        again: true,
        waitMs: null,
        possiblyPaid: !NEVER_SENT.has(code),
        ends: null,
      },
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** The connection was never made. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function lost(failure: AskFailure, message: string, again = true): Exchange {
  return { fault: { failure, message, again, waitMs: null, possiblyPaid: true, ends: null } };
}

function statusFault(response: Response, body: string, model: string, endpoint: Endpoint): Fault {
  const { status } = response;
  const said = saidBy(body);
  const words = hideKeys(said.message, endpoint.key).slice(0, 300);
  const message = `status ${status}${words === '' ? '' : `: ${words}`}`;
  const fault: Fault = {
    failure: 'refused',
    message,
    again: false,
    waitMs: null,
    possiblyPaid: false,
    ends: endOf(status, said.code, message, model, endpoint),
  };
  if (fault.ends !== null) return fault;
  if (status === 429)
    return {
      ...fault,
      failure: 'rate-limit',
      again: true,
      waitMs: retryAfterMs(response.headers, Date.now()),
    };
  if (status === 408 || status === 409 || status >= 500)
    return {
      ...fault,
      failure: 'server-error',
      again: true,
      waitMs: retryAfterMs(response.headers, Date.now()),
      // Turned away at the door: overloaded, or a lock; what failed later may have had its reply made.
      possiblyPaid: status !== 409 && status !== 503 && status !== 529,
    };
  return fault;
}

/** The error that ends all asks, for what no other ask can escape. */
function endOf(
  status: number,
  code: string,
  message: string,
  model: string,
  { baseUrl, key, keyWithheld }: Endpoint,
): WinnowError | null {
  const service = serviceName(baseUrl);
  if (status === 401)
    return inputError('judge-unauthorised', `${service} does not accept the key`, {
      got: message,
      remedy: keyWithheld
        ? 'OPENAI_API_KEY is sent to OPENAI_BASE_URL only: set WINNOW_JUDGE_KEY for this address'
        : key === null
          ? 'Set WINNOW_JUDGE_KEY (or OPENAI_API_KEY) to a key of this service'
          : 'Check the key in WINNOW_JUDGE_KEY or OPENAI_API_KEY',
    });
  if (status === 404)
    return inputError('judge-not-found', `${service} has no model ${model}, or no chat completions`, {
      got: message,
      remedy:
        'Check the model’s name, and that the address ends where /chat/completions begins (often in /v1)',
    });
  if (status >= 300 && status < 400)
    return inputError('judge-url', `${service} is another address now`, {
      got: message,
      remedy: 'Set WINNOW_JUDGE_URL to the final address: requests are not sent on',
    });
  if (status === 402 || code === 'insufficient_quota' || code === 'billing_not_active')
    return machineError('judge-no-credit', `the account at ${service} has no credit`, {
      got: message,
      remedy: 'Add credit and run the same command again: what was answered is in the cache',
    });
  return null;
}

function saidBy(body: string): { readonly message: string; readonly code: string } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // A page of a proxy says nothing that its status does not.
    return { message: body.trimStart().startsWith('<') ? '' : body.trim(), code: '' };
  }
  return errorOf(value) ?? { message: body.trim(), code: '' };
}

/** A server that echoes what it was sent must not bring the key into a cache or a report. */
function withoutKey(reply: ChatReply, key: string | null): ChatReply {
  return {
    ...reply,
    text: hideKey(reply.text, key),
    finish: reply.finish === null ? null : hideKey(reply.finish, key),
    servedBy: reply.servedBy === null ? null : hideKey(reply.servedBy, key),
    logProbs:
      reply.logProbs?.map((place) =>
        place.map(({ token, logProb }) => ({ token: hideKey(token, key), logProb })),
      ) ?? null,
  };
}
