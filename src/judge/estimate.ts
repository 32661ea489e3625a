import type { Ask, ChatReply, Estimate, Price } from './chat.ts';
import { costUsd, estimatedTokens, mostTokens } from './cost.ts';

/** What asks would cost, given the replies that are there. Twins are paid once. */
export function estimateAsks(
  asks: readonly Ask[],
  keys: readonly string[],
  store: { readonly get: (key: string) => ChatReply | undefined },
  price: Price | null,
): Estimate {
  const seen = new Set<string>();
  let [fresh, promptTokens, completionTokensMost, usdMost] = [0, 0, 0, 0];
  let [known, knownCompletion, cachedUsd] = [0, 0, 0];
  for (const [index, ask] of asks.entries()) {
    const key = keys[index] as string;
    if (seen.has(key)) continue;
    seen.add(key);
    const reply = store.get(key);
    if (reply !== undefined) {
      known++;
      knownCompletion += reply.tokens.completion;
      if (price !== null) cachedUsd += costUsd(reply.tokens, price);
      continue;
    }
    fresh++;
    promptTokens += estimatedTokens(ask, '').prompt;
    completionTokensMost += ask.sampling.maxTokens;
    if (price !== null) usdMost += costUsd(mostTokens(ask), price);
  }
  const completionTokens =
    known === 0
      ? completionTokensMost
      : Math.min(completionTokensMost, Math.round((fresh * knownCompletion) / known));
  return {
    asks: asks.length,
    cached: asks.length - fresh,
    fresh,
    promptTokens,
    completionTokens,
    completionTokensMost,
    usd: price === null ? null : costUsd({ prompt: promptTokens, completion: completionTokens }, price),
    usdMost: price === null ? null : usdMost,
    cachedUsd: price === null ? null : cachedUsd,
  };
}

/** One line for people. */
export function estimateText(estimate: Estimate): string {
  const { asks, cached, fresh, promptTokens, completionTokens, completionTokensMost } = estimate;
  if (fresh === 0) return `${whole(asks)} questions, all answered by the cache: nothing to pay`;
  const questions = `${whole(asks)} questions${cached === 0 ? '' : `, ${whole(cached)} of them answered by the cache`}`;
  const most = completionTokens < completionTokensMost ? '' : 'at most ';
  const tokens = `about ${whole(promptTokens)} tokens in and ${most}${whole(completionTokens)} out`;
  return `${questions}: ${tokens}, ${priceText(estimate)}`;
}

function priceText({ usd, usdMost }: Estimate): string {
  if (usd === null || usdMost === null) return 'price unknown';
  return `about ${dollars(usd)} USD, never more than ${dollars(usdMost)} USD without asking again`;
}

/** Two digits after the point; more where they would all be zero. */
export function dollars(usd: number): string {
  if (usd === 0 || usd >= 0.01) return usd.toFixed(2);
  return usd.toPrecision(1).includes('e') ? '0.00' : usd.toPrecision(1);
}

function whole(value: number): string {
  return value.toLocaleString('en-US');
}
