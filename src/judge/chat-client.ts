import { inputError } from '../base/errors.ts';
import { askEach, type Line } from './ask-each.ts';
import { askKey } from './ask-key.ts';
import { Budget } from './budget.ts';
import type { Ask, ChatClient, Price, Spending } from './chat.ts';
import { type EndpointOptions, judgeEndpoint, serviceName } from './endpoint.ts';
import { estimateAsks } from './estimate.ts';
import { folderStore, memoryStore } from './reply-store.ts';
import { RETRY, type RetryOptions } from './retry.ts';
import { Throttle } from './throttle.ts';
import type { MaxTokensField } from './wire.ts';

export interface ChatClientOptions extends EndpointOptions {
  /** Folder of the cache; null: replies are kept in memory only. */
  readonly cache: string | null;
  /** Needed for a budget, and for costs in USD. */
  readonly price?: Price;
  /** Most that this client may spend; what the cache answers costs nothing. Default: no limit. */
  readonly budgetUsd?: number;
  /** Requests under way at most. Default 8. */
  readonly concurrency?: number;
  /** Default 240,000. Node's fetch itself gives up after 300,000 without a byte. */
  readonly timeoutMs?: number;
  readonly retry?: RetryOptions;
  /** Default max_tokens; OpenAI's reasoning models take max_completion_tokens only. */
  readonly maxTokensField?: MaxTokensField;
  /** What the service is known by in the cache. Default: its address, without a query. */
  readonly service?: string;
}

/**
 * A client of OpenAI's chat completions, for many questions: a cache by content, limits of concurrency, retries with
 * backoff, and a budget that is never exceeded. Never shows a key.
 *
 * @throws inputError `judge-url`, `judge-key`, `judge-price`, `judge-options`, `judge-cache`.
 */
export function openChatClient(options: ChatClientOptions): ChatClient {
  const { price = null, budgetUsd, concurrency = 8, timeoutMs = 240_000 } = options;
  const endpoint = judgeEndpoint(options);
  if (price !== null) checkPrice(price);
  checkNumber('budgetUsd', budgetUsd, 0, Number.POSITIVE_INFINITY);
  checkNumber('concurrency', concurrency, 1, 1_000);
  checkNumber('timeoutMs', timeoutMs, 1, 2 ** 31 - 1);
  if (budgetUsd !== undefined && price === null)
    throw inputError('judge-price', 'a budget needs the prices of the judge', {
      need: 'USD for a million tokens of input, and of output',
      remedy: 'Give the price as the service’s price list has it',
    });
  const store = options.cache === null ? memoryStore() : folderStore(options.cache);
  const line: Line = {
    endpoint,
    store,
    price,
    budget: new Budget(budgetUsd ?? Number.POSITIVE_INFINITY),
    throttle: new Throttle(concurrency),
    concurrency,
    retry: { ...RETRY, ...options.retry },
    timeoutMs,
    maxTokensField: options.maxTokensField ?? 'max_tokens',
    counts: {
      paid: 0,
      cached: 0,
      failed: 0,
      retries: 0,
      promptTokens: 0,
      completionTokens: 0,
      estimatedReplies: 0,
    },
    health: { answered: false, failuresInARow: 0, refusals: 0 },
  };
  const service = serviceName(endpoint.baseUrl);
  const keyOf = (ask: Ask) => {
    checkAsk(ask);
    return askKey(ask, options.service ?? service);
  };
  const spending = (): Spending => ({
    ...line.counts,
    usd: price === null ? null : line.budget.spentUsd,
    possiblyUsd: price === null ? null : line.budget.possiblyUsd,
  });
  return {
    service,
    spending,
    ask: (asks, askOptions = {}) => askEach(line, asks, asks.map(keyOf), spending, askOptions),
    estimate(asks) {
      store.refresh();
      return estimateAsks(asks, asks.map(keyOf), store, price);
    },
    close: () => store.close(),
  };
}

function checkPrice(price: Price): void {
  checkNumber('inputUsdPerMillion', price.inputUsdPerMillion, 0, Number.MAX_VALUE);
  checkNumber('outputUsdPerMillion', price.outputUsdPerMillion, 0, Number.MAX_VALUE);
}

function checkNumber(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw inputError('judge-options', `${name} of the judge is out of range`, {
    need: most >= Number.MAX_VALUE ? `at least ${least}` : `${least} to ${most}`,
    got: value,
  });
}

/** They would change what a reply is or what it may cost. */
const OWN_FIELDS = [
  'model',
  'messages',
  'n',
  'stream',
  'max_tokens',
  'max_completion_tokens',
  'logprobs',
  'top_logprobs',
];

function checkAsk({ sampling, messages }: Ask): void {
  if (!(Number.isInteger(sampling.maxTokens) && sampling.maxTokens >= 1))
    throw inputError('judge-options', 'maxTokens of the judge is out of range', {
      need: 'an integer of at least 1',
      got: sampling.maxTokens,
    });
  if (messages.length === 0) throw inputError('judge-options', 'an ask without messages', { got: messages });
  const own = OWN_FIELDS.filter((field) => Object.hasOwn(sampling.more ?? {}, field));
  if (own.length > 0)
    throw inputError('judge-options', 'further fields of a request cannot hold its own', {
      got: own,
      remedy: 'Leave them out: the client writes them',
    });
}
