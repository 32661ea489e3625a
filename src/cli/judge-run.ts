import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import type { ChatClient } from '../judge/chat.ts';
import { openChatClient } from '../judge/chat-client.ts';
import type { PairJudge } from '../judge/duel.ts';
import { pairwiseJudge } from '../judge/pairwise-judge.ts';
import { preferenceJudge } from '../judge/preference-judge.ts';
import type { Config } from '../run/config.ts';
import { pairTemplate } from './judge-connection.ts';

export interface OpenedJudge {
  readonly client: ChatClient;
  readonly judge: PairJudge;
}

/** The language model that judges a run's answers, as `llmJudge` says; null where none does. */
export async function openRunJudge({ llmJudge, out, seed }: Config): Promise<OpenedJudge | null> {
  const { model, url, judging, template: given, priceIn, priceOut, budgetUsd, concurrency } = llmJudge;
  if (model === null) return null;
  const template = await pairTemplate(given ?? undefined, judging);
  if (template.usesReference)
    throw inputError('judge-reference', 'prompts of a run have no reference answer for this template', {
      file: template.file,
      key: 'llmJudge.template',
      remedy: 'Take a template that shows none',
    });
  const client = openChatClient({
    cache: join(out, 'judge-cache'),
    concurrency,
    ...(url === null ? {} : { baseUrl: url }),
    ...(priceIn === null || priceOut === null
      ? {}
      : { price: { inputUsdPerMillion: priceIn, outputUsdPerMillion: priceOut } }),
    ...(budgetUsd === null ? {} : { budgetUsd }),
  });
  const options = { client, model, template, seed, orders: 'both' as const };
  return { client, judge: judging === 'log-prob' ? preferenceJudge(options) : pairwiseJudge(options) };
}
