import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inputError, machineError } from '../../base/errors.ts';
import type { Config } from '../config.ts';
import type { Batch, Executor, Job, Observation } from '../executor.ts';
import { shellQuote } from '../job-script.ts';
import { runProgram } from './shell.ts';
import { sideBySide } from './side-by-side.ts';
import {
  ACCOUNTING_FORMAT,
  FORGOTTEN,
  faultOf,
  NO_ACCOUNTING,
  observe,
  parseAccounting,
  parseJobs,
  parseQueue,
  QUEUE_FORMAT,
  type SlurmTask,
  showIndexes,
  tasksOf,
} from './slurm-answers.ts';

const LIMIT_MS = 20_000;
/** Commands at a time: the controller serves all users of a cluster. */
const AT_ONCE = 2;
const SHOWN_CHARS = 500;
/** A task is told to stop so long before its time limit: enough for a checkpoint. */
const GRACE_SECONDS = 60;
/** What says which cluster it is. All else of a job that winnow itself runs in would be taken for the new job's. */
const KEPT = new Set(['SLURM_CONF', 'SLURM_CLUSTERS', 'SLURM_CONF_SERVER', 'SLURM_JWT']);

interface Answer {
  readonly ok: boolean;
  readonly code: number | null;
  readonly stdout: string;
  /** What it said, for people and for telling faults apart. */
  readonly words: string;
}

