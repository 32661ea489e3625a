import { type ChildProcess, spawn } from 'node:child_process';
import { machineError } from '../base/errors.ts';
import type { Batch, Executor, Job, Observation } from './executor.ts';

/** A task as the queue has it. */
export interface FakeTask {
  readonly name: string;
  readonly index: number;
  child: ChildProcess | null;
  ended: { readonly code: number } | null;
  /** What the queue says instead of the truth. */
  lie: Observation | null;
}

/**
 * A queue in this process for tests: runs `sh SCRIPT INDEX`, so many at a time. Tests reach in: kill tasks, make it
 * unreachable, make it lie, let it lose its memory.
 */
export class FakeQueue implements Executor {
  readonly kind = 'fake';
  readonly tasks: FakeTask[] = [];
  readonly batches = new Map<string, Batch>();
  /** Calls that fail before the queue can be reached again; Infinity: for good. */
  unreachable = 0;
  /** Submitted all the same, although the answer is lost. */
  losesAnswers = 0;
  /** Called before a task starts. */
  onStart: (task: FakeTask) => void = () => {};
  readonly #atOnce: number;

  constructor(atOnce = 4) {
    this.#atOnce = atOnce;
  }

  async submit(batch: Batch): Promise<string> {
    this.#reach();
    this.batches.set(batch.name, batch);
    for (let index = 0; index < batch.count; index++)
      this.tasks.push({ name: batch.name, index, child: null, ended: null, lie: null });
    this.#startSome();
    if (this.losesAnswers > 0) {
      this.losesAnswers--;
      throw machineError('queue-unreachable', 'the answer was lost');
    }
    return `job of ${batch.name}`;
  }

  async find({ name }: Batch): Promise<string | null> {
    this.#reach();
    return this.batches.has(name) ? `job of ${name}` : null;
  }

  async poll(jobs: readonly Job[]): Promise<Observation[][]> {
    try {
      this.#reach();
    } catch (error) {
      return jobs.map(({ batch }) =>
        Array.from({ length: batch.count }, () => ({ state: 'unknown', says: (error as Error).message })),
      );
    }
    this.#startSome();
    return jobs.map(({ batch }) =>
      Array.from({ length: batch.count }, (_, index) => this.#observe(this.task(batch.name, index))),
    );
  }

  async cancel({ batch }: Job, indexes: readonly number[]): Promise<void> {
    for (const index of indexes) {
      const task = this.task(batch.name, index);
      if (task === undefined) continue;
      if (task.child === null) task.ended ??= { code: 143 };
      task.child?.kill('SIGTERM');
    }
  }

  task(name: string, index: number): FakeTask | undefined {
    return this.tasks.find((task) => task.name === name && task.index === index);
  }

  running(): FakeTask[] {
    return this.tasks.filter(({ child, ended }) => child !== null && ended === null);
  }

  /** Ends everything; call it when the test is through. */
  close(): void {
    this.unreachable = Number.POSITIVE_INFINITY;
    for (const { child } of this.running()) child?.kill('SIGKILL');
  }

  #reach(): void {
    if (this.unreachable <= 0) return;
    this.unreachable--;
    throw machineError('queue-unreachable', 'the controller does not answer');
  }

  #observe(task: FakeTask | undefined): Observation {
    if (task === undefined) return { state: 'ended' };
    if (task.lie !== null) return task.lie;
    if (task.ended !== null) return { state: 'ended', code: task.ended.code, node: 'here' };
    return { state: task.child === null ? 'queued' : 'running', node: 'here' };
  }

  #startSome(): void {
    for (const task of this.tasks) {
      if (this.running().length >= this.#atOnce) return;
      if (task.child !== null || task.ended !== null) continue;
      const batch = this.batches.get(task.name) as Batch;
      this.onStart(task);
      const child = spawn('sh', [batch.script, String(task.index)], { stdio: 'ignore' });
      task.child = child;
      child.on('exit', (code, signal) => {
        task.ended = { code: code ?? (signal === 'SIGKILL' ? 137 : 143) };
        this.#startSome();
      });
    }
  }
}
