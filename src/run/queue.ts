import { join } from 'node:path';
import { WinnowError } from '../base/errors.ts';
import { withLock } from '../base/lock.ts';
import {
  type BatchRecord,
  batchNames,
  batchOf,
  type FiledBatch,
  fileBatch,
  jobsDir,
  newBatchName,
  noteHandle,
  readBatch,
} from './batches.ts';
import type { Asks, Executor } from './executor.ts';
import { jobScript } from './job-script.ts';
import type { UnitState } from './unit-state.ts';

/** What every batch of a run asks for, and how its tasks start. */
export interface QueueSettings {
  readonly executor: Executor;
  readonly asks: Omit<Asks, 'exclude'>;
  /** Program and arguments that start a worker. */
  readonly command: readonly string[];
  /** Environment of the workers. */
  readonly env: Readonly<Record<string, string>>;
  /** Shell lines before the worker. */
  readonly setup: readonly string[];
  /** How often the queue is asked; one that cannot be reached is left alone ever longer, from this on. */
  readonly pollMs: number;
}

/** The one hand that submits: what it is about to do is written down first, so that a killed driver's work is found again. */
export class Queue {
  readonly #runDir: string;
  readonly #settings: QueueSettings;
  readonly #seen = new Set<string>();
  /** Why the queue cannot be reached at the moment; null: it can. */
  fault: string | null = null;
  #againAtMs = 0;
  #wait: number;

  constructor(runDir: string, settings: QueueSettings) {
    this.#runDir = runDir;
    this.#settings = settings;
    this.#wait = settings.pollMs;
  }

  /**
   * Submits what is ready, one batch of units that ask for the same, while no other driver of this run does.
   * @param adopt is given batches of other drivers that are new, and says what is ready then.
   * @throws what the executor says no second try can mend.
   */
  async submitReady(
    adopt: (batches: readonly FiledBatch[]) => readonly UnitState[],
  ): Promise<readonly FiledBatch[]> {
    if (adopt(this.#others()).length === 0 || Date.now() < this.#againAtMs) return [];
    return withLock(join(jobsDir(this.#runDir), 'driver.lock'), async () => {
      const batches: FiledBatch[] = [];
      for (const alike of groups(adopt(this.#others()))) {
        batches.push(await this.#submit(alike));
        if (this.fault !== null) break;
      }
      return batches;
    });
  }

  /** The handle of a batch that may have been submitted; null: it was not; undefined: the queue cannot say now. */
  async find(batch: FiledBatch): Promise<string | null | undefined> {
    if (Date.now() < this.#againAtMs) return undefined;
    try {
      const handle = await this.#settings.executor.find(batchOf(batch));
      this.#reached();
      return handle;
    } catch (error) {
      this.#unreachable(error);
      return undefined;
    }
  }

  #others(): FiledBatch[] {
    const names = batchNames(this.#runDir).filter((name) => !this.#seen.has(name));
    for (const name of names) this.#seen.add(name);
    return names.map((name) => readBatch(this.#runDir, name)).sort((a, b) => a.atMs - b.atMs);
  }

  async #submit(units: readonly UnitState[]): Promise<FiledBatch> {
    const { executor, asks, command, env, setup } = this.#settings;
    const [{ halvings, exclude }] = units as [UnitState];
    const name = newBatchName();
    const record: BatchRecord = {
      name,
      executor: executor.kind,
      atMs: Date.now(),
      tasks: units.map(({ id }) => ({ unit: id, halvings })),
      asks: { ...asks, exclude: [...exclude].sort() },
    };
    const script = jobScript({
      name,
      dir: join(jobsDir(this.#runDir), name),
      unitsDir: join(this.#runDir, 'units'),
      setup,
      env: { ...env, WINNOW_HALVINGS: String(halvings) },
      command,
    });
    this.#seen.add(name);
    const batch = fileBatch(this.#runDir, record, script);
    try {
      const handle = await executor.submit(batchOf(batch));
      noteHandle(batch.dir, handle);
      this.#reached();
      return { ...batch, handle };
    } catch (error) {
      // It may have arrived all the same: it is looked up when the queue answers again.
      this.#unreachable(error);
      return batch;
    }
  }

  #reached(): void {
    this.fault = null;
    this.#againAtMs = 0;
    this.#wait = this.#settings.pollMs;
  }

  #unreachable(error: unknown): void {
    if (!(error instanceof WinnowError) || error.code !== 'queue-unreachable') throw error;
    this.fault = error.message;
    this.#againAtMs = Date.now() + this.#wait;
    this.#wait = Math.min(LONGEST_WAIT_MS, 2 * this.#wait);
  }
}

const LONGEST_WAIT_MS = 60_000;

/** Units that can share a batch: those that ask for the same. */
function groups(units: readonly UnitState[]): UnitState[][] {
  const alike = new Map<string, UnitState[]>();
  for (const unit of units) {
    const key = `${unit.halvings} ${[...unit.exclude].sort().join()}`;
    alike.set(key, [...(alike.get(key) ?? []), unit]);
  }
  return [...alike.values()];
}