/** Hands tasks to SLURM as job arrays, by its own commands (docs/executor-slurm.md). */
export function createSlurm(
  { partition, account, qos, extra }: Config['executor']['slurm'],
  { limitMs = LIMIT_MS } = {},
): Executor {
  const run = async (program: string, ...args: string[]): Promise<Answer> => {
    const { code, stdout, stderr, timedOut } = await runProgram(program, args, limitMs, slurmEnvironment());
    const said = (stderr.trim() || stdout.trim()).slice(-SHOWN_CHARS);
    const words = timedOut ? `no answer in ${limitMs / 1000} s ${said}`.trim() : said;
    return { ok: code === 0, code, stdout, words: `${program}: ${words || `exit code ${code}`}` };
  };

  const submitOnce = async (batch: Batch, exclude: readonly string[]): Promise<Answer> => {
    const { name, dir, script, count, asks } = batch;
    const wrapper = join(dir, 'slurm.sh');
    writeFileSync(wrapper, `#!/bin/sh\nexec sh ${shellQuote(script)} "$SLURM_ARRAY_TASK_ID"\n`);
    return await run(
      'sbatch',
      '--parsable',
      `--array=0-${count - 1}${asks.atOnce === null ? '' : `%${asks.atOnce}`}`,
      `--job-name=${name}`,
      `--chdir=${dir}`,
      // A task writes its own output, into a file that the run knows.
      '--output=/dev/null',
      '--export=ALL',
      '--requeue',
      '--ntasks=1',
      `--cpus-per-task=${asks.cpus}`,
      ...(asks.gpus > 0 ? [`--gres=gpu:${asks.gpus}`] : []),
      // SLURM's M is 2²⁰ bytes.
      ...(asks.memoryGB === null ? [] : [`--mem=${Math.ceil((asks.memoryGB * 1e9) / 2 ** 20)}M`]),
      ...(asks.minutes === null ? [] : [`--time=${asks.minutes}`, `--signal=B:TERM@${GRACE_SECONDS}`]),
      ...(exclude.length === 0 ? [] : [`--exclude=${exclude.join(',')}`]),
      ...(partition === null ? [] : [`--partition=${partition}`]),
      ...(account === null ? [] : [`--account=${account}`]),
      ...(qos === null ? [] : [`--qos=${qos}`]),
      ...extra,
      wrapper,
    );
  };

  /** Exit codes of what has ended, and whatever else is known of tasks that left the queue. */
  const askEnded = async ({ batch, handle }: Job): Promise<Observation[]> => {
    const shown = await run('scontrol', 'show', 'job', '-o', handle);
    if (!shown.ok && !FORGOTTEN.test(shown.words)) throw unreachable(shown);
    const tasks = tasksOf(shown.ok ? parseJobs(shown.stdout) : [], handle, batch.count);
    if (!tasks.includes(undefined)) return tasks.map((task) => observe(task as SlurmTask));
    const args = ['-n', '-P', '-X', '-j', handle, '-o', ACCOUNTING_FORMAT];
    const kept = await run('sacct', ...args);
    if (!kept.ok && !NO_ACCOUNTING.test(kept.words)) throw unreachable(kept);
    const accounts = tasksOf(kept.ok ? parseAccounting(kept.stdout) : [], handle, batch.count);
    return tasks.map((task, i) => {
      if (task !== undefined) return observe(task);
      const account = accounts[i];
      const now = account === undefined ? undefined : observe(account);
      // Records of what has left the queue come late, so that they may still say that it runs.
      return now?.state === 'ended' ? now : { state: 'ended', says: 'no longer in the queue' };
    });
  };

  // Of tasks that ended with a code, so that the controller is not asked again as long as others of a batch run.
  const known = new Map<string, Observation>();

  const pollOne = async (queue: readonly SlurmTask[], job: Job): Promise<Observation[]> => {
    const { batch, handle } = job;
    const key = (index: number) => `${handle}_${index}`;
    const seen = tasksOf(queue, handle, batch.count).map((task, index) => {
      const observation = task === undefined ? undefined : observe(task);
      if (observation === undefined || observation.state === 'ended') return known.get(key(index));
      // It was queued again.
      known.delete(key(index));
      return observation;
    });
    if (!seen.includes(undefined)) return seen as Observation[];
    try {
      const ended = await askEnded(job);
      return seen.map((observation, index) => {
        if (observation !== undefined) return observation;
        const now = ended[index] as Observation;
        if (now.state === 'ended' && now.code !== undefined) known.set(key(index), now);
        return now;
      });
    } catch (error) {
      const says = (error as Error).message;
      return seen.map((observation) => observation ?? { state: 'unknown', says });
    }
  };

  return {
    kind: 'slurm',

    async submit(batch) {
      const { exclude } = batch.asks;
      let answer = await submitOnce(batch, exclude);
      // Nodes that broke a try are better than none.
      if (!answer.ok && exclude.length > 0 && /node configuration|node name/i.test(answer.words))
        answer = await submitOnce(batch, []);
      if (!answer.ok) throw refusal(batch, answer);
      // `ID`, or `ID;CLUSTER` with several clusters.
      const handle = /^(\d+)(;|$)/m.exec(answer.stdout)?.[1];
      if (handle === undefined) {
        throw inputError('queue-handle', 'sbatch printed no job number', {
          got: answer.stdout,
          remedy: `The batch may be running: squeue --name=${batch.name}`,
        });
      }
      return handle;
    },

    async find({ name }) {
      const listed = await run('squeue', '-h', '-a', '-t', 'all', '-r', `--name=${name}`, '-o', QUEUE_FORMAT);
      if (!listed.ok) throw unreachable(listed);
      const kept = await run(
        'sacct',
        '-n',
        '-P',
        '-X',
        '-S',
        'now-7days',
        `--name=${name}`,
        '-o',
        ACCOUNTING_FORMAT,
      );
      if (!kept.ok && !NO_ACCOUNTING.test(kept.words)) throw unreachable(kept);
      const tasks = [...parseQueue(listed.stdout), ...(kept.ok ? parseAccounting(kept.stdout) : [])];
      // What sbatch refused for its nodes leaves an array that failed without ever having a node.
      const jobs = tasks
        .filter(({ state, reason, node }) => !(state === 'FAILED' && (reason === 'BadConstraints' || !node)))
        .map(({ job }) => Number(job));
      return jobs.length === 0 ? null : String(Math.max(...jobs));
    },

    async poll(jobs) {
      const user = String(process.getuid?.() ?? '');
      // Of one's own jobs: with `-j`, one that is forgotten makes it fail.
      const listed = await run('squeue', '-h', '-a', '-t', 'all', '-r', '-u', user, '-o', QUEUE_FORMAT);
      if (!listed.ok) {
        const unknown: Observation = { state: 'unknown', says: listed.words };
        return jobs.map(({ batch }) => Array.from({ length: batch.count }, () => unknown));
      }
      const queue = parseQueue(listed.stdout);
      return await sideBySide(jobs, AT_ONCE, (job) => pollOne(queue, job));
    },

    async cancel({ handle }, indexes) {
      if (indexes.length === 0) return;
      const answer = await run('scancel', `${handle}_[${showIndexes(indexes)}]`);
      if (!answer.ok && !FORGOTTEN.test(answer.words)) throw unreachable(answer);
    },
  };
}

/** The environment of this process without what would make another job of what is submitted. */
export function slurmEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([key]) => KEPT.has(key) || !/^(SLURM|SLURMD|SBATCH|SQUEUE|SACCT|SCANCEL|SCONTROL)_/.test(key),
    ),
  );
}

function refusal(batch: Batch, answer: Answer) {
  const got = answer.words;
  switch (faultOf(got, answer.code)) {
    case 'moment':
      return unreachable(answer);
    case 'missing':
      return inputError('queue-missing', `SLURM does not work on this machine: ${got}`, {
        need: 'sbatch, and the slurm.conf of the cluster',
        remedy: 'Run winnow on a login node, or set SLURM_CONF',
      });
    default:
      return inputError('queue-refused', `SLURM refused the batch: ${got}`, {
        remedy: /array spec/i.test(got)
          ? `${batch.count} tasks are more than its MaxArraySize allows: set executor.atOnce, or ask for fewer units`
          : 'executor.slurm.partition, account, qos and extra, and executor.cpus, gpus, memoryGB and minutes say what is asked for',
      });
  }
}

function unreachable({ words }: Answer) {
  return machineError('queue-unreachable', `SLURM cannot be asked: ${words}`, {
    remedy: 'It is tried again',
  });
}
