import { randomUUID } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, openSync, renameSync, rmSync, utimesSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errno, writeError } from '../base/files.ts';
import { ownerIsGone } from '../base/lock.ts';

const BEAT_MS = 5_000;

/**
 * Which asks are being asked, for all processes that share a folder: a file for each, created exclusively, that names
 * its process. Unlike `withLock` it need not outlast a power cut, so a claim costs no flush. Claims of processes that
 * have ended, or that have not touched theirs for a minute, are taken over.
 */
export class Claims {
  readonly #folder: string;
  readonly #mine = new Set<string>();
  readonly #beat: NodeJS.Timeout;

  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      throw writeError(folder, error);
    }
    this.#beat = setInterval(() => this.#touch(), BEAT_MS).unref();
  }

  /** false: someone else, or this process already, is asking. */
  take(key: string): boolean {
    const file = join(this.#folder, key);
    for (let tries = 0; tries < 3; tries++) {
      try {
        const fd = openSync(file, 'wx');
        writeSync(fd, `${process.pid} ${hostname()}`);
        closeSync(fd);
        this.#mine.add(file);
        return true;
      } catch (error) {
        if (errno(error) !== 'EEXIST') throw writeError(file, error);
        if (this.#mine.has(file) || !ownerIsGone(file)) return false;
        removeGone(file);
      }
    }
    return false;
  }

  release(key: string): void {
    const file = join(this.#folder, key);
    if (this.#mine.delete(file)) rmSync(file, { force: true });
  }

  close(): void {
    clearInterval(this.#beat);
    for (const file of this.#mine) rmSync(file, { force: true });
    this.#mine.clear();
  }

  #touch(): void {
    for (const file of this.#mine) {
      try {
        utimesSync(file, new Date(), new Date());
      } catch {
        // Removed by hand: at worst the ask is paid twice.
      }
    }
  }
}

/** Moves it away first: another process may have removed it and put its own claim there since it was looked at. */
function removeGone(file: string): void {
  const away = `${file}.${randomUUID()}`;
  try {
    renameSync(file, away);
    if (!ownerIsGone(away)) linkSync(away, file);
  } catch (error) {
    if (errno(error) !== 'ENOENT' && errno(error) !== 'EEXIST') throw writeError(file, error);
  } finally {
    rmSync(away, { force: true });
  }
}
