import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { inputError, machineError, WinnowError } from '../base/errors.ts';
import { errno, writeError } from '../base/files.ts';
import { isHubId } from '../base/hub-id.ts';
import { readJson } from '../base/json.ts';
import { withLock } from '../base/lock.ts';

export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Bytes there and bytes in all, while files come. */
  readonly onProgress?: (done: number, total: number) => void;
  /** One line about what was found. */
  readonly onNote?: (text: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

/** Files beside the weights that a model may need; others (other formats, pictures) stay on the hub. */
const SMALL_FILES =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json$|^merges\.txt$|^tokenizer\.model$|^(additional_chat_templates\/[\w.-]+|chat_template)\.jinja$/;
const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The folder of a model: a folder as it is, a hub's `org/name` as a snapshot in the hub's ordinary cache
 * (`HF_HUB_CACHE`, `HF_HOME`; shared with Python's huggingface_hub), where what is missing is downloaded first. A
 * folder on this machine goes before a hub id of the same name. Reads HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE.
 *
 * @throws inputError `hub-not-found`, `hub-gated`, `hub-revision`, `hub-no-weights`, `hub-offline`. machineError
 *   `hub-unreachable`, `hub-damaged`, `disk-full`.
 */
export async function modelFolder(model: string, options: HubOptions = {}): Promise<string> {
  if (existsSync(model) || !isHubId(model)) return model;
  const { revision = 'main', env = process.env, onNote } = options;
  // Only now: workers, which are given folders, need not load it.
  const hub = await import('@huggingface/hub');
  const folder = join(hub.getHFHubCachePath(), hub.getRepoFolderName({ type: 'model', name: model }));
  const repo = new CachedRepo(model, revision, folder);
  const known = repo.whole();
  // A commit never changes: nothing to ask.
  if (known !== null && COMMIT.test(revision)) return known;
  if (isSet(env.HF_HUB_OFFLINE) || isSet(env.TRANSFORMERS_OFFLINE)) {
    if (known !== null) return known;
    throw inputError('hub-offline', `${model} is not in the hub's cache, and HF_HUB_OFFLINE is set`, {
      file: repo.folder,
      need: repo.missing().join(', '),
      remedy: 'Unset HF_HUB_OFFLINE once to download it, or give the folder of a model',
    });
  }
  try {
    return await download(hub, repo, options);
  } catch (error) {
    const told = hubError(hub, error, repo, env);
    if (told.code !== 'hub-unreachable' || known === null) throw told;
    onNote?.(`the hub cannot be reached: ${model} is taken as the cache has it`);
    return known;
  }
}

/** `org/name` of a folder in the hub's cache; other folders as they are. For what is written about a model. */
export function hubName(folder: string): string {
  const [, org, name] =
    /[\\/]models--([^\\/]+?)--([^\\/]+)[\\/]snapshots[\\/][0-9a-f]{40}[\\/]?$/.exec(folder) ?? [];
  return org === undefined ? folder : `${org}/${name}`;
}

/** One model in the cache, at one revision. */
class CachedRepo {
  readonly model: string;
  readonly revision: string;
  readonly folder: string;

  constructor(model: string, revision: string, folder: string) {
    this.model = model;
    this.revision = revision;
    this.folder = folder;
  }

  /** The commit that the revision was when last asked for. */
  commit(): string | null {
    if (COMMIT.test(this.revision)) return this.revision;
    const ref = join(this.folder, 'refs', this.revision);
    return existsSync(ref) ? readFileSync(ref, 'utf8').trim() : null;
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** What a whole snapshot lacks. Links whose file is gone count as missing. */
  missing(): string[] {
    const commit = this.commit();
    if (commit === null) return ['config.json', 'tokenizer.json', SINGLE];
    const has = (name: string) => existsSync(join(this.snapshot(commit), name));
    const shards = has(INDEX) ? shardsOf(join(this.snapshot(commit), INDEX)) : [];
    const weights = has(SINGLE) ? [] : shards.length > 0 ? shards : [SINGLE];
    return ['config.json', 'tokenizer.json', ...weights].filter((name) => !has(name));
  }

  whole(): string | null {
    const commit = this.commit();
    return commit !== null && this.missing().length === 0 ? this.snapshot(commit) : null;
  }
}

type Hub = typeof import('@huggingface/hub');

async function download(
  hub: Hub,
  repo: CachedRepo,
  { onProgress, env = process.env }: HubOptions,
): Promise<string> {
  const token = accessToken(env);
  const access = {
    ...(env.HF_ENDPOINT ? { hubUrl: env.HF_ENDPOINT.replace(/\/+$/, '') } : {}),
    ...(token === null ? {} : { accessToken: token }),
  };
  const named = { name: repo.model, revision: repo.revision, additionalFields: ['sha' as const], ...access };
  const { sha: commit } = await hub.modelInfo(named);
  const at = { repo: repo.model, revision: commit, ...access };
  const files: ListFileEntry[] = [];
  for await (const entry of hub.listFiles({ ...at, recursive: true }))
    if (entry.type === 'file') files.push(entry);
  // The library writes a file's part under one name: two processes must not do so at once.
  return withLock(join(repo.folder, '.winnow-lock'), async () => {
    const fetched = new Set<ListFileEntry>();
    const fetchAll = async (wanted: readonly ListFileEntry[], total: number) => {
      for (const entry of wanted) {
        await fetchFile(hub, entry, at, repo.snapshot(commit));
        fetched.add(entry);
        onProgress?.(sizeOf([...fetched]), total);
      }
    };
    const small = files.filter(({ path }) => SMALL_FILES.test(path));
    const single = files.filter(({ path }) => path === SINGLE);
    const index = files.filter(({ path }) => path === INDEX);
    const first = single.length > 0 ? small : [...small, ...index];
    await fetchAll(first, sizeOf(first));
    const shards = single.length > 0 ? [] : index.flatMap(() => shardsOf(join(repo.snapshot(commit), INDEX)));
    const weights = single.length > 0 ? single : files.filter(({ path }) => shards.includes(path));
    if (weights.length === 0) throw noWeights(repo, files);
    await fetchAll(weights, sizeOf([...first, ...weights]));
    if (!COMMIT.test(repo.revision)) {
      const ref = join(repo.folder, 'refs', repo.revision);
      await mkdir(dirname(ref), { recursive: true });
      await writeFile(ref, commit);
    }
    return repo.snapshot(commit);
  });
}

/** One file into the cache, held against the size and, for large files, the hash that the hub tells. */
async function fetchFile(
  hub: Hub,
  entry: ListFileEntry,
  at: {
    readonly repo: string;
    readonly revision: string;
    readonly hubUrl?: string;
    readonly accessToken?: string;
  },
  snapshot: string,
): Promise<void> {
  const link = join(snapshot, entry.path);
  if (existsSync(link)) return;
  const file = await silently(() => hub.downloadFileToCacheDir({ ...at, path: entry.path }));
  const { size } = statSync(file);
  const need = entry.lfs?.size ?? entry.size;
  const hash = entry.lfs === undefined ? undefined : await sha256OfFile(file);
  if (size === need && (hash === undefined || hash === entry.lfs?.oid)) return;
  // The link and what it leads to: a damaged file must not be found by the next run, or by Python.
  rmSync(realpathSync(file), { force: true });
  rmSync(file, { force: true });
  throw machineError('hub-damaged', `${entry.path} came damaged from the hub`, {
    file,
    need: `${need} bytes${entry.lfs === undefined ? '' : `, SHA-256 ${entry.lfs.oid}`}`,
    got: `${size} bytes${hash === undefined ? '' : `, SHA-256 ${hash}`}`,
    remedy: 'Run the same command again; it was removed from the cache',
  });
}

async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** The library talks to stdout, where our data goes. */
async function silently<T>(work: () => Promise<T>): Promise<T> {
  const { debug, info } = console;
  console.debug = () => {};
  console.info = () => {};
  try {
    return await work();
  } finally {
    Object.assign(console, { debug, info });
  }
}

function shardsOf(index: string): string[] {
  const map = (readJson(index) as { readonly weight_map?: Record<string, unknown> } | null)?.weight_map ?? {};
  return [...new Set(Object.values(map).filter((name): name is string => typeof name === 'string'))];
}

function sizeOf(files: readonly ListFileEntry[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

function accessToken(env: NodeJS.ProcessEnv): string | null {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const file = env.HF_TOKEN_PATH ?? join(home, 'token');
  const token = env.HF_TOKEN ?? (existsSync(file) ? readFileSync(file, 'utf8') : '');
  return token.trim() === '' ? null : token.trim();
}

function isSet(flag: string | undefined): boolean {
  return flag !== undefined && !['', '0', 'false', 'no', 'off'].includes(flag.toLowerCase());
}

function noWeights(repo: CachedRepo, files: readonly ListFileEntry[]): WinnowError {
  return inputError('hub-no-weights', `${repo.model} has no safetensors weights`, {
    need: `${SINGLE} or ${INDEX}`,
    got: files.map(({ path }) => path).filter((path) => /\.(bin|gguf|pth?|onnx|safetensors)$/.test(path)),
    remedy: 'Take another model, or save it with save_pretrained of transformers and give the folder',
  });
}

/** What the hub's answer means, without the token or the address. */
function hubError(hub: Hub, error: unknown, repo: CachedRepo, env: NodeJS.ProcessEnv): WinnowError {
  if (error instanceof WinnowError) return error;
  const { model, revision } = repo;
  if (error instanceof hub.HubApiError) {
    // Behind it comes the address, with the revision's name.
    const said = error.message.split('. URL:', 1)[0] as string;
    if (error.statusCode === 401 || error.statusCode === 403) {
      const token =
        accessToken(env) === null ? 'Set HF_TOKEN to a token that may read it' : 'This token may not read it';
      return inputError('hub-gated', `the hub does not give ${model} to this user`, {
        got: `status ${error.statusCode}: ${said}`,
        remedy: `It may be misspelt, private, or gated: then accept its licence on its page first. ${token}`,
      });
    }
    if (error.statusCode === 404 && /rev/i.test(said))
      return inputError('hub-revision', `${model} has no revision ${revision}`, {
        got: revision,
        remedy: 'Give a branch, tag or commit of the model with --revision',
      });
    if (error.statusCode === 404)
      return inputError('hub-not-found', `${model} is neither a folder here nor a model on the hub`, {
        got: model,
        remedy: 'Give the folder of a model, or a hub id as org/name',
      });
    return machineError('hub-unreachable', `the hub failed with status ${error.statusCode}`, {
      got: said,
      remedy: 'Try again later, or give the folder of a model',
    });
  }
  if (error instanceof TypeError && /access token/i.test(error.message))
    return inputError('hub-token', 'the hub token has the wrong form', { remedy: error.message });
  if (errno(error) === 'ENOSPC' || errno(error) === 'EACCES' || errno(error) === 'EROFS')
    return writeError(repo.folder, error) as WinnowError;
  return machineError(
    'hub-unreachable',
    `${model} is not a folder here, and the hub cannot be reached`,
    {
      got:
        error instanceof Error ? [error.message, causeOf(error)].filter(Boolean).join(': ') : String(error),
      remedy: 'Check the network (and HF_ENDPOINT, if set), or give the folder of a model',
    },
    error,
  );
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : '';
}
