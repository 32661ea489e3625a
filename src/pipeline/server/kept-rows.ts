import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files.ts';
import { writeJson } from '../../base/json.ts';
import { checkpointDir, stepOf } from '../../run/checkpoint.ts';
import type { UnitContext } from '../../run/worker.ts';

const FILE = 'rows.jsonl';

/**
 * Rows of a unit as they come, by key, so that a unit that is killed does not ask for them again. They are appended to
 * a file in a checkpoint of the attempt, which is sealed without sizes: the file grows, and a line cut short by a kill
 * counts as absent. A later attempt begins with what it finds, in a checkpoint of a higher number.
 */
export class KeptRows<T> {
  readonly #rows: Map<string, T>;
  readonly #file: number;

  constructor(context: UnitContext) {
    const { checkpointFrom, attemptDir } = context;
    this.#rows = checkpointFrom === null ? new Map() : readRows<T>(join(checkpointFrom, FILE));
    const dir = checkpointDir(attemptDir, checkpointFrom === null ? 1 : stepOf(checkpointFrom) + 1);
    mkdirSync(dir, { recursive: true });
    writeFileAtomic(join(dir, FILE), [...this.#rows].map(lineOf).join(''));
    writeJson(join(dir, 'CHECKPOINT.json'), { grows: FILE });
    this.#file = openSync(join(dir, FILE), 'a');
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): T | undefined {
    return this.#rows.get(key);
  }

  put(key: string, row: T): void {
    writeSync(this.#file, lineOf([key, row]));
    this.#rows.set(key, row);
  }

  close(): void {
    closeSync(this.#file);
  }
}

function lineOf<T>([key, row]: readonly [string, T]): string {
  return `${JSON.stringify({ key, row })}\n`;
}

function readRows<T>(file: string): Map<string, T> {
  const rows = new Map<string, T>();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Another copy of the unit has finished it, and cleaned up: this one is told so in the end.
    return rows;
  }
  // What follows the last line break was cut short, and a line may be after a power cut.
  for (const line of text.split('\n').slice(0, -1)) {
    try {
      const { key, row } = JSON.parse(line) as { key: string; row: T };
      rows.set(key, row);
    } catch {
      // Asked again.
    }
  }
  return rows;
}
