import { createHash, type Hash, randomUUID } from 'node:crypto';
import { constants, linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { machineError } from '../base/errors.ts';
import { errno } from '../base/files.ts';
import type { HubFile } from './hub-cache.ts';

/** Where a file comes from. */
export type HubSource = (file: HubFile) => Promise<Blob | null>;

/** Where a file of a repository goes: `blobs/<hash>`, and a link to it. */
export interface HubPlace {
  readonly blob: string;
  readonly link: string;
}

const PIECE = 2 ** 22; // bytes

/** Bytes of a file, and the hash that the hub knows it by: SHA-256 for large files, git's SHA-1 for others. */
export function identity({ path, size, oid, lfs }: HubFile): {
  readonly bytes: number;
  readonly name: string;
} {
  const name = lfs?.oid ?? oid;
  // It becomes the name of a file.
  if (name === undefined || !(lfs === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(name))
    throw machineError('hub-damaged', `the hub tells no usable hash of ${path}`, { got: name ?? 'none' });
  return { bytes: lfs?.size ?? size, name };
}

/** Whether the file is in its place, with the size that the hub tells. */
export function isThere(file: HubFile, link: string): boolean {
  return statSync(link, { throwIfNoEntry: false })?.size === identity(file).bytes;
}

/** Bytes of an earlier download that was interrupted. */
export function bytesBegun(file: HubFile, blob: string): number {
  const begun = statSync(partOf(blob), { throwIfNoEntry: false })?.size ?? 0;
  return begun <= identity(file).bytes ? begun : 0;
}

/**
 * One file into the cache. It is written under a name of ours, going on where an interrupted download stopped, and
 * gets its own name only when its size and hash are what the hub tells and it is on the disk: under its own name a
 * file is whole. The library's own download (downloadFileToCacheDir 2.17) checks neither and begins anew, under the
 * name that Python's huggingface_hub takes for the beginning of its own.
 *
 * Two writers of one part do no harm: both write the same bytes at the same places.
 *
 * @throws machineError `hub-damaged`; what the source and the file system throw passes through.
 */
export async function fetchFile(
  source: HubSource,
  file: HubFile,
  { blob, link }: HubPlace,
  onBytes: (count: number) => void,
): Promise<void> {
  const { bytes } = identity(file);
  if (statSync(blob, { throwIfNoEntry: false })?.size !== bytes) {
    mkdirSync(dirname(blob), { recursive: true });
    await fetchBlob(source, file, blob, onBytes);
  } else onBytes(bytes);
  makeLink(blob, link);
}

async function fetchBlob(
  source: HubSource,
  file: HubFile,
  blob: string,
  onBytes: (count: number) => void,
): Promise<void> {
  const { bytes, name } = identity(file);
  const part = partOf(blob);
  const hash = file.lfs === undefined ? createHash('sha1').update(`blob ${bytes}\0`) : createHash('sha256');
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
  let at = 0;
  try {
    const { size } = await handle.stat();
    // Longer than the file: of another time. Never else: another writer may be at work.
    if (size > bytes) await handle.truncate(0);
    else at = await hashBegun(handle, size, hash);
    onBytes(at);
    if (at < bytes) {
      const whole = await source(file);
      if (whole === null)
        throw machineError('hub-damaged', `the hub lists ${file.path} and does not have it`);
      const rest = at === 0 ? whole : whole.slice(at, bytes);
      for await (const piece of rest.stream() as unknown as AsyncIterable<Uint8Array>) {
        if (at + piece.length > bytes) {
          at += piece.length;
          break;
        }
        await writeAt(handle, piece, at);
        hash.update(piece);
        at += piece.length;
        onBytes(piece.length);
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const got = hash.digest('hex');
  if (at !== bytes || got !== name) {
    rmSync(part, { force: true });
    throw machineError('hub-damaged', `${file.path} came damaged from the hub`, {
      need: `${bytes} bytes with the hash ${name}`,
      got: at === bytes ? `the hash ${got}` : at > bytes ? 'more bytes' : `${at} bytes`,
      remedy: 'Nothing of it was kept: run the same command again',
    });
  }
  try {
    renameSync(part, blob);
  } catch (error) {
    // Another writer of the same part was first.
    if (errno(error) !== 'ENOENT' || !isThere(file, blob)) throw error;
  }
}

function partOf(blob: string): string {
  return `${blob}.winnow-part`;
}

async function hashBegun(handle: FileHandle, begun: number, hash: Hash): Promise<number> {
  const piece = new Uint8Array(Math.min(PIECE, begun));
  let at = 0;
  while (at < begun) {
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, begun - at), at);
    if (bytesRead === 0) break;
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
  return at;
}

async function writeAt(handle: FileHandle, piece: Uint8Array, at: number): Promise<void> {
  let done = 0;
  while (done < piece.length)
    done += (await handle.write(piece, done, piece.length - done, at + done)).bytesWritten;
}

/** Makes or replaces the link at once. Where links need rights (Windows), a second name of the file does as well. */
function makeLink(blob: string, link: string): void {
  mkdirSync(dirname(link), { recursive: true });
  const temp = join(dirname(link), `.${randomUUID()}.tmp`);
  try {
    symlinkSync(relative(dirname(link), blob), temp);
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(errno(error) ?? '')) throw error;
    linkSync(blob, temp);
  }
  renameSync(temp, link);
}
