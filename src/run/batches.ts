import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { machineError } from '../base/errors.ts';
import { createExclusive, writeFileAtomic } from '../base/files.ts';
import { readJson, writeJson } from '../base/json.ts';
import { namesIn } from './checkpoint.ts';
import type { WorkerErrorEvent } from './events.ts';
import type { Asks, Batch, Job } from './executor.ts';

/** A unit in a batch. */
export interface Task {
  /** Unit id. */
  readonly unit: string;
  /** How often its tries before this one ran out of memory. */
  readonly halvings: number;
}

/** `batch.json`: what was handed to a queue, written before it is. */
export interface BatchRecord {
  readonly name: string;
  /** Kind of the executor. */
  readonly executor: string;
  readonly atMs: number;
  readonly tasks: readonly Task[];
  readonly asks: Asks;
}

/**
 * How a task ended that did not finish its unit. `stopped`: from outside, with or without a checkpoint; `unsent`: it
 * never got into the queue; `fatal`: no second try can help.
 */
export type Ending = 'stopped' | 'failed' | 'fatal' | 'memory' | 'lost' | 'cancelled' | 'unsent';

/** `<index>.end.json`: what the driver that saw a task end made of it. */
export interface Verdict {
  readonly ending: Ending;
  /** For people. */
  readonly why: string;
  readonly atMs: number;
  readonly code?: number;
  readonly node?: string;
  /** Steps in the unit's newest whole checkpoint. */
  readonly step: number;
  /** The worker's own words, where it had any. */
  readonly error?: WorkerErrorEvent;
}

/** A batch as its folder tells it. */
export interface FiledBatch extends BatchRecord {
  readonly dir: string;
  /** The queue's name of it; null: not known to have been submitted. */
  readonly handle: string | null;
  /** By task. */
  readonly verdicts: readonly (Verdict | null)[];
}

/** `<run>/jobs`: a folder for each batch, nothing in it is ever changed by two processes. */
export function jobsDir(runDir: string): string {
  return join(runDir, 'jobs');
}

/** Unique over machines and time, and short enough for the names of any queue. It never influences a result. */
export function newBatchName(): string {
  return `winnow-${randomBytes(6).toString('hex')}`;
}

/** Writes down a batch that is about to be submitted: its record, the units by line, and the script. */
export function fileBatch(runDir: string, record: BatchRecord, script: string): FiledBatch {
  const dir = join(jobsDir(runDir), record.name);
  mkdirSync(dir, { recursive: true });
  writeFileAtomic(join(dir, 'units.txt'), record.tasks.map(({ unit }) => `${unit}\n`).join(''));
  writeFileAtomic(join(dir, 'job.sh'), script);
  writeJson(join(dir, 'batch.json'), record);
  return { ...record, dir, handle: null, verdicts: record.tasks.map(() => null) };
}

/** Notes that the queue has the batch. */
export function noteHandle(dir: string, handle: string): void {
  writeJson(join(dir, 'job.json'), { handle, atMs: Date.now() });
}

/** Writes down how a task ended; where another driver was faster, its word holds. */
export function noteVerdict(dir: string, index: number, verdict: Verdict): Verdict {
  const file = verdictFile(dir, index);
  return createExclusive(file, `${JSON.stringify(verdict, null, 2)}\n`)
    ? verdict
    : (readJson(file) as Verdict);
}

export function readVerdict(dir: string, index: number): Verdict | null {
  const file = verdictFile(dir, index);
  return existsSync(file) ? (readJson(file) as Verdict) : null;
}

function verdictFile(dir: string, index: number): string {
  return join(dir, `${index}.end.json`);
}

/** The names of a run's batches; those that are being written have no record yet and are left out. */
export function batchNames(runDir: string): string[] {
  const jobs = jobsDir(runDir);
  return namesIn(jobs).filter((name) => existsSync(join(jobs, name, 'batch.json')));
}

/** @throws machineError `batch-damaged`. */
export function readBatch(runDir: string, name: string): FiledBatch {
  const dir = join(jobsDir(runDir), name);
  const file = join(dir, 'batch.json');
  const record = readJson(file) as Partial<BatchRecord> | null;
  if (!Array.isArray(record?.tasks) || record.name !== name || record.asks === undefined)
    throw machineError('batch-damaged', 'this is not the record of a batch', {
      file,
      remedy: `Delete the folder ${dir}: units that are done stay done`,
    });
  const { tasks } = record as BatchRecord;
  const job = join(dir, 'job.json');
  const handle = existsSync(job) ? (readJson(job) as { handle: string }).handle : null;
  const ended = new Set(namesIn(dir).filter((entry) => entry.endsWith('.end.json')));
  const verdicts = tasks.map((_, i) => (ended.has(`${i}.end.json`) ? readVerdict(dir, i) : null));
  return { ...(record as BatchRecord), dir, handle, verdicts };
}

/** All batches of a run, oldest first. */
export function readBatches(runDir: string): FiledBatch[] {
  return batchNames(runDir)
    .map((name) => readBatch(runDir, name))
    .sort((a, b) => a.atMs - b.atMs || (a.name < b.name ? -1 : 1));
}

/** Asks a driver that is at work to try a unit again that it has given up. */
export function askRetry(runDir: string, unit: string): void {
  const folder = join(jobsDir(runDir), 'retry');
  mkdirSync(folder, { recursive: true });
  createExclusive(join(folder, unit), '');
}

/** Whether that was asked; the question is then answered. */
export function takeRetry(runDir: string, unit: string): boolean {
  const file = join(jobsDir(runDir), 'retry', unit);
  if (!existsSync(file)) return false;
  rmSync(file, { force: true });
  return true;
}

/** What an executor is given. */
export function batchOf({ name, dir, tasks, asks }: FiledBatch): Batch {
  return { name, dir, script: join(dir, 'job.sh'), count: tasks.length, asks };
}

/** The job of a batch that is known to be submitted. */
export function jobOf(batch: FiledBatch): Job {
  if (batch.handle === null) throw new Error(`batch ${batch.name} has no handle`);
  return { batch: batchOf(batch), handle: batch.handle };
}

/** Where a task's output goes. */
export function outputFile(dir: string, index: number): string {
  return join(dir, `${index}.out`);
}
