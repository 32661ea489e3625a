import { z } from 'zod';
import { inputError, machineError } from '../../base/errors.ts';
import { REPLY_REMEDY } from './client.ts';

/** What of a text's log-probabilities is needed to say where they are wrong. */
export interface Asked {
  readonly server: string;
  /** `pair pair-7`, `prompt x`. */
  readonly name: string;
}

const ids = z.array(z.int()).nullish();
const choice = z.object({
  index: z.int().min(0),
  text: z.string(),
  finish_reason: z.string().nullish(),
  stop_reason: z.unknown().optional(),
  token_ids: ids,
  prompt_token_ids: ids,
  logprobs: z
    .object({
      tokens: z.array(z.string()),
      token_logprobs: z.array(z.number().nullable()),
    })
    .nullish(),
});
const completion = z.object({
  choices: z.array(choice),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int().nullish() }).nullish(),
});

export type Choice = z.infer<typeof choice>;
export type Usage = NonNullable<z.infer<typeof completion>['usage']>;

/** The choices of a reply, one for each prompt, in the order of the prompts. */
export function choicesOf(
  value: unknown,
  prompts: number,
  { server, name }: Asked,
): { readonly choices: readonly Choice[]; readonly usage: Usage | null } {
  const checked = completion.safeParse(value);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw machineError('server-reply', `the reply of ${server} for ${name} is no completion`, {
      got: `${issue?.path.join('.')} ${issue?.message}`,
      remedy: REPLY_REMEDY,
    });
  }
  const choices = [...checked.data.choices].sort((a, b) => a.index - b.index);
  if (choices.length !== prompts || choices.some(({ index }, i) => index !== i))
    throw machineError('server-reply', `${server} did not answer for each text of ${name}`, {
      need: `${prompts} choices`,
      got: choices.map(({ index }) => index),
      remedy: REPLY_REMEDY,
    });
  return { choices, usage: checked.data.usage ?? null };
}

/** What vLLM gives for −∞. */
const FLOOR = -9999;

/**
 * log π of every token of the text but the first, nats, from a completion with echo.
 * @throws inputError `server-echo`, `server-tokens` where the server cannot; machineError `not-finite`.
 */
export function echoedLogProbs(choice: Choice, sent: readonly number[], asked: Asked): Float64Array {
  const { server, name } = asked;
  const { logprobs } = choice;
  if (logprobs == null || logprobs.token_logprobs.length < sent.length)
    throw inputError('server-echo', `${server} gives no log-probabilities of what it is sent`, {
      need: `log-probabilities of the ${sent.length} tokens of ${name} (echo, logprobs)`,
      got: logprobs == null ? 'none' : `${logprobs.token_logprobs.length}`,
      remedy: 'Score with vLLM; llama.cpp cannot. Or set server.scoring: false: the engine then scores',
    });
  const came = idsOf(logprobs.tokens) ?? choice.prompt_token_ids ?? null;
  needSame(came, logprobs.token_logprobs.length, sent, asked);
  return Float64Array.from(sent.slice(1), (_, i) => {
    const value = logprobs.token_logprobs[i + 1];
    if (typeof value === 'number' && value > FLOOR) return value;
    throw machineError('not-finite', `${server} gives no number as a log-probability of ${name}`, {
      got: value === FLOOR ? `${FLOOR}, which stands for −∞` : String(value),
      need: `a number for token ${i + 1}`,
      remedy: 'Look into the server’s log; in float16 large models overflow: serve it in bfloat16',
    });
  });
}

/** What was generated; the stop token is no part of it. */
export interface Generated {
  /** null: the server does not tell the ids. */
  readonly tokens: readonly number[] | null;
  readonly text: string;
  readonly ended: boolean;
}

/** @throws inputError `server-tokens` where the prompt was not read as it was sent. */
export function generated(
  choice: Choice,
  usage: Usage | null,
  sent: readonly number[],
  stopIds: readonly number[],
  asked: Asked,
): Generated {
  const prompt = choice.prompt_token_ids ?? null;
  needSame(prompt, prompt?.length ?? usage?.prompt_tokens ?? sent.length, sent, asked);
  const found = choice.token_ids ?? idsOf(choice.logprobs?.tokens ?? ['']);
  const ended = choice.finish_reason === 'stop';
  const last = found?.at(-1);
  const stopped = ended && last !== undefined && (stopIds.includes(last) || choice.stop_reason === last);
  return { tokens: (stopped ? found?.slice(0, -1) : found) ?? null, text: choice.text, ended };
}

/** Ids of tokens in the form `token_id:123`; null where some are texts. */
function idsOf(tokens: readonly string[]): number[] | null {
  const found = tokens.map((token) => /^token_id:(\d+)$/.exec(token)?.[1]);
  return found.every((id) => id !== undefined) ? found.map(Number) : null;
}

/** The tokens that the server read are those that it was sent; told by their number alone where it does not name them. */
function needSame(
  came: readonly number[] | null,
  length: number,
  sent: readonly number[],
  { server, name }: Asked,
): void {
  if (length === sent.length && (came === null || sent.every((id, i) => id === came[i]))) return;
  const more = length - sent.length;
  const inFront = came === null || sent.every((id, i) => id === came[i + more]);
  if (more > 0 && inFront)
    throw inputError(
      'server-tokens',
      `${server} puts ${more} token${more > 1 ? 's' : ''} in front of what it is sent`,
      {
        need: `the ${sent.length} tokens of ${name}, which begin with ${sent.slice(0, 3).join(', ')}`,
        got: came === null ? `${length} tokens` : `tokens that begin with ${came.slice(0, 3).join(', ')}`,
        remedy:
          'It must heed add_special_tokens: false, as vLLM does: a second BOS would change every number',
      },
    );
  const at = sent.findIndex((id, i) => id !== came?.[i]);
  throw inputError('server-tokens', `${server} read other tokens than it was sent for ${name}`, {
    need: length === sent.length ? `${sent[at]} as token ${at}` : `${sent.length} tokens`,
    got: length === sent.length ? came?.[at] : `${length}`,
    remedy: 'Serve the model that the run has as model, with its own tokenizer',
  });
}
