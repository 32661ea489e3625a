import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inputError, machineError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { type HubOptions, hubAccess, isSet } from './hub.ts';
import { CachedRepo, COMMIT } from './hub-cache.ts';
import { hubError } from './hub-errors.ts';
import { fetchFile, identity, isThere } from './hub-file.ts';

/** A file of a dataset or space on the hub. */
export interface HubDataFile {
  readonly type: 'dataset' | 'space';
  /** `org/name`. */
  readonly name: string;
  readonly path: string;
}

/**
 * A file of a dataset or space, from the hub's ordinary cache or downloaded into it, under the rules of
 * {@link modelFolder}: what is there is used where the hub cannot be reached.
 *
 * @throws inputError `hub-not-found`, `hub-gated`, `hub-offline`; machineError `hub-unreachable`, `hub-damaged`,
 *   `disk-full`, `cannot-write`. The reason of the signal.
 */
export async function hubDataFile(
  { type, name, path }: HubDataFile,
  options: HubOptions = {},
): Promise<string> {
  const { revision = 'main', env = process.env, onNote, onProgress, signal } = options;
  const hub = await import('@huggingface/hub');
  const folder = join(hub.getHFHubCachePath(), hub.getRepoFolderName({ type, name }));
  const repo = new CachedRepo(folder, name, revision, type);
  const there = (commit: string | null) => {
    const file = commit === null ? null : join(repo.snapshot(commit), path);
    return file !== null && existsSync(file) ? file : null;
  };
  const known = there(repo.commit());
  if (known !== null && COMMIT.test(revision)) return known;
  if (isSet(env.HF_HUB_OFFLINE)) {
    if (known !== null) return known;
    throw inputError(
      'hub-offline',
      `${path} of ${name} is not in the hub's cache, and HF_HUB_OFFLINE is set`,
      {
        file: folder,
        remedy: 'Unset HF_HUB_OFFLINE once to download it, or give the file',
      },
    );
  }
  const access = hubAccess(options);
  try {
    const named = { name, revision, additionalFields: ['sha' as const], ...access };
    const { sha: commit } = await (type === 'dataset' ? hub.datasetInfo(named) : hub.spaceInfo(named));
    if (!COMMIT.test(commit)) throw machineError('hub-damaged', `the hub tells no commit of ${name}`);
    const at = { repo: { type, name }, revision: commit, ...access };
    const [file] = await hub.pathsInfo({ ...at, paths: [path] });
    if (file === undefined)
      throw inputError('hub-not-found', `the ${type} ${name} has no file ${path}`, {
        got: path,
        remedy: 'Give a file that you have',
      });
    const link = join(repo.snapshot(commit), path);
    if (!isThere(file, link)) {
      const { bytes, name: blob } = identity(file);
      let done = 0;
      await fetchFile(
        () => hub.downloadFile({ ...at, path, xet: false }),
        file,
        { blob: join(folder, 'blobs', blob), link },
        (count) => {
          done += count;
          if (done < bytes) onProgress?.(done, bytes);
        },
      );
      onProgress?.(bytes, bytes);
    }
    if (!COMMIT.test(revision)) {
      await mkdir(dirname(repo.ref), { recursive: true });
      writeFileAtomic(repo.ref, commit);
    }
    return link;
  } catch (error) {
    signal?.throwIfAborted();
    const told = hubError(error, repo, access.accessToken ?? null);
    if (told.code !== 'hub-unreachable' || known === null) throw told;
    onNote?.(`the hub cannot be reached: ${path} of ${name} is taken as the cache has it`);
    return known;
  }
}
