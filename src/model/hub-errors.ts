import { inputError, machineError, WinnowError } from '../base/errors.ts';
import { errno, writeError } from '../base/files.ts';
import { type CachedRepo, type HubFile, INDEX, SINGLE } from './hub-cache.ts';

const CACHE_REMEDY =
  'Free some space, or set HF_HOME to a folder on another disk; the same command goes on where it stopped';

export function offline(repo: CachedRepo): WinnowError {
  return inputError(
    'hub-offline',
    `${repo.model} (revision ${repo.revision}) is not whole in the hub's cache, and HF_HUB_OFFLINE is set`,
    {
      file: repo.folder,
      need: repo.missing().join(', '),
      remedy: 'Unset HF_HUB_OFFLINE once to download it, or give the folder of a model',
    },
  );
}

export function noWeights(model: string, files: readonly HubFile[]): WinnowError {
  return inputError('hub-no-weights', `${model} has no safetensors weights`, {
    need: `${SINGLE} or ${INDEX}`,
    got: files.map(({ path }) => path).filter((path) => /\.(bin|gguf|pth?|onnx|safetensors)$/.test(path)),
    remedy: 'Take another model, or save it with save_pretrained of transformers and give the folder',
  });
}

export function noRevision(model: string, revision: string): WinnowError {
  return inputError('hub-revision', `${model} has no revision ${revision}`, {
    got: revision,
    remedy: 'Give a branch, tag or commit of the model with --revision',
  });
}

export function noRoom(folder: string, needBytes: number, freeBytes: number): WinnowError {
  return machineError('disk-full', 'the model does not fit on the disk of the hub cache', {
    file: folder,
    need: `${(needBytes / 1e9).toFixed(2)} GB`,
    got: `${(freeBytes / 1e9).toFixed(2)} GB free`,
    remedy: CACHE_REMEDY,
  });
}

/** What of the library's error is needed; the class itself is loaded only where the hub is asked. */
interface HubApiError extends Error {
  readonly statusCode: number;
  readonly data?: { readonly message?: unknown };
}

/** Codes of Node and libuv that are not of the file system. */
const NETWORK = /^(ECONN|EAI_|ENOTFOUND|ETIMEDOUT|EPIPE|EHOST|ENET|EPROTO|ERR_)/;

/** What a failure means, without the token. */
export function hubError(error: unknown, repo: CachedRepo, token: string | null): WinnowError {
  if (error instanceof WinnowError) return error;
  const { model, revision, folder, what } = repo;
  const given = what === 'model' ? 'the folder of a model' : 'a file of it';
  const code = errno(error) ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return machineError(
      'disk-full',
      'the disk of the hub cache is full',
      { file: folder, remedy: CACHE_REMEDY },
      error,
    );
  if (/^E/.test(code) && !NETWORK.test(code)) return writeError(folder, error) as WinnowError;
  if (!isApiError(error)) {
    // The library ends a stream with the message alone.
    const message = error instanceof Error ? [error.message, causeOf(error)].filter(Boolean).join(': ') : '';
    return machineError(
      'hub-unreachable',
      `${what === 'model' ? `${model} is not a folder here, and` : `${model} is needed, and`} the hub cannot be reached`,
      {
        got: hide(message || String(error).split('. URL:', 1)[0] || '', token),
        remedy: `Check the network (and HF_ENDPOINT, if set), then run the same command again: a download goes on where it stopped. Or give ${given}`,
      },
      error,
    );
  }
  const said = hide(saidBy(error), token);
  if (error.statusCode === 401 || error.statusCode === 403)
    return inputError('hub-gated', `the hub does not give ${model} to this user`, {
      got: `status ${error.statusCode}: ${said}`,
      remedy: `It may be misspelt, private, or gated: then accept its licence on the model's page first. ${
        token === null
          ? 'Set HF_TOKEN to a token that may read it'
          : 'The token that is set (HF_TOKEN, or the file of HF_TOKEN_PATH) may not read it'
      }`,
    });
  if (error.statusCode === 404 && /\brev(ision)?\b/i.test(said)) return noRevision(model, revision);
  if (error.statusCode === 404)
    return inputError(
      'hub-not-found',
      what === 'model'
        ? `${model} is neither a folder here nor a model on the hub`
        : `the hub has no such file of the ${what} ${model}`,
      {
        got: what === 'model' ? model : said,
        remedy: `Give ${given}${what === 'model' ? ', or a hub id as org/name' : ''}`,
      },
    );
  return machineError('hub-unreachable', `the hub failed with status ${error.statusCode}`, {
    got: said,
    remedy: `Try again later, or give ${given}`,
  });
}

function isApiError(error: unknown): error is HubApiError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** The hub's own words: from its JSON, or a short plain text (a gate says so in one), else the status. */
function saidBy(error: HubApiError): string {
  const text = error.data?.message;
  if (typeof text === 'string' && text !== '' && text.length <= 300 && !text.startsWith('<')) return text;
  // Behind it comes the address, with the revision's name.
  return error.message.split('. URL:', 1)[0] as string;
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : '';
}

function hide(text: string, token: string | null): string {
  return token === null ? text : text.replaceAll(token, '***');
}
