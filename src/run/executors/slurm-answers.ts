import type { Observation } from '../executor.ts';

/** What SLURM says of tasks: those of `indexes`, or all of which nothing else is said where it is null. */
export interface SlurmTask {
  /** Number of the array. */
  readonly job: string;
  readonly indexes: readonly number[] | null;
  readonly state: string;
  readonly reason: string;
  readonly node?: string;
  /** `CODE:SIGNAL`, where it was asked for. */
  readonly exit?: string;
}

/** What `squeue` is asked for. Its JSON has other fields in each release. */
export const QUEUE_FORMAT = '%F|%K|%T|%N|%r';
/** What `sacct` is asked for. */
export const ACCOUNTING_FORMAT = 'JobID,State,ExitCode,NodeList';

const RUNNING = new Set(
  'RUNNING COMPLETING CONFIGURING SUSPENDED STOPPED RESIZING SIGNALING STAGE_OUT'.split(' '),
);
const HELD = new Set('REQUEUE_HOLD SPECIAL_EXIT RESV_DEL_HOLD'.split(' '));
const QUEUED = new Set('PENDING REQUEUED REQUEUE_FED'.split(' '));
/** Why a task that waits will not start by itself. */
const HELD_REASON = /held|NeverSatisfied/i;

/** Lines of `squeue -o QUEUE_FORMAT`. */
export function parseQueue(text: string): SlurmTask[] {
  return text.split('\n').flatMap((line) => {
    const [job = '', index = '', state = '', node = '', ...reason] = line.trim().split('|');
    if (!/^\d+$/.test(job) || state === '') return [];
    return [{ job, indexes: parseIndexes(index), state, reason: reason.join('|'), ...nodeOf(node) }];
  });
}

/** Lines of `scontrol show job -o`. */
export function parseJobs(text: string): SlurmTask[] {
  return text.split('\n').flatMap((line) => {
    const value = (key: string) => new RegExp(`(?:^| )${key}=(\\S*)`).exec(line)?.[1];
    const [job, state] = [value('ArrayJobId') ?? value('JobId'), value('JobState')];
    if (job === undefined || state === undefined) return [];
    return [
      {
        job,
        indexes: parseIndexes(value('ArrayTaskId') ?? ''),
        state,
        reason: value('Reason') ?? '',
        ...nodeOf(value('NodeList') ?? ''),
        exit: value('ExitCode') ?? '',
      },
    ];
  });
}

/** Lines of `sacct -n -P -X -o ACCOUNTING_FORMAT`. */
export function parseAccounting(text: string): SlurmTask[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', words = '', exit = '', node = ''] = line.trim().split('|');
    const [, job, index = ''] = /^(\d+)_(?:\[(.+)\]|\d+)$/.exec(id) ?? [];
    // `CANCELLED by 0` says who did it.
    const state = words.split(' ')[0] as string;
    if (job === undefined || state === '') return [];
    const indexes = parseIndexes(index || id.slice(job.length + 1));
    return [{ job, indexes, state, reason: '', ...nodeOf(node), exit }];
  });
}

/** `3`, `0-3,7%2`: task numbers of an array; null where it names none (`N/A`). */
export function parseIndexes(text: string): number[] | null {
  const list = text.replace(/%\d+$/, '');
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(list)) return null;
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** The same list as `scancel` takes it: `0-2,5`. */
export function showIndexes(indexes: readonly number[]): string {
  const sorted = [...new Set(indexes)].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const index of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** The tasks of one array, by index; undefined: nothing is said of it. */
export function tasksOf(
  answers: readonly SlurmTask[],
  job: string,
  count: number,
): (SlurmTask | undefined)[] {
  const found = new Array<SlurmTask | undefined>(count).fill(undefined);
  const own = answers.filter((answer) => answer.job === job);
  for (const answer of own.filter(({ indexes }) => indexes !== null))
    for (const index of answer.indexes as number[]) if (index < count) found[index] = answer;
  const rest = own.find(({ indexes }) => indexes === null);
  return found.map((answer) => answer ?? rest);
}

/** What an answer comes to. States that are not known have ended: SLURM names all in which a task lives. */
export function observe({ state, reason, node, exit }: SlurmTask): Observation {
  const says = reason === '' || reason === 'None' ? state : `${state}, ${reason}`;
  const base = { says, ...(node === undefined ? {} : { node }) };
  if (HELD.has(state)) return { state: 'held', ...base };
  if (QUEUED.has(state)) return { state: HELD_REASON.test(reason) ? 'held' : 'queued', ...base };
  if (RUNNING.has(state)) return { state: 'running', ...base };
  const code = exitCode(state, exit ?? '');
  return { state: 'ended', ...base, ...(code === undefined ? {} : { code }) };
}

/** `7:0` is 7, `0:9` (a signal) is 137 as shells say it. `0:0` of a task that did not complete says nothing. */
function exitCode(state: string, exit: string): number | undefined {
  const [, code = 0, signal = 0] = /^(\d+):(\d+)$/.exec(exit)?.map(Number) ?? [];
  if (signal > 0) return 128 + signal;
  if (code > 0) return code;
  return state === 'COMPLETED' && exit !== '' ? 0 : undefined;
}

function nodeOf(text: string): { node?: string } {
  return text === '' || /^(\(null\)|None assigned|N\/A)$/i.test(text) ? {} : { node: text };
}

/** SLURM has forgotten the job, or its task is past what was asked. */
export const FORGOTTEN = /invalid job id|already complet|finished/i;
/** There is no accounting on this cluster. */
export const NO_ACCOUNTING = /accounting storage is disabled|accounting_storage\/none|ENOENT/i;
const MOMENT =
  /unable to contact|connect(ion)? (failure|refused|reset|timed out)|timed out|socket|zero bytes|communication|temporarily|try again|submit limit|limit on number of jobs|authentication|munge|not responding|maintenance|slurmctld .*(down|busy)|standby/i;
const NO_CONFIG = /cannot stat file|configuration source|slurm\.conf.*(no such|not found)/i;

/**
 * What kind of fault made a command of SLURM fail: `missing`: there is no SLURM here; `moment`: a second try may do;
 * `refused`: it may not.
 */
export function faultOf(words: string, code: number | null): 'missing' | 'moment' | 'refused' {
  if (NO_CONFIG.test(words) || /\bENOENT\b/.test(words)) return 'missing';
  return code === null || MOMENT.test(words) ? 'moment' : 'refused';
}
