import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { inputError } from '../base/errors.ts';
import { readError, writeError } from '../base/files.ts';
import type { ChatReply } from './chat.ts';
import { Claims } from './claims.ts';

/** What is known of a reply beside what it says: for people who look into the cache. */
export interface ReplyOrigin {
  readonly model: string;
  readonly repeat: number;
  readonly again: number;
}

/** Replies by the key of their ask. */
export interface ReplyStore {
  get(key: string): ChatReply | undefined;
  /** The right to ask; false when another asks just now. */
  claim(key: string): boolean;
  release(key: string): void;
  /** Takes in what other processes have added. */
  refresh(): void;
  /** Resolves when the reply would outlast a crash. */
  put(key: string, reply: ChatReply, origin: ReplyOrigin): Promise<void>;
  close(): Promise<void>;
}

/** Replies of this process, kept nowhere. */
export function memoryStore(): ReplyStore {
  const replies = new Map<string, ChatReply>();
  const claims = new Set<string>();
  return {
    get: (key) => replies.get(key),
    claim(key) {
      if (claims.has(key)) return false;
      claims.add(key);
      return true;
    },
    release(key) {
      claims.delete(key);
    },
    refresh() {},
    async put(key, reply) {
      replies.set(key, reply);
    },
    async close() {},
  };
}

const logProbSchema = z.object({ token: z.string(), logProb: z.number() });
const recordSchema = z.object({
  key: z.string().regex(/^[0-9a-f]{64}$/),
  reply: z.object({
    text: z.string(),
    finish: z.string().nullable(),
    logProbs: z.array(z.array(logProbSchema)).nullable(),
    tokens: z.object({ prompt: z.number(), completion: z.number(), estimated: z.boolean() }),
    servedBy: z.string().nullable(),
  }),
});

interface Shard {
  /** Of what was read: bytes and lines. */
  offset: number;
  lines: number;
}

/**
 * Replies in a folder, for any number of processes at once: `replies/*.jsonl`, to each of which one process appends
 * and all read, and `claims/`. A reply is written and flushed before `put` resolves, several at a time where they come
 * together. What a killed process left half-written can only be the last line of its file; it counts as absent.
 *
 * @throws inputError `judge-cache` where any other line is broken: what it held would be paid a second time.
 */
export function folderStore(folder: string): ReplyStore {
  const shardFolder = join(folder, 'replies');
  try {
    mkdirSync(shardFolder, { recursive: true });
  } catch (error) {
    throw writeError(shardFolder, error);
  }
  const claims = new Claims(join(folder, 'claims'));
  const replies = new Map<string, ChatReply>();
  const shards = new Map<string, Shard>();
  const writer = new ShardWriter(shardFolder);

  const refresh = () => {
    const names = shardsIn(shardFolder);
    // By age, so that of two replies to one ask the first stays the one that counts.
    for (const name of names) {
      if (writer.wrote(name)) continue;
      const shard = shards.get(name) ?? { offset: 0, lines: 0 };
      shards.set(name, shard);
      readNew(join(shardFolder, name), shard, (key, reply) => {
        if (!replies.has(key)) replies.set(key, reply);
      });
    }
  };
  try {
    refresh();
  } catch (error) {
    claims.close();
    throw error;
  }
  return {
    get: (key) => replies.get(key),
    claim: (key) => claims.take(key),
    release: (key) => claims.release(key),
    refresh,
    async put(key, reply, origin) {
      await writer.append(`${JSON.stringify({ key, at: new Date().toISOString(), ...origin, reply })}\n`);
      if (!replies.has(key)) replies.set(key, reply);
    },
    async close() {
      await writer.close();
      claims.close();
    },
  };
}

function shardsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort();
  } catch (error) {
    throw readError(folder, error);
  }
}

/** Reads whole lines from where the last reading ended. A last line without an end is read when it is whole JSON. */
function readNew(path: string, shard: Shard, take: (key: string, reply: ChatReply) => void): void {
  const bytes = readFrom(path, shard.offset);
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(10, start);
    const line = bytes.toString('utf8', start, end === -1 ? bytes.length : end);
    if (line.trim() !== '') {
      const record = recordOf(line);
      if (record === null && end === -1) break;
      if (record === null)
        throw inputError('judge-cache', 'this line of the judge’s cache is broken', {
          file: path,
          line: shard.lines + 1,
          got: line.slice(0, 80),
          remedy: 'Delete the line (or the file): what it held is then asked and paid again',
        });
      take(record.key, record.reply);
    }
    if (end !== -1) shard.lines++;
    start = end === -1 ? bytes.length : end + 1;
  }
  shard.offset += start;
}

function recordOf(line: string): z.infer<typeof recordSchema> | null {
  try {
    return recordSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function readFrom(path: string, offset: number): Buffer {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.allocUnsafe(Math.max(0, fstatSync(fd).size - offset));
      let read = 0;
      while (read < bytes.length) {
        const more = readSync(fd, bytes, read, bytes.length - read, offset + read);
        if (more === 0) break;
        read += more;
      }
      return bytes.subarray(0, read);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw readError(path, error);
  }
}

/** Appends lines to a file of this process's own. */
class ShardWriter {
  readonly #folder: string;
  readonly #names = new Set<string>();
  #file: { readonly path: string; readonly handle: FileHandle } | null = null;
  #waiting: { readonly line: string; readonly done: (error: unknown) => void }[] = [];
  #flushing: Promise<void> | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  wrote(name: string): boolean {
    return this.#names.has(name);
  }

  append(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, done: (error) => (error === null ? resolve() : reject(error)) });
      this.#flushing ??= this.#flush().finally(() => {
        this.#flushing = null;
      });
    });
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#file?.handle.close();
    this.#file = null;
  }

  /** What came while the last lines were flushed goes together: one flush serves many replies. */
  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      let failure: unknown = null;
      try {
        await this.#write(lines.map(({ line }) => line).join(''));
      } catch (error) {
        failure = error;
      }
      for (const { done } of lines) done(failure);
    }
  }

  async #write(text: string): Promise<void> {
    const file = this.#file ?? (await this.#open());
    try {
      await file.handle.appendFile(text);
      await file.handle.datasync();
    } catch (error) {
      // A line may have been cut: nothing must follow it in this file.
      this.#file = null;
      await file.handle.close().catch(() => {});
      throw writeError(file.path, error);
    }
  }

  async #open() {
    const time = new Date().toISOString().replaceAll(/[-:.]/g, '');
    const name = `${time}-${process.pid}-${randomUUID().slice(0, 8)}.jsonl`;
    this.#names.add(name);
    const path = join(this.#folder, name);
    try {
      this.#file = { path, handle: await open(path, 'ax') };
    } catch (error) {
      throw writeError(path, error);
    }
    return this.#file;
  }
}
