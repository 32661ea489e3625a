import { z } from 'zod';
import type { Json } from '../base/hash.ts';
import type { Ask, ChatReply, TokenLogProb } from './chat.ts';
import { estimatedTokens } from './cost.ts';

/**
 * OpenAI's chat completions as they travel.
 * *Source:* OpenAI API reference, "Create chat completion".
 */

/** What a request calls the most tokens of a reply: reasoning models of OpenAI take the second only. */
export type MaxTokensField = 'max_tokens' | 'max_completion_tokens';

/** The body of a request. */
export function requestBody(ask: Ask, maxTokensField: MaxTokensField): { readonly [key: string]: Json } {
  const { maxTokens, temperature, topP, seed, topLogProbs, more } = ask.sampling;
  return {
    ...more,
    model: ask.model,
    messages: ask.messages.map(({ role, content }) => ({ role, content })),
    [maxTokensField]: maxTokens,
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(seed === undefined ? {} : { seed }),
    ...(topLogProbs === undefined ? {} : { logprobs: true, top_logprobs: topLogProbs }),
  };
}

const count = z.number().int().nonnegative();
const textPart = z.object({ type: z.string(), text: z.string().optional() });
const tokenSchema = z.object({ token: z.string(), logprob: z.number() });
const completionSchema = z.object({
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.union([z.string(), z.array(textPart)]).nullish() }),
        logprobs: z
          .object({
            content: z.array(z.object({ top_logprobs: z.array(tokenSchema).nullish() })).nullish(),
          })
          .nullish(),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish().catch(null),
});

/** A reply from the text of a response of status 200; or, as a text, why it is none. */
export function readReply(body: string, ask: Ask): ChatReply | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return `the reply is not JSON (${body.length} characters)`;
  }
  const checked = completionSchema.safeParse(value);
  if (!checked.success) {
    const said = saidInError(value);
    if (said !== null) return `the reply is an error: ${said}`;
    const issue = checked.error.issues[0];
    return `the reply is no chat completion: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
  }
  const { choices, usage, model } = checked.data;
  const { message, finish_reason: finish, logprobs } = choices[0] as (typeof choices)[number];
  const content = message.content ?? '';
  const text =
    typeof content === 'string'
      ? content
      : content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
  return {
    text,
    finish: finish ?? null,
    logProbs:
      logprobs?.content?.map(({ top_logprobs: top }) =>
        (top ?? []).map(({ token, logprob }): TokenLogProb => ({ token, logProb: logprob })),
      ) ?? null,
    tokens:
      usage == null
        ? { ...estimatedTokens(ask, text), estimated: true }
        : { prompt: usage.prompt_tokens, completion: usage.completion_tokens, estimated: false },
    servedBy: model ?? null,
  };
}

const errorSchema = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: z.string().nullish(),
      code: z.union([z.string(), z.number()]).nullish(),
      type: z.string().nullish(),
    }),
  ]),
});

/** What a service's error says: OpenAI's form, `{error: {message, code, type}}`, or `{error: text}`. */
export function errorOf(value: unknown): { readonly message: string; readonly code: string } | null {
  const checked = errorSchema.safeParse(value);
  if (!checked.success) return null;
  const { error } = checked.data;
  if (typeof error === 'string') return { message: error, code: '' };
  return { message: error.message ?? '', code: String(error.code ?? error.type ?? '') };
}

function saidInError(value: unknown): string | null {
  const error = errorOf(value);
  return error === null ? null : (error.message || error.code).slice(0, 300);
}
