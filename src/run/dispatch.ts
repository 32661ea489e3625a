import { setTimeout as sleep } from 'node:timers/promises';
import { WinnowError } from '../base/errors.ts';
import { isAlive, pruneAttempts } from './attempt.ts';
import { attemptOf, progressOf, tailOf } from './attempts.ts';
import {
  type FiledBatch,
  jobOf,
  noteHandle,
  noteVerdict,
  outputFile,
  readVerdict,
  takeRetry,
  type Verdict,
} from './batches.ts';
import { latestCheckpoint, stepOf } from './checkpoint.ts';
import { readDoneIn, type UnitResult } from './done.ts';
import type { Executor, Observation } from './executor.ts';
import type { PoolEvent } from './pool.ts';
import { Queue, type QueueSettings } from './queue.ts';
import { blamesNode, verdictOf } from './task-end.ts';
import { prepareUnit, type UnitSpec, unitDir, unitId } from './unit.ts';
import { afterVerdict, openUnit, reopen, type UnitState } from './unit-state.ts';

export interface DispatchOptions extends QueueSettings {
  readonly executor: Executor;
  /** How often a unit is tried again that failed for no fault of its input. */
  readonly retries: number;
  /** How long results are waited for after the queue says that a task has ended. */
  readonly settleMs: number;
  /** A running task without a sign of life for so long is lost. Default: 10 minutes. */
  readonly silentMs?: number;
  /** The first wait before another try, doubled with each. Default: 2 s, at most a minute. */
  readonly backoffMs?: number;
  readonly onEvent?: (event: PoolEvent) => void;
  /** Leaves the tasks to the queue and comes back (Ctrl-C). */
  readonly signal?: AbortSignal;
}

const SILENT_MS = 10 * 60_000;
const BACKOFF_MS = 2_000;
/** How often the units' files are looked at. */
const LOOK_MS = 500;
const OUTPUT_TAIL = 8_000;

/** A task that no driver has seen end. */
interface LiveTask {
  readonly batch: FiledBatch;
  readonly index: number;
  readonly unit: UnitState;
  seen: Observation;
  /** Since when the queue has said that it ended; null: it does not. */
  endedSinceMs: number | null;
  /** When this driver first saw it run. */
  runningSinceMs: number | null;
}

/**
 * Runs units as tasks of a queue and gives their results in the order of `specs`. The files decide: a unit is done when
 * its DONE.json is there, whatever the queue says; what the queue says is only a reason to wait or to submit again. A
 * driver keeps nothing to itself: when it is killed, the same call adopts what still runs. A unit that fails for good
 * does not stop the others; its error is thrown when they are through.
 */
export async function dispatchUnits(
  runDir: string,
  specs: readonly UnitSpec[],
  options: DispatchOptions,
): Promise<UnitResult[]> {
  const dispatcher = new Dispatcher(runDir, specs, options);
  const results = await dispatcher.run();
  return specs.map((spec) => results.get(unitId(spec)) as UnitResult);
}

class Dispatcher {
  readonly #runDir: string;
  readonly #options: DispatchOptions;
  readonly #units = new Map<string, UnitState>();
  readonly #results = new Map<string, UnitResult>();
  readonly #queue: Queue;
  #live: LiveTask[] = [];
  #polledMs = 0;
  #told = '';

