import type { Ask, Price, Tokens } from './chat.ts';

const MILLION = 1_000_000;
/** Tokens of a server's own chat template (a date, a default system prompt, headers), generously. */
const TEMPLATE_TOKENS = 128;
const MESSAGE_TOKENS = 16;
/** UTF-8 bytes of a token, about: four characters of English, one and a third of Japanese. */
const BYTES_PER_TOKEN = 4;

/** usd = (prompt · input price + completion · output price) / 10⁶. */
export function costUsd(tokens: Pick<Tokens, 'prompt' | 'completion'>, price: Price): number {
  return (tokens.prompt * price.inputUsdPerMillion + tokens.completion * price.outputUsdPerMillion) / MILLION;
}

/** Tokens by length: UTF-8 bytes / 4, rounded up. 0 for an empty text. */
export function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text, 'utf8') / BYTES_PER_TOKEN);
}

/** Tokens of an ask and its reply by their lengths, for servers that tell no usage. */
export function estimatedTokens(
  ask: Ask,
  reply: string,
): { readonly prompt: number; readonly completion: number } {
  return {
    prompt: ask.messages.reduce((sum, { content }) => sum + tokensOf(content), 0),
    completion: tokensOf(reply),
  };
}

/**
 * Most tokens that an ask can take. No tokenizer makes more tokens of a text than its UTF-8 has bytes (one that
 * rewrites letters before it counts could; then 128 tokens are to spare), and no reply is longer than its limit.
 */
export function mostTokens(ask: Ask): { readonly prompt: number; readonly completion: number } {
  const bytes = ask.messages.reduce(
    (sum, { content }) => sum + Buffer.byteLength(content, 'utf8') + MESSAGE_TOKENS,
    0,
  );
  return { prompt: bytes + TEMPLATE_TOKENS, completion: ask.sampling.maxTokens };
}
