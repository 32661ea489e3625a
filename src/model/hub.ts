import { existsSync, readFileSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { inputError, machineError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { isHubId } from '../base/hub-id.ts';
import { withLock } from '../base/lock.ts';
import { CachedRepo, COMMIT, type HubFile, INDEX, SINGLE, shardsOf } from './hub-cache.ts';
import { hubError, noRevision, noRoom, noWeights, offline } from './hub-errors.ts';
import { bytesBegun, fetchFile, identity, isThere } from './hub-file.ts';

export { hubName, hubSnapshot, modelName } from './hub-cache.ts';

export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Bytes there and bytes in all, while files come; the last call has both equal. */
  readonly onProgress?: (done: number, total: number) => void;
  /** One line about what was found. */
  readonly onNote?: (text: string) => void;
  /** Ends a download, which a later call goes on with. */
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
}

/** Files beside the weights that a model may need; others (other formats, pictures) stay on the hub. */
const SMALL_FILES =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json$|^merges\.txt$|^tokenizer\.model$|^(additional_chat_templates\/[\w.-]+|chat_template)\.jinja$/;

/**
 * The folder of a model: a folder as it is, a hub's `org/name` as a snapshot in the hub's ordinary cache
 * (`HF_HUB_CACHE`, `HF_HOME`; shared with Python's huggingface_hub), where what is missing is downloaded first. What
 * exists on this machine goes before a hub id of the same name; what is neither is given back, for `openCheckpoint`
 * to refuse. Reads HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT, HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE.
 *
 * @throws inputError `hub-not-found`, `hub-gated`, `hub-token`, `hub-revision`, `hub-no-weights`, `hub-offline`.
 *   machineError `hub-unreachable`, `hub-damaged`, `disk-full`, `cannot-write`. The reason of the signal.
 */
export async function modelFolder(model: string, options: HubOptions = {}): Promise<string> {
  if (existsSync(model) || !isHubId(model)) return model;
  const { revision = 'main', env = process.env, onNote, signal } = options;
  // It becomes the name of a file.
  if (revision.split('/').some((name) => /^\.{0,2}$|[\\\0]/.test(name))) throw noRevision(model, revision);
  // Only now: workers, which are given folders, need not load it.
  const hub = await import('@huggingface/hub');
  const folder = join(hub.getHFHubCachePath(), hub.getRepoFolderName({ type: 'model', name: model }));
  const repo = new CachedRepo(folder, model, revision);
  const known = repo.whole();
  // A commit never changes: nothing to ask.
  if (known !== null && COMMIT.test(revision)) return known;
  if (isSet(env.HF_HUB_OFFLINE) || isSet(env.TRANSFORMERS_OFFLINE)) {
    if (known !== null) return known;
    throw offline(repo);
  }
  const token = accessToken(env);
  try {
    return await download(hub, repo, options);
  } catch (error) {
    signal?.throwIfAborted();
    const told = hubError(error, repo, token);
    if (told.code !== 'hub-unreachable' || known === null) throw told;
    onNote?.(`the hub cannot be reached: ${model} is taken as the cache has it, commit ${repo.commit()}`);
    return known;
  }
}

type Hub = typeof import('@huggingface/hub');

/** How the hub is reached: HF_ENDPOINT, the user's token, and a signal that ends requests. */
export function hubAccess({ env = process.env, signal }: Pick<HubOptions, 'env' | 'signal'>): {
  readonly hubUrl?: string;
  readonly accessToken?: string;
  readonly fetch?: typeof fetch;
} {
  const token = accessToken(env);
  return {
    ...(env.HF_ENDPOINT ? { hubUrl: env.HF_ENDPOINT.replace(/\/+$/, '') } : {}),
    ...(token === null ? {} : { accessToken: token }),
    ...(signal === undefined
      ? {}
      : { fetch: (url: string | URL | Request, init?: RequestInit) => fetch(url, { ...init, signal }) }),
  };
}

async function download(
  hub: Hub,
  repo: CachedRepo,
  options: HubOptions,
): Promise<string> {
  const { onProgress, onNote, signal } = options;
  const access = hubAccess(options);
  const named = { name: repo.model, revision: repo.revision, additionalFields: ['sha' as const], ...access };
  const { sha: commit } = await hub.modelInfo(named);
  if (!COMMIT.test(commit))
    throw machineError('hub-damaged', `the hub tells no commit of ${repo.model}`, { got: commit });
  const at = { repo: repo.model, revision: commit, ...access };
  const files: HubFile[] = [];
  for await (const entry of hub.listFiles({ ...at, recursive: true }))
    if (entry.type === 'file') files.push(entry);

  const snapshot = repo.snapshot(commit);
  const single = files.filter(({ path }) => path === SINGLE);
  const index = single.length > 0 ? [] : files.filter(({ path }) => path === INDEX);
  if (single.length + index.length === 0) throw noWeights(repo.model, files);
  const small = [...files.filter(({ path }) => SMALL_FILES.test(path)), ...index];
  const lacking = (wanted: readonly HubFile[]) =>
    wanted.filter((file) => !isThere(file, join(snapshot, file.path)));
  const weights = () => {
    const names = index.length > 0 ? shardsOf(snapshot) : [];
    return [...single, ...files.filter(({ path }) => names.includes(path))];
  };
  // Another's cache may be there to read only.
  const isWhole = () => lacking(small).length === 0 && lacking(weights()).length === 0;
  if (isWhole() && repo.commit() === commit) return snapshot;

  // `xet: false`: plain requests for bytes, which can go on from any byte and are what our tests serve.
  const source = ({ path }: HubFile) => hub.downloadFile({ ...at, path, xet: false });
  const placeOf = (file: HubFile) => ({
    blob: join(repo.folder, 'blobs', identity(file).name),
    link: join(snapshot, file.path),
  });
  const work = async () => {
    const first = lacking(small);
    await needRoom(repo, first, placeOf);
    let done = 0;
    for (const file of first) await fetchFile(source, file, placeOf(file), (count) => (done += count));
    const rest = lacking(weights());
    await needRoom(repo, rest, placeOf);
    const total = done + rest.reduce((sum, file) => sum + identity(file).bytes, 0);
    for (const file of rest)
      await fetchFile(source, file, placeOf(file), (count) => {
        done += count;
        if (done < total) onProgress?.(done, total);
      });
    if (total > 0) onProgress?.(total, total);
    if (COMMIT.test(repo.revision)) return;
    await mkdir(dirname(repo.ref), { recursive: true });
    writeFileAtomic(repo.ref, commit);
  };
  // Two processes would do no harm, but fetch everything twice.
  await withLock(join(repo.folder, '.winnow-lock'), work, {
    onWait: () => onNote?.(`waiting for another process that downloads ${repo.model}`),
    ...(signal === undefined ? {} : { signal }),
  });
  return snapshot;
}

/** Before a large download: whether the disk has room for what is still to come. */
async function needRoom(
  repo: CachedRepo,
  files: readonly HubFile[],
  placeOf: (file: HubFile) => { readonly blob: string },
): Promise<void> {
  let need = 0;
  for (const file of files)
    if (!isThere(file, placeOf(file).blob))
      need += identity(file).bytes - bytesBegun(file, placeOf(file).blob);
  const { bavail, bsize } = await statfs(repo.folder);
  if (need > bavail * bsize) throw noRoom(repo.folder, need, bavail * bsize);
}

/** As huggingface_hub finds it: HF_TOKEN, else the file of HF_TOKEN_PATH. */
function accessToken(env: NodeJS.ProcessEnv): string | null {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const file = env.HF_TOKEN_PATH ?? join(home, 'token');
  const given = env.HF_TOKEN?.trim() || env.HUGGING_FACE_HUB_TOKEN?.trim();
  const token = given || (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
  if (token === '') return null;
  // The library refuses the same prefix; a line break in it would make fetch print the whole header.
  if (/^hf_[\x21-\x7e]+$/.test(token)) return token;
  throw inputError('hub-token', 'the token of the hub has the wrong form', {
    file: given ? 'HF_TOKEN' : file,
    need: 'one word that begins with hf_',
    remedy: 'Copy it anew from the settings of your account, or unset it',
  });
}

export function isSet(flag: string | undefined): boolean {
  return flag !== undefined && !['', '0', 'false', 'no', 'off'].includes(flag.toLowerCase());
}
