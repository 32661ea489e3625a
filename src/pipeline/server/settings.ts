import { inputError } from '../../base/errors.ts';
import type { Config } from '../../run/config.ts';
import type { ServerBase } from '../units.ts';

/** What a worker is told of the server; no part of a result. */
export type ServerSettings = Pick<Config['server'], 'model' | 'concurrency'> & { readonly url: string };

/**
 * The model server as units name it; undefined: the engine does all.
 * @throws inputError `server-url`, `server-full`, `server-none`.
 */
export function serverBase({
  server,
  training,
}: Pick<Config, 'server' | 'training'>): ServerBase | undefined {
  const { url, model, scoring, concurrency } = server;
  if (url === null) {
    if (!scoring) return undefined;
    throw inputError('server-none', 'server.scoring is set, and no server is named', {
      key: 'server.scoring',
      remedy: 'Set server.url, or leave server.scoring out',
    });
  }
  if (training.method === 'full')
    throw inputError('server-full', 'a running server takes adapters only, and every weight is trained', {
      key: 'training.method',
      got: training.method,
      need: 'lora',
      remedy: 'Set training.method: lora, or leave server.url out: the engine then answers',
    });
  const settings: ServerSettings = { url: checkedUrl(url), model, concurrency };
  return { scoring, settings: JSON.stringify(settings) };
}

export function readServerSettings(place: string): ServerSettings {
  return JSON.parse(place) as ServerSettings;
}

/** @throws inputError `server-url`. */
export function checkedUrl(text: string): string {
  const bad = (what: string, got: string) =>
    inputError('server-url', what, {
      key: 'server.url',
      got,
      need: 'the address under which the server has /completions, such as http://gpu1:8000/v1',
    });
  if (!URL.canParse(text)) throw bad('the server’s address is not a URL', text);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw bad('the server’s address is not of the web', url.protocol);
  // What it would hold there is written into unit.json: a password must not be.
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw bad('the server’s address holds a user, a password, a query or a #', url.origin);
  return url.href.replace(/\/+$/, '').replace(/\/completions$/, '');
}
