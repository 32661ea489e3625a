/** What a task asks its queue for. Nothing of it is part of a result. */
export interface Asks {
  readonly cpus: number;
  readonly gpus: number;
  /** 10⁹ bytes; null: the queue's default. */
  readonly memoryGB: number | null;
  readonly minutes: number | null;
  /** Most tasks of the batch at a time; null: all. */
  readonly atOnce: number | null;
  /** Nodes that broke an earlier try. */
  readonly exclude: readonly string[];
}

/** Tasks that go to the queue together. A task is a shell script called with its number: an executor knows no more. */
export interface Batch {
  /** Unique; what the queue knows the batch by, so that it is found again: `winnow-` and 12 hex digits. */
  readonly name: string;
  /** The batch's own folder, for what the executor wants to write down. */
  readonly dir: string;
  /** `sh SCRIPT INDEX` runs task INDEX (from 0), its output goes to `<dir>/<index>.out`. */
  readonly script: string;
  readonly count: number;
  readonly asks: Asks;
}

/** A batch in the queue's hands. */
export interface Job {
  readonly batch: Batch;
  /** The queue's own name of it. */
  readonly handle: string;
}

/**
 * What a queue says of a task: a hint. Files decide what is done.
 * `held`: it is there and will not start by itself. `ended`: it is not there any more, or says that it ended.
 * `unknown`: the queue could not be asked, or does not say.
 */
export interface Observation {
  readonly state: 'queued' | 'running' | 'held' | 'ended' | 'unknown';
  /** Exit code of an ended task, where the queue tells. */
  readonly code?: number;
  readonly node?: string;
  /** In the queue's own words, for people. */
  readonly says?: string;
}

/** Hands tasks to a queue and asks it about them. Knows nothing of units, engines and DPO. */
export interface Executor {
  readonly kind: string;
  /**
   * Submits and gives the handle. What it throws is a fault of the moment (`WinnowError` `queue-unreachable`), or one
   * that a second try cannot mend (any input error: a wrong partition).
   */
  submit(batch: Batch): Promise<string>;
  /** The handle of a batch that a driver may have submitted before it died; null: it never got there. */
  find(batch: Batch): Promise<string | null>;
  /** Of each job its tasks, by index. Never throws: a queue that cannot be asked gives `unknown`. */
  poll(jobs: readonly Job[]): Promise<readonly (readonly Observation[])[]>;
  /** Takes tasks back; those that have ended are no fault. */
  cancel(job: Job, indexes: readonly number[]): Promise<void>;
}