  constructor(runDir: string, specs: readonly UnitSpec[], options: DispatchOptions) {
    this.#runDir = runDir;
    this.#options = options;
    this.#queue = new Queue(runDir, options);
    for (const spec of specs) {
      const id = unitId(spec);
      if (!this.#units.has(id)) this.#units.set(id, openUnit(id, spec, unitDir(runDir, spec)));
    }
  }

  async run(): Promise<ReadonlyMap<string, UnitResult>> {
    for (const unit of this.#units.values())
      if (!this.#collect(unit, 'reused')) prepareUnit(this.#runDir, unit.spec);
    while (this.#open().length > 0) {
      if (this.#options.signal?.aborted) throw this.#detached();
      await this.#submit();
      await this.#poll();
      this.#tell();
      if (this.#open().length === 0) break;
      await sleep(Math.min(LOOK_MS, this.#options.pollMs), undefined, {
        ...(this.#options.signal && { signal: this.#options.signal }),
      }).catch(() => {});
      for (const unit of this.#open()) this.#collect(unit, 'done');
      for (const unit of this.#units.values())
        if (unit.failure !== null && takeRetry(this.#runDir, unit.id)) reopen(unit);
    }
    await this.#takeBackSurplus();
    this.#throwFailures();
    return this.#results;
  }

  /** Units that are neither done nor given up. */
  #open(): UnitState[] {
    return [...this.#units.values()].filter(({ id, failure }) => failure === null && !this.#results.has(id));
  }

  /** Takes the result of a unit if it is there; true, too, where it is there and cannot be used. */
  #collect(unit: UnitState, type: 'reused' | 'done'): boolean {
    let done: UnitResult | null;
    try {
      done = readDoneIn(unit.dir);
    } catch (error) {
      // A shared file system may show the record before the files: they are waited for as long as a result is.
      if (type === 'reused' || !(error instanceof WinnowError)) throw error;
      unit.damagedSinceMs ??= Date.now();
      if (Date.now() - unit.damagedSinceMs >= this.#options.settleMs) unit.failure = error;
      return true;
    }
    if (done === null) return false;
    if (type === 'reused') pruneAttempts(unit.dir);
    this.#results.set(unit.id, done);
    this.#options.onEvent?.({ type, unit: unit.id, kind: unit.spec.kind });
    return true;
  }

  /** Adopts what other drivers have submitted, then submits what is ready. */
  async #submit(): Promise<void> {
    const now = Date.now();
    const adopt = (batches: readonly FiledBatch[]) => {
      for (const batch of batches) this.#adopt(batch);
      const busy = new Set(this.#live.map(({ unit }) => unit.id));
      return this.#open().filter(
        ({ id, readyAtMs, damagedSinceMs }) => !busy.has(id) && readyAtMs <= now && damagedSinceMs === null,
      );
    };
    for (const batch of await this.#queue.submitReady(adopt)) this.#adopt(batch);
  }

  #adopt(batch: FiledBatch): void {
    batch.tasks.forEach(({ unit: id, halvings }, index) => {
      const unit = this.#units.get(id);
      const known = this.#live.some((task) => task.batch.name === batch.name && task.index === index);
      if (unit === undefined || known) return;
      unit.halvings = Math.max(unit.halvings, halvings);
      const verdict = batch.verdicts[index];
      // Of earlier drivers: this one tries afresh, but with what was learnt of memory.
      if (verdict) {
        if (verdict.ending === 'memory') unit.halvings = Math.max(unit.halvings, halvings + 1);
        return;
      }
      const started = { type: 'started', unit: id, kind: unit.spec.kind } as const;
      if (!this.#results.has(id)) this.#options.onEvent?.(started);
      const seen = { state: batch.handle === null ? 'unknown' : 'queued' } as const;
      this.#live.push({ batch, index, unit, seen, endedSinceMs: null, runningSinceMs: null });
    });
  }

  /** Asks the queue of what is live, if it is time; judges what has ended. */
  async #poll(): Promise<void> {
    if (Date.now() - this.#polledMs < this.#options.pollMs) return;
    await this.#learnHandles();
    const batches = [...new Set(this.#live.map(({ batch }) => batch.name))].map(
      (name) => this.#live.find(({ batch }) => batch.name === name)?.batch as FiledBatch,
    );
    const known = batches.filter(({ handle }) => handle !== null);
    const answers = known.length === 0 ? [] : await this.#options.executor.poll(known.map(jobOf));
    this.#polledMs = Date.now();
    const seen = new Map(known.map(({ name }, i) => [name, answers[i] ?? []]));
    for (const task of [...this.#live])
      await this.#judge(task, seen.get(task.batch.name)?.[task.index] ?? { state: 'unknown' });
  }

  /** Batches that a driver may have submitted before it died are looked up at the queue. */
  async #learnHandles(): Promise<void> {
    const unsure = new Set(this.#live.filter(({ batch }) => batch.handle === null).map(({ batch }) => batch));
    for (const batch of unsure) {
      const handle = await this.#queue.find(batch);
      if (handle === undefined) continue;
      if (handle === null) {
        for (const task of this.#live.filter((other) => other.batch === batch))
          await this.#end(task, { ending: 'unsent', why: 'the driver died before it had submitted it' });
        continue;
      }
      noteHandle(batch.dir, handle);
      const found = { ...batch, handle };
      this.#live = this.#live.map((task) => (task.batch === batch ? { ...task, batch: found } : task));
    }
  }

  /** What the queue says of a task, and what the files say to that. */
  async #judge(task: LiveTask, seen: Observation): Promise<void> {
    const { unit, batch, index } = task;
    task.seen = seen;
    const said = readVerdict(batch.dir, index);
    if (said !== null) return this.#settle(task, said);
    if (this.#results.has(unit.id) || this.#collect(unit, 'done')) return;
    const now = Date.now();
    task.endedSinceMs = seen.state === 'ended' ? (task.endedSinceMs ?? now) : null;
    task.runningSinceMs = seen.state === 'running' ? (task.runningSinceMs ?? now) : null;
    if (seen.state === 'unknown' || seen.state === 'queued') return;
    const attempt = attemptOf(unit.dir, `${batch.name}/${index}`);
    const progress = attempt === null ? null : progressOf(attempt.dir);
    if (progress !== null)
      this.#options.onEvent?.({ ...progress, type: 'progress', unit: unit.id, kind: unit.spec.kind });
    if (seen.state === 'running') {
      const silentMs = this.#options.silentMs ?? SILENT_MS;
      const lastMs = Math.max(task.runningSinceMs ?? now, attempt?.exit === null ? attempt.beatMs : 0);
      if (now - lastMs < silentMs) return;
      await this.#takeBack(task);
      const minutes = Math.round(silentMs / 60_000);
      const node = seen.node === undefined ? '' : ` on ${seen.node}`;
      return this.#end(task, {
        ending: 'lost',
        why: `no sign of life for ${minutes} min although the queue says that it runs${node}`,
      });
    }
    const lives = attempt !== null && attempt.exit === null && isAlive(attempt.dir);
    if (seen.state === 'held') {
      // Its first life may go on although the queue has taken the job back: files decide.
      if (lives) return;
      await this.#takeBack(task);
      return this.#end(task, { ending: 'lost', why: `held by the queue${says(seen)}` });
    }
    const endedMs = now - (task.endedSinceMs as number);
    // A queue that has forgotten a task does not know whether it lives; one that gives its exit code does.
    if (attempt?.exit == null && (endedMs < this.#options.settleMs || (seen.code === undefined && lives)))
      return;
    const output = tailOf(outputFile(batch.dir, index), OUTPUT_TAIL);
    const step = checkpointStep(unit.dir);
    const end = { exit: attempt?.exit ?? null, seen, begun: attempt !== null, output, step };
    const verdict = noteVerdict(batch.dir, index, verdictOf(end, now));
    if (verdict.node !== undefined && blamesNode(verdict, output)) unit.exclude.add(verdict.node);
    this.#settle(task, verdict);
  }

  async #end(task: LiveTask, { ending, why }: { ending: 'lost' | 'unsent'; why: string }): Promise<void> {
    const { unit, batch, index, seen } = task;
    const node = seen.node === undefined ? {} : { node: seen.node };
    const verdict = { ending, why, atMs: Date.now(), step: checkpointStep(unit.dir), ...node };
    this.#settle(task, noteVerdict(batch.dir, index, verdict));
  }

  /** The task is over; what that means for its unit. */
  #settle(task: LiveTask, verdict: Verdict): void {
    const { unit, batch, index } = task;
    this.#live = this.#live.filter((other) => other !== task);
    if (this.#results.has(unit.id) || this.#collect(unit, 'done')) return;
    const { retries, backoffMs = BACKOFF_MS } = this.#options;
    const said = afterVerdict(unit, verdict, { retries, backoffMs, log: outputFile(batch.dir, index) });
    if (said !== null)
      this.#options.onEvent?.({ type: 'note', unit: unit.id, kind: unit.spec.kind, text: said });
  }

  async #takeBack({ batch, index }: LiveTask): Promise<void> {
    if (batch.handle === null) return;
    await this.#options.executor.cancel(jobOf(batch), [index]).catch(() => {});
  }

  /** Tasks that still wait in the queue although their unit is done would only find that out. */
  async #takeBackSurplus(): Promise<void> {
    for (const task of this.#live)
      if (this.#results.has(task.unit.id) && (task.seen.state === 'queued' || task.seen.state === 'held'))
        await this.#takeBack(task);
  }

  #tell(): void {
    const live = this.#live.filter(({ unit }) => !this.#results.has(unit.id));
    const count = (...states: Observation['state'][]) =>
      live.filter(({ seen }) => states.includes(seen.state)).length;
    const waiting = this.#open().length - live.length;
    const event = {
      type: 'queue' as const,
      queued: count('queued', 'held'),
      running: count('running'),
      unknown: count('unknown', 'ended'),
      waiting,
      fault: this.#queue.fault ?? live.find(({ seen }) => seen.state === 'unknown')?.seen.says ?? null,
    };
    const told = JSON.stringify(event);
    if (told === this.#told) return;
    this.#told = told;
    this.#options.onEvent?.(event);
  }

  #detached(): WinnowError {
    const { size } = this.#units;
    return new WinnowError(
      'interrupted',
      'detached',
      `left with ${this.#results.size} of ${size} units done; ${this.#live.length} go on in the queue (${this.#options.executor.kind})`,
      {
        remedy:
          'Run the same command again to go on following them; `winnow status` shows them, `winnow cancel` takes them back',
      },
    );
  }

  #throwFailures(): void {
    const failed = [...this.#units.values()].flatMap(({ failure }) => (failure === null ? [] : [failure]));
    const [first] = failed;
    if (first === undefined) return;
    if (failed.length === 1) throw first;
    const { kind, code, fields } = failed.find(({ kind }) => kind !== 'interrupted') ?? first;
    const error = new WinnowError(kind, code, '', fields);
    error.message = [
      `${failed.length} of ${this.#units.size} units failed, ${this.#results.size} are done and stay so`,
      ...failed.map(({ message }) => message),
    ].join('\n\n');
    throw error;
  }
}

function checkpointStep(dir: string): number {
  const checkpoint = latestCheckpoint(dir);
  return checkpoint === null ? 0 : stepOf(checkpoint);
}

function says({ says: words }: Observation): string {
  return words === undefined ? '' : `: ${words}`;
}
