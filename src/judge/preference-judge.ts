import { inputError, type WinnowError } from '../base/errors.ts';
import type { ChatReply, TokenLogProb } from './chat.ts';
import type { GameFailure, PairJudge } from './duel.ts';
import { type GameReading, type GamesOptions, gamesJudge } from './games.ts';
import { checkKind } from './pairwise-judge.ts';
import type { JudgeTemplate } from './template.ts';

/** One token, and the five likeliest in its place: evaluators_configs/weighted_alpaca_eval_gpt4_turbo at cd543a1. */
const SAMPLING = { temperature: 1, topP: 1, maxTokens: 1, topLogProbs: 5 };
/** Rounding of a log-probability of a sure token. */
const ROUNDING = 1e-3;

/**
 * A language model that answers with one token, m or M; its preference is the probability of the model's label among
 * the two. By default in one order, drawn for each duel.
 *
 * *Source:* AlpacaEval 2, completion_parsers.py, logprob_parser, at cd543a1.
 *
 * @throws inputError `judge-template` for a template of another kind; `judge-no-log-probs` (in the judgment's `stopped`)
 * from a service that gives no log-probabilities.
 */
export function preferenceJudge(options: GamesOptions): PairJudge {
  checkKind(options.template, 'preference');
  const { labels } = options.template;
  return gamesJudge(options, {
    name: 'preference',
    orders: 'seeded',
    sampling: SAMPLING,
    tie: { label: '=' },
    read: ({ logProbs }) => readPreference(logProbs, labels),
    stopWhen: () => noLogProbs(options.model),
  });
}

/**
 * P(a) / (P(a) + P(b)) over the likeliest tokens at the reply's first place. A label that is not among them counts as
 * probability 0, so that the other has all; with neither there is no preference.
 */
export function readPreference(
  logProbs: ChatReply['logProbs'],
  { a, b }: JudgeTemplate['labels'],
): { readonly value: GameReading } | { readonly failure: GameFailure } {
  const place = logProbs?.[0];
  if (place === undefined || place.length === 0) return { failure: 'no-log-probs' };
  if (place.some(({ logProb }) => !(logProb <= ROUNDING))) return { failure: 'bad-log-probs' };
  const [logA, logB] = [logProbOf(place, a), logProbOf(place, b)];
  if (logA === null && logB === null) return { failure: 'no-label-token' };
  // 1 / (1 + e^(log b − log a)) needs no sum of probabilities that may both be tiny.
  const winA = logA === null ? 0 : logB === null ? 1 : 1 / (1 + Math.exp(logB - logA));
  return { value: { label: winA > 0.5 ? a : winA < 0.5 ? b : '=', winA, strong: false } };
}

function logProbOf(place: readonly TokenLogProb[], token: string): number | null {
  return place.findLast((alternative) => alternative.token === token)?.logProb ?? null;
}

/** A service that never gives log-probabilities is found at its first reply, before the others are paid. */
function noLogProbs(model: string): (reply: ChatReply) => WinnowError | null {
  let given = false;
  return ({ logProbs }) => {
    given ||= logProbs?.every((place) => place.length > 0) === true;
    return given
      ? null
      : inputError('judge-no-log-probs', `the service gives no log-probabilities of ${model}`, {
          need: 'logprobs and top_logprobs in the replies',
          remedy:
            'Take a judge that compares in words (a pairwise template), or a service and model that have log-probabilities',
        });
  };
}
