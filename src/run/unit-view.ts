import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { isAlive } from './attempt.ts';
import { attemptsIn, progressOf, type SeenAttempt } from './attempts.ts';
import { type FiledBatch, jobOf, outputFile, readBatches } from './batches.ts';
import { namesIn } from './checkpoint.ts';
import { readDoneIn, type UnitResult } from './done.ts';
import type { UnitProgress } from './events.ts';
import type { Executor, Observation } from './executor.ts';

/** Where a unit is. `waiting`: nobody has it in hand; `unknown`: a queue has it and cannot be asked. */
export type ViewedState =
  | 'done'
  | 'running'
  | 'queued'
  | 'waiting'
  | 'failed'
  | 'stopped'
  | 'cancelled'
  | 'unknown';

/** One try at a unit, on this machine or as a task of a queue. */
export interface Try {
  readonly how: string;
  readonly why: string;
  readonly node: string | null;
  readonly startedAtMs: number | null;
  /** Where its output is; null: nothing of it is left. */
  readonly log: string | null;
}

/** A unit as the files of its run tell it, and its queue where that was asked. */
export interface UnitView {
  readonly id: string;
  readonly kind: string;
  readonly state: ViewedState;
  readonly progress: UnitProgress | null;
  readonly node: string | null;
  /** Of the work, by the clock; null while it is not done. */
  readonly durationMs: number | null;
  readonly tries: readonly Try[];
  /** What the queue says; null: it was not asked, or does not have it. */
  readonly says: string | null;
}

/** All units of a run, by id. With an executor its queue is asked once about what it has in hand. */
export async function viewUnits(runDir: string, executor: Executor | null): Promise<UnitView[]> {
  const batches = readBatches(runDir);
  const live = batches.filter(
    ({ handle, verdicts }) => handle !== null && verdicts.some((verdict) => verdict === null),
  );
  const own = executor === null ? [] : live.filter((batch) => batch.executor === executor.kind);
  const answers = own.length === 0 ? [] : ((await executor?.poll(own.map(jobOf))) ?? []);
  const seen = new Map(own.map(({ name }, i) => [name, answers[i] ?? []]));
  return namesIn(join(runDir, 'units'))
    .filter((id) => existsSync(join(runDir, 'units', id, 'unit.json')))
    .sort()
    .map((id) => viewUnit(join(runDir, 'units', id), batches, seen));
}

/**
 * The one unit whose id begins so.
 * @throws inputError `unit-missing`, `unit-ambiguous`.
 */
export function findUnit(runDir: string, beginning: string): string {
  const units = join(runDir, 'units');
  const found = (existsSync(units) ? readdirSync(units) : []).filter((id) => id.startsWith(beginning));
  const [only] = found;
  if (only !== undefined && (found.length === 1 || found.includes(beginning)))
    return found.includes(beginning) ? beginning : only;
  throw only === undefined
    ? inputError('unit-missing', 'there is no unit of this name', {
        file: runDir,
        got: beginning,
        remedy: `\`winnow status --out ${runDir}\` lists them`,
      })
    : inputError('unit-ambiguous', 'several units begin so', { got: beginning, need: found.slice(0, 8) });
}

/** Whether a text may name a unit rather than a pair: a kind, a dash and the beginning of a hash. */
export function looksLikeUnit(text: string): boolean {
  return /^[a-z][a-z-]*-[0-9a-f]{2,16}$/.test(text);
}

function viewUnit(
  dir: string,
  batches: readonly FiledBatch[],
  seen: ReadonlyMap<string, readonly Observation[]>,
): UnitView {
  const id = basename(dir);
  const kind = id.slice(0, id.lastIndexOf('-'));
  const attempts = attemptsIn(dir);
  const done = readDoneIn(dir);
  const tasks = batches.flatMap((batch) =>
    batch.tasks.flatMap(({ unit }, index) => (unit === id ? [{ batch, index }] : [])),
  );
  const living = attempts.findLast(({ dir: own, exit }) => exit === null && isAlive(own));
  const last = tasks.at(-1);
  const verdict = last === undefined ? null : (last.batch.verdicts[last.index] ?? null);
  const observed = last === undefined ? undefined : seen.get(last.batch.name)?.[last.index];
  const pending = last !== undefined && verdict === null;
  const state = stateOf({ done, living, pending, observed, ending: verdict?.ending, attempts });
  return {
    id,
    kind,
    state,
    progress: living === undefined ? null : progressOf(living.dir),
    node: living?.record?.host ?? observed?.node ?? null,
    durationMs: done?.durationMs ?? null,
    tries: tries(attempts, tasks, done),
    says: pending ? (observed?.says ?? null) : null,
  };
}

interface Facts {
  readonly done: UnitResult | null;
  readonly living: SeenAttempt | undefined;
  readonly pending: boolean;
  readonly observed: Observation | undefined;
  readonly ending: string | undefined;
  readonly attempts: readonly SeenAttempt[];
}

function stateOf({ done, living, pending, observed, ending, attempts }: Facts): ViewedState {
  if (done !== null) return 'done';
  if (living !== undefined) return 'running';
  if (pending) {
    if (observed === undefined || observed.state === 'unknown') return 'unknown';
    if (observed.state === 'held') return 'queued';
    return observed.state === 'ended' ? 'stopped' : observed.state;
  }
  if (ending === 'cancelled' || ending === 'stopped') return ending;
  if (ending === 'unsent') return 'waiting';
  if (ending !== undefined) return 'failed';
  return attempts.length > 0 ? 'stopped' : 'waiting';
}

/** Tasks of queues in the order of their batches, and attempts of this machine. */
function tries(
  attempts: readonly SeenAttempt[],
  tasks: readonly { readonly batch: FiledBatch; readonly index: number }[],
  done: UnitResult | null,
): Try[] {
  const winner = attempts.find((attempt) => attempt.dir === done?.dir);
  const queued = tasks.map(({ batch, index }): Try => {
    const task = `${batch.name}/${index}`;
    const own = attempts.findLast((attempt) => attempt.task === task);
    const verdict = batch.verdicts[index] ?? null;
    const output = outputFile(batch.dir, index);
    const won = winner?.task === task;
    const how = won ? 'done' : (verdict?.ending ?? (done === null ? 'in the queue’s hands' : 'not needed'));
    return {
      how,
      why: won ? '' : (verdict?.why ?? ''),
      node: verdict?.node ?? own?.record?.host ?? null,
      startedAtMs: own?.record?.startedAtMs ?? batch.atMs,
      log: existsSync(output) ? output : null,
    };
  });
  const local = attempts
    .filter(({ task }) => task === null)
    .map((attempt): Try => {
      const log = join(attempt.dir, 'log.txt');
      const alive = attempt !== winner && attempt.exit === null && isAlive(attempt.dir);
      return {
        how: attempt === winner ? 'done' : alive ? 'running' : 'ended without a result',
        why: attempt.exit?.error.message ?? '',
        node: attempt.record?.host ?? null,
        startedAtMs: attempt.record?.startedAtMs ?? null,
        log: existsSync(log) ? log : null,
      };
    });
  return [...queued, ...local].sort((a, b) => (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0));
}
