import { WinnowError } from '../../base/errors.ts';
import { ServerClient } from './client.ts';
import { choicesOf, echoedLogProbs } from './completions.ts';
import { needAdapters, startModel } from './models.ts';
import { PLAIN, SCORING } from './runners.ts';
import { checkedUrl } from './settings.ts';

/** What a server can be used for. `why` is null where it can. */
export interface ServerAbilities {
  readonly model: string;
  /** Most tokens; null: it does not say. */
  readonly maxLength: number | null;
  /** Trained arms as adapters. */
  readonly adapters: { readonly why: string | null };
  /** Log-probabilities of what it is sent. */
  readonly scoring: { readonly why: string | null };
}

/** Small ids, which every vocabulary has. */
const TEXT = [5, 6, 7, 8];

/**
 * Tries a server: its model, adapters, and log-probabilities of four tokens.
 * @throws inputError, machineError where it is no such server or cannot be reached.
 */
export async function probeServer(address: string, name: string | null): Promise<ServerAbilities> {
  const signal = new AbortController().signal;
  const url = checkedUrl(address);
  const client = new ServerClient({ url, concurrency: 1, signal, retry: { attempts: 1 }, timeoutMs: 30_000 });
  const model = await startModel(client, name);
  const adapters = await whyNot(() => needAdapters(client));
  const scoring = await whyNot(async () => {
    const asked = { server: url, name: 'a trial' };
    const body = { ...PLAIN, ...SCORING, model: model.name, prompt: [TEXT] };
    const { choices } = choicesOf(await client.ask('POST', '/completions', body), 1, asked);
    echoedLogProbs(choices[0] as (typeof choices)[number], TEXT, asked);
  });
  return { model: model.name, maxLength: model.maxLength, adapters, scoring };
}

async function whyNot(work: () => Promise<void>): Promise<{ readonly why: string | null }> {
  try {
    await work();
    return { why: null };
  } catch (error) {
    if (error instanceof WinnowError) return { why: error.message };
    throw error;
  }
}
