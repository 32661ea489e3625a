import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { inputError } from '../../base/errors.ts';
import { writeJsonLines } from '../../base/json.ts';
import { deriveSeed } from '../../base/random.ts';
import type { Answer } from '../../evaluate/answers.ts';
import { openCheckpoint } from '../../model/checkpoint.ts';
import { stoppedError, type UnitContext, type UnitRunner } from '../../run/worker.ts';
import type { TokenizedPair } from '../../text/tokenized.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import type { PairScore } from '../../train/preference.ts';
import { type EvaluationPrompt, logProbLine, readIds, readPrompts, readTokens } from '../inputs.ts';
import { pick, place } from '../runners.ts';
import { needSameTokenizer } from '../same-model.ts';
import type { GenerationInputs } from '../units.ts';
import { ServerClient } from './client.ts';
import { choicesOf, echoedLogProbs, generated } from './completions.ts';
import { KeptRows } from './kept-rows.ts';
import { type ServedModel, startModel, withServed } from './models.ts';
import { readServerSettings } from './settings.ts';

/** What each kind of unit does where a model server answers: the same files as `RUNNERS` write. */
export const SERVER_RUNNERS: Readonly<Record<string, UnitRunner>> = {
  reference: async (inputs, context) => {
    const pairs = [...readTokens(place(context, 'tokens')).values()];
    return logProbs(context, pairs, inputs.byToken === true);
  },
  'held-out': async (_, context) => {
    const ids = readIds(place(context, 'rows'));
    return logProbs(context, pick(readTokens(place(context, 'tokens'), ids), ids), false);
  },
  answers,
};

type ScoreLine = ReturnType<typeof logProbLine>;

async function logProbs(context: UnitContext, pairs: readonly TokenizedPair[], byToken: boolean) {
  const textsOf = ({ prompt, chosen, rejected }: TokenizedPair) =>
    [chosen, rejected].map((completion) => [...prompt, ...completion]);
  const lines = await askEach<TokenizedPair, ScoreLine>(context, pairs, {
    what: 'pairs',
    keyOf: ({ id }) => id,
    longest: (pair) => pair.prompt.length + Math.max(pair.chosen.length, pair.rejected.length),
    async ask(pair, { client, model }) {
      const asked = { server: client.url, name: `pair ${pair.id}` };
      const sent = textsOf(pair);
      const reply = await client.ask('POST', '/completions', {
        ...PLAIN,
        ...SCORING,
        model: model.name,
        prompt: sent,
      });
      const { choices } = choicesOf(reply, sent.length, asked);
      const [chosen, rejected] = choices.map((choice, i) =>
        // The first token has no log-probability, and the prompt's are not asked for.
        echoedLogProbs(choice, sent[i] as number[], asked).subarray(pair.prompt.length - 1),
      ) as [Float64Array, Float64Array];
      return logProbLine({ id: pair.id, row: pair.row, ...pairScore(chosen, rejected, byToken) });
    },
  });
  const rows = writeJsonLines(join(context.attemptDir, 'log-probs.jsonl'), lines);
  return { files: ['log-probs.jsonl'], rows: { 'log-probs.jsonl': rows } };
}

/** As `scorePairs` gives it: Σ log π over a completion's tokens, and over its tokens 0, 2, 4, … */
export function pairScore(chosen: Float64Array, rejected: Float64Array, byToken: boolean): PairScore {
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  const even = (values: Float64Array) => sum(values.filter((_, t) => t % 2 === 0));
  return {
    chosen: sum(chosen),
    rejected: sum(rejected),
    chosenEven: even(chosen),
    rejectedEven: even(rejected),
    ...(byToken && { tokens: { chosen: Float32Array.from(chosen), rejected: Float32Array.from(rejected) } }),
  };
}

