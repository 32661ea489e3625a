import { inputError } from '../base/errors.ts';

/** Where a judge answers, and the key that it asks for. */
export interface Endpoint {
  /** Without a slash at the end; `/chat/completions` is appended to its path. */
  readonly baseUrl: string;
  /** null: no Authorization header is sent. Never shown. */
  readonly key: string | null;
  /** OPENAI_API_KEY is set but was not taken, since the address is another service's. */
  readonly keyWithheld: boolean;
}

export interface EndpointOptions {
  /** Default: WINNOW_JUDGE_URL, then OPENAI_BASE_URL. */
  readonly baseUrl?: string;
  /** Default: WINNOW_JUDGE_KEY, then OPENAI_API_KEY where it belongs to the address. */
  readonly key?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where OPENAI_API_KEY belongs when OPENAI_BASE_URL is not set, as in OpenAI's own clients. */
const OPENAI = 'https://api.openai.com/v1';
const URL_REMEDY =
  'Set WINNOW_JUDGE_URL to the address under which the server has /chat/completions, such as http://127.0.0.1:8000/v1';

/**
 * The endpoint of a judge: what the caller gives, then WINNOW_JUDGE_URL and WINNOW_JUDGE_KEY, then OPENAI_BASE_URL and
 * OPENAI_API_KEY. OPENAI_API_KEY alone means OpenAI's own address; with neither an address nor that key nothing is
 * sent anywhere. OPENAI_API_KEY goes to OPENAI_BASE_URL (or OpenAI) only, never to an address that was named otherwise.
 *
 * @throws inputError `judge-url`, `judge-key`; no message shows a key.
 */
export function judgeEndpoint(given: EndpointOptions = {}, env: Environment = process.env): Endpoint {
  const set = (name: string) => env[name]?.trim() || undefined;
  const openAiKey = set('OPENAI_API_KEY');
  const named = given.baseUrl?.trim() || set('WINNOW_JUDGE_URL') || set('OPENAI_BASE_URL');
  if (named === undefined && openAiKey === undefined)
    throw inputError('judge-url', 'no judge’s address is given', { remedy: URL_REMEDY });
  const baseUrl = checkedUrl(named ?? OPENAI);
  const own = given.key?.trim() || set('WINNOW_JUDGE_KEY');
  const isOpenAi = originOf(baseUrl) === originOf(checkedUrl(set('OPENAI_BASE_URL') ?? OPENAI));
  const key = own ?? (isOpenAi ? openAiKey : undefined);
  // fetch would say the key in its message.
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    throw inputError('judge-key', 'the judge’s key holds characters that no key has', {
      need: 'visible ASCII characters without spaces',
      remedy: 'Copy it anew into WINNOW_JUDGE_KEY or OPENAI_API_KEY',
    });
  return {
    baseUrl,
    key: key ?? null,
    keyWithheld: key === undefined && openAiKey !== undefined,
  };
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw inputError('judge-url', 'the judge’s address is not a URL', { remedy: URL_REMEDY });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw inputError('judge-url', 'the judge’s address is not of the web', {
      got: url.protocol,
      need: 'http: or https:',
      remedy: URL_REMEDY,
    });
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw inputError('judge-url', 'the judge’s address holds a user, a password or a #', {
      remedy: 'Give the bare address, and the key with WINNOW_JUDGE_KEY',
    });
  url.pathname = url.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '');
  return url.search === '' ? url.href.replace(/\/$/, '') : url.href;
}

function originOf(url: string): string {
  return new URL(url).origin;
}

/** Where chat completions are asked; a query (an API version) stays behind. */
export function completionsUrl(baseUrl: string): string {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/chat/completions`;
  return url.href;
}

/** The service as people know it: its address without a query, which may hold what nobody else should read. */
export function serviceName(baseUrl: string): string {
  const url = new URL(baseUrl);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Shorter keys are placeholders ("EMPTY", "none"): words that any text may hold. */
const SHORTEST_SECRET = 8;
/** What a service quotes of a key, with stars in the middle. */
const QUOTED_KEY = /\bsk-[\w*.-]{6,}/g;

/** A text of a server or a library without the key, should it say it. */
export function hideKey(text: string, key: string | null): string {
  if (key === null || key.length < SHORTEST_SECRET) return text;
  const forms = [key, JSON.stringify(key).slice(1, -1), key.replaceAll('/', '\\/'), encodeURIComponent(key)];
  return forms.reduce((hidden, form) => hidden.replaceAll(form, '***'), text);
}

/** As `hideKey`, and without what looks like part of some key: for messages, not for a judge's words. */
export function hideKeys(text: string, key: string | null): string {
  return hideKey(text, key).replaceAll(QUOTED_KEY, '***');
}
