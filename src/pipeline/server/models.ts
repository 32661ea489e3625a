import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { inputError, machineError } from '../../base/errors.ts';
import type { UnitContext } from '../../run/worker.ts';
import { REPLY_REMEDY, type ServerClient, type ServerReply } from './client.ts';

const models = z.object({
  data: z.array(
    z.object({ id: z.string(), parent: z.string().nullish(), max_model_len: z.number().nullish() }),
  ),
});

export interface ServedModel {
  readonly name: string;
  /** Most tokens of a text with what is generated; null: the server does not say. */
  readonly maxLength: number | null;
}

/** The start model at the server: by its name, or the only one that is no adapter. */
export async function startModel(client: ServerClient, name: string | null): Promise<ServedModel> {
  const checked = models.safeParse(await client.ask('GET', '/models'));
  if (!checked.success)
    throw machineError('server-reply', `${client.url}/models is no list of models`, { remedy: REPLY_REMEDY });
  const { data } = checked.data;
  const bases = data.filter(({ parent }) => parent == null);
  const found =
    name === null ? (bases.length === 1 ? bases[0] : undefined) : data.find(({ id }) => id === name);
  if (found !== undefined) return { name: found.id, maxLength: found.max_model_len ?? null };
  throw inputError(
    'server-model',
    name === null ? `${client.url} has ${bases.length} models` : `${client.url} does not have this model`,
    {
      key: 'server.model',
      ...(name === null ? {} : { got: name }),
      need: name === null ? `one of ${bases.map(({ id }) => id).join(', ')}` : bases.map(({ id }) => id),
      remedy: 'Set server.model to the name under which the start model is served',
    },
  );
}

/**
 * The model whose words a unit wants: the start model, or an adapter that is loaded for this unit alone and unloaded
 * afterwards. Two units with one adapter load it under two names: neither ends while the other still asks.
 */
export async function withServed<T>(
  client: ServerClient,
  context: UnitContext,
  start: ServedModel,
  use: (model: ServedModel) => Promise<T>,
): Promise<T> {
  const { trained, adapter: own } = context.places;
  if (trained !== undefined && existsSync(join(trained, 'model')))
    throw inputError('server-full', 'a running server cannot load a model whose every weight was trained', {
      file: join(trained, 'model'),
      remedy: 'Set training.method: lora, or leave server.url out: the engine then answers',
    });
  const adapter = trained === undefined ? own : join(trained, 'adapter');
  if (adapter === undefined) return use(start);
  const { inputs } = context.spec;
  const of = trained === undefined ? `start-${String(inputs.adapter).slice(0, 12)}` : String(inputs.trained);
  const name = `winnow-${of}-${basename(context.unitDir)}`;
  await loadAdapter(client, name, resolve(adapter));
  try {
    return await use({ ...start, name });
  } finally {
    await unload(client, name);
  }
}

async function loadAdapter(client: ServerClient, name: string, path: string): Promise<void> {
  const load = () => client.send('POST', '/load_lora_adapter', { lora_name: name, lora_path: path });
  let reply = await load();
  if (reply.status === 400 && /already/i.test(reply.text)) {
    // Of an attempt that was killed; its path may be gone since.
    await unload(client, name);
    reply = await load();
  }
  if (reply.status >= 200 && reply.status < 300) return;
  if (isNoRoute(reply)) throw noAdapters(client);
  throw inputError('server-adapter', `${client.url} does not load a trained adapter`, {
    file: path,
    got: `status ${reply.status}: ${client.said(reply.text)}`,
    remedy:
      'The server must see the run folder under the same path, and have been started with --enable-lora and a --max-lora-rank of at least training.rank',
  });
}

/** A server that is asked to stop may be gone, and one that forgot the adapter has nothing to unload: no fault. */
async function unload(client: ServerClient, name: string): Promise<void> {
  await client.once('POST', '/unload_lora_adapter', { lora_name: name });
}

/** @throws inputError `server-no-adapters` where adapters cannot be loaded while the server runs. */
export async function needAdapters(client: ServerClient): Promise<void> {
  const reply = await client.send('POST', '/unload_lora_adapter', { lora_name: 'winnow-is-this-allowed' });
  if (isNoRoute(reply)) throw noAdapters(client);
}

/** FastAPI's words for an address that it does not have; vLLM's own for an adapter that it does not have are longer. */
function isNoRoute({ status, text }: ServerReply): boolean {
  return (
    status === 405 || (status === 404 && (text === '' || /^\s*\{"detail":\s*"Not Found"\}\s*$/.test(text)))
  );
}

function noAdapters(client: ServerClient) {
  return inputError('server-no-adapters', `${client.url} loads no adapters while it runs`, {
    need: '/load_lora_adapter and /unload_lora_adapter',
    remedy:
      'Start vLLM with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment and with --enable-lora --max-lora-rank (at least training.rank)',
  });
}
