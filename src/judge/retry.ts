import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../base/random.ts';

export interface RetryOptions {
  /** Requests of one ask at most, those that were only told to wait (429) not counted. Default 6. */
  readonly attempts?: number;
  /** Before the second request; doubles each time. Default 1,000. */
  readonly firstWaitMs?: number;
  /** Longest of these waits, and longest that the server's Retry-After is followed. Default 60,000 and ten times that. */
  readonly longestWaitMs?: number;
}

/** Times of the limit on single waits that one ask may spend on being told to wait. */
export const PATIENCE = 10;

export const RETRY: Required<RetryOptions> = { attempts: 6, firstWaitMs: 1_000, longestWaitMs: 60_000 };

/**
 * Exponential backoff with jitter: min(longest, first · 2^(n − 1)) · (½ + u/2) before request n + 1, u uniform in
 * [0, 1) and drawn from the ask's key: equal waits of many asks would meet again.
 */
export function backoffMs(retry: Required<RetryOptions>, failures: number, key: string): number {
  const full = Math.min(retry.longestWaitMs, retry.firstWaitMs * 2 ** (failures - 1));
  return full * (0.5 + new Random(key, 'backoff', failures).uniform() / 2);
}

/**
 * Milliseconds that a response asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date
 * (RFC 9110, 10.2.3). null where it does not say, 0 for a date that is past.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const exact = headers.get('retry-after-ms')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(exact)) return Number(exact);
  const after = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(after)) return 1_000 * Number(after);
  // Date.parse takes almost any text, also a negative number.
  const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(after) ? Date.parse(after) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

/** Sleeps; returns early, without an error, when the signal fires. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    // Woken: the caller looks at the signal.
  }
}