async function answers(inputs: Parameters<UnitRunner>[0], context: UnitContext) {
  const generation = inputs.generation as unknown as GenerationInputs;
  const prompts = readPrompts(place(context, 'tokens')).map((prompt, i) => ({ ...prompt, i }));
  const tokenizer = loadTokenizer(place(context, 'tokenizer'));
  needSameTokenizer(generation.tokenizerHash, tokenizer);
  const { maxPositions } = openCheckpoint(place(context, 'model')).config;
  const roomFor = ({ tokens }: EvaluationPrompt) =>
    Math.min(generation.maxNewTokens, maxPositions - tokens.length);
  let told = false;
  const rows = await askEach<(typeof prompts)[number], Answer>(context, prompts, {
    what: 'prompts',
    keyOf: ({ i }) => String(i),
    longest: (prompt) => prompt.tokens.length + Math.max(0, roomFor(prompt)),
    async ask(prompt, { client, model }) {
      const { id, text, tokens: sent, i } = prompt;
      const maxTokens = roomFor(prompt);
      // The embedded engine gives the same where the context is full.
      if (maxTokens < 1) return { id, prompt: text, text: '', tokens: 0, ended: false };
      const asked = { server: client.url, name: `prompt ${id}` };
      const reply = await client.ask('POST', '/completions', {
        ...PLAIN,
        ...ALL_TOKENS,
        model: model.name,
        prompt: [sent],
        max_tokens: maxTokens,
        temperature: generation.temperature,
        top_p: generation.topP,
        seed: deriveSeed(generation.seed, 'answers', i),
        stop_token_ids: generation.stopIds,
        logprobs: 0,
      });
      const { choices, usage } = choicesOf(reply, 1, asked);
      const made = generated(choices[0] as (typeof choices)[number], usage, sent, generation.stopIds, asked);
      if (made.tokens !== null) {
        const { tokens, ended } = made;
        return { id, prompt: text, text: tokenizer.decode(tokens), tokens: tokens.length, ended };
      }
      if (!told)
        context.note(`${client.url} does not tell the ids of its tokens: its texts are taken as they come`);
      told = true;
      const tokens = usage?.completion_tokens ?? tokenizer.encode(made.text, { special: false }).length;
      return { id, prompt: text, text: made.text, tokens, ended: made.ended };
    },
  });
  const count = writeJsonLines(join(context.attemptDir, 'answers.jsonl'), rows);
  return { files: ['answers.jsonl'], rows: { 'answers.jsonl': count } };
}

/** Token ids go and come as they are. */
export const PLAIN = { add_special_tokens: false, return_tokens_as_token_ids: true, return_token_ids: true };
/** Nothing is generated; each token that was sent comes back with its own log-probability. */
export const SCORING = { max_tokens: 0, echo: true, logprobs: 0, temperature: 1 };
/** What a model's generation_config.json would have the server do otherwise, and the engine does not do. */
const ALL_TOKENS = { top_k: -1, min_p: 0, repetition_penalty: 1 };

interface Serving {
  readonly client: ServerClient;
  readonly model: ServedModel;
}

interface Asking<T, R> {
  readonly what: string;
  readonly keyOf: (item: T) => string;
  /** Most tokens that the server must take for it. */
  readonly longest: (item: T) => number;
  readonly ask: (item: T, serving: Serving) => Promise<R>;
}

const LOOK_MS = 100;

/** Asks the server for each item that no earlier attempt has the answer to; gives the answers in the items' order. */
async function askEach<T, R>(context: UnitContext, items: readonly T[], asking: Asking<T, R>): Promise<R[]> {
  const { url, model, concurrency } = readServerSettings(place(context, 'server'));
  const abort = new AbortController();
  // One for each request is right.
  setMaxListeners(0, abort.signal);
  const timer = setInterval(() => {
    if (context.shouldStop()) abort.abort();
  }, LOOK_MS);
  const onRetry = (why: string) => process.stderr.write(`asked again: ${why}\n`);
  const client = new ServerClient({ url, concurrency, signal: abort.signal, onRetry });
  const kept = new KeptRows<R>(context);
  try {
    const left = items.filter((item) => kept.get(asking.keyOf(item)) === undefined);
    const report = () => context.report({ done: kept.size, total: items.length, what: asking.what });
    report();
    const work = async (served: ServedModel) => {
      needRoom(left, asking, served, url);
      const lane = async () => {
        for (let item = left.shift(); item !== undefined; item = left.shift()) {
          if (abort.signal.aborted) throw stoppedError();
          kept.put(asking.keyOf(item), await asking.ask(item, { client, model: served }));
          report();
        }
      };
      const lanes = Array.from({ length: Math.min(concurrency, left.length) }, lane);
      // The first fault ends the others; what had been answered until then is kept.
      await Promise.all(lanes).catch(async (error) => {
        abort.abort();
        await Promise.allSettled(lanes);
        throw error;
      });
    };
    if (left.length > 0) await withServed(client, context, await startModel(client, model), work);
    return items.map((item) => kept.get(asking.keyOf(item)) as R);
  } finally {
    clearInterval(timer);
    kept.close();
  }
}

/** @throws inputError `server-context`: a server that is started for shorter texts would cut or refuse some. */
function needRoom<T, R>(
  items: readonly T[],
  { longest, keyOf }: Asking<T, R>,
  { name, maxLength }: ServedModel,
  url: string,
): void {
  const long = items.find((item) => longest(item) > (maxLength ?? Number.POSITIVE_INFINITY));
  if (long === undefined) return;
  const most = items.reduce((top, item) => Math.max(top, longest(item)), 0);
  throw inputError('server-context', `${url} serves ${name} for shorter texts than these`, {
    need: `${most} tokens (the first that does not fit: ${keyOf(long)}, ${longest(long)} tokens)`,
    got: maxLength,
    remedy: `Start the server with --max-model-len ${most} or more, or shorten text.maxLength and evaluation.maxNewTokens`,
  });
}
