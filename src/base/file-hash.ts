import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readError } from './files.ts';

/** SHA-256 of files already hashed by this process, by path, inode, size and time: one run opens a model many times. */
const fileHashes = new Map<string, string>();

/**
 * SHA-256 of a file's bytes, read piece by piece.
 * @throws as `readError`.
 */
export function hashFile(file: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    // The inode too: a file replaced within one tick of the file system's clock keeps its time.
    const { ino, size, mtimeMs } = fstatSync(fd);
    const key = `${file}\0${ino}\0${size}\0${mtimeMs}`;
    const known = fileHashes.get(key);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    const piece = new Uint8Array(2 ** 22);
    for (let n = readSync(fd, piece); n > 0; n = readSync(fd, piece)) hash.update(piece.subarray(0, n));
    const digest = hash.digest('hex');
    fileHashes.set(key, digest);
    return digest;
  } catch (error) {
    throw readError(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
