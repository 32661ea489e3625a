import { readDone } from '../../run/done.ts';
import { writePrompts } from '../inputs.ts';
import { generationInputs, type Prepared } from '../prepare.ts';
import { answersUnit, referenceUnit } from '../units.ts';
import { ServerClient } from './client.ts';
import { needAdapters, startModel } from './models.ts';
import { readServerSettings } from './settings.ts';

/** Of a check a person waits for the answer. */
const ATTEMPTS = 3;

/**
 * Asks the server whether it has the model, before any work and not where its work is done: hours later would be late.
 * @throws inputError `server-model` and those of the client.
 */
export async function needServer(prepared: Prepared, runDir: string, signal?: AbortSignal): Promise<void> {
  const { base, prompts, config } = prepared;
  if (base.server === undefined) return;
  const answers = answersUnit(base, null, writePrompts(runDir, prompts), generationInputs(prepared));
  const reference = referenceUnit(base, { loss: config.training.loss });
  if ([answers, reference].some((unit) => readDone(runDir, unit) !== null)) return;
  await startModel(...opened(base.server.settings, signal));
}

/** Asks the server whether it can be given what is trained now. */
export async function needServerForArms({ base }: Prepared, signal?: AbortSignal): Promise<void> {
  if (base.server === undefined) return;
  const [client, model] = opened(base.server.settings, signal);
  await startModel(client, model);
  await needAdapters(client);
}

function opened(place: string, signal = new AbortController().signal): [ServerClient, string | null] {
  const { url, model } = readServerSettings(place);
  return [new ServerClient({ url, concurrency: 1, signal, retry: { attempts: ATTEMPTS } }), model];
}
