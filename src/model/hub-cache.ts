import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readJson } from '../base/json.ts';

export const SINGLE = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';
export const COMMIT = /^[0-9a-f]{40}$/;

/** What is read of an entry of the hub's file list. */
export interface HubFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Git's name for the content: SHA-1 of `blob <size>\0` and the bytes (git-scm.com, Git Internals: Objects). */
  readonly oid?: string;
  /** Of a large file `oid` is that of a pointer; this is the SHA-256 of its bytes. */
  readonly lfs?: { readonly oid: string; readonly size: number };
}

/**
 * One model (or dataset, or space) in the hub's ordinary cache, at one revision: `refs/<revision>` holds a commit, `snapshots/<commit>` links
 * with the files' names, `blobs/<hash>` their bytes.
 *
 * *Reference:* huggingface_hub, "Understand caching" (docs/source/en/guides/manage-cache.md).
 */
export class CachedRepo {
  readonly model: string;
  readonly revision: string;
  readonly folder: string;
  /** What is looked for in it. */
  readonly what: 'model' | 'dataset' | 'space';

  constructor(folder: string, model: string, revision: string, what: CachedRepo['what'] = 'model') {
    this.folder = folder;
    this.model = model;
    this.revision = revision;
    this.what = what;
  }

  get ref(): string {
    return join(this.folder, 'refs', this.revision);
  }

  /** The commit that the revision was when last asked for. */
  commit(): string | null {
    if (COMMIT.test(this.revision)) return this.revision;
    if (statSync(this.ref, { throwIfNoEntry: false })?.isFile() !== true) return null;
    const commit = readFileSync(this.ref, 'utf8').trim();
    return COMMIT.test(commit) ? commit : null;
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** What a whole snapshot lacks. Links whose file is gone count as missing. */
  missing(): string[] {
    const commit = this.commit();
    if (commit === null) return ['config.json', 'tokenizer.json', SINGLE];
    const snapshot = this.snapshot(commit);
    const has = (name: string) => existsSync(join(snapshot, name));
    const shards = has(INDEX) ? shardsOf(snapshot) : [];
    const weights = has(SINGLE) ? [] : shards.length > 0 ? shards : [SINGLE];
    return ['config.json', 'tokenizer.json', ...weights].filter((name) => !has(name));
  }

  /**
   * The folder of a snapshot that has all that a model needs, or null. Downloads put the weights last: where they
   * are, the rest is.
   */
  whole(): string | null {
    const commit = this.commit();
    return commit !== null && this.missing().length === 0 ? this.snapshot(commit) : null;
  }
}

/** The weight files that a snapshot's index names. A shard lies beside its index: other paths are not followed. */
export function shardsOf(snapshot: string): string[] {
  const index = readJson(join(snapshot, INDEX)) as { readonly weight_map?: unknown } | null;
  const names = Object.values((index?.weight_map ?? {}) as Record<string, unknown>);
  return [...new Set(names)].filter(
    (name): name is string => typeof name === 'string' && name === basename(name) && !/^\.|\\/.test(name),
  );
}

/** The model and commit of a snapshot in a hub's cache; null for other folders. */
export function hubSnapshot(folder: string): { readonly model: string; readonly commit: string } | null {
  const found = /[\\/]models--([^\\/]+?)--([^\\/]+)[\\/]snapshots[\\/]([0-9a-f]{40})[\\/]?$/.exec(folder);
  return found === null ? null : { model: `${found[1]}/${found[2]}`, commit: found[3] as string };
}

/** `org/name` of a snapshot in a hub's cache; other folders as they are. For what is written about a model. */
export function hubName(folder: string): string {
  return hubSnapshot(folder)?.model ?? folder;
}

/** What people call the model of a folder: `org/name@commit` of a hub's snapshot, else the last two folder names. */
export function modelName(folder: string): string {
  const found = hubSnapshot(folder);
  return found === null ? folder.split(/[\\/]/).slice(-2).join('/') : `${found.model}@${found.commit}`;
}
