import { describe, expect, it } from 'vitest';
import { slurmEnvironment } from './slurm.ts';
import {
  faultOf,
  observe,
  parseAccounting,
  parseIndexes,
  parseJobs,
  parseQueue,
  showIndexes,
  tasksOf,
} from './slurm-answers.ts';

const states = (text: string, job: string, count: number) =>
  tasksOf(parseQueue(text), job, count).map((task) => task && observe(task));

describe('squeue', () => {
  it('gives the tasks of one array, and nothing of others', () => {
    const text = '4|1|RUNNING|n7|None\n4|0|PENDING||Priority\n9|0|RUNNING|n1|None\nCLUSTER: one\n';
    expect(states(text, '4', 3)).toEqual([
      { state: 'queued', says: 'PENDING, Priority' },
      { state: 'running', says: 'RUNNING', node: 'n7' },
      undefined,
    ]);
  });

  it('takes lists and what has no task number any more', () => {
    const text = '4|N/A|CANCELLED||None\n4|1-2%1|PENDING||launch failed requeued held\n';
    expect(states(text, '4', 4).map((one) => one?.state)).toEqual(['ended', 'held', 'held', 'ended']);
  });

  it.each([
    ['PENDING', 'BeginTime', 'queued'],
    ['REQUEUED', 'None', 'queued'],
    ['PENDING', 'JobHeldUser', 'held'],
    ['PENDING', 'JobHeldAdmin', 'held'],
    ['PENDING', 'DependencyNeverSatisfied', 'held'],
    ['REQUEUE_HOLD', 'None', 'held'],
    ['CONFIGURING', 'None', 'running'],
    ['COMPLETING', 'None', 'running'],
    ['SUSPENDED', 'None', 'running'],
    ['TIMEOUT', 'TimeLimit', 'ended'],
    ['NODE_FAIL', 'None', 'ended'],
    ['OUT_OF_MEMORY', 'OutOfMemory', 'ended'],
  ])('%s (%s) is %s', (state, reason, expected) => {
    expect(observe({ job: '1', indexes: [0], state, reason }).state).toBe(expected);
  });
});

describe('exit codes', () => {
  const code = (state: string, exit: string) =>
    observe({ job: '1', indexes: [0], state, reason: '', exit }).code;

  it('are those of the shell', () => {
    expect([code('COMPLETED', '0:0'), code('FAILED', '85:0'), code('FAILED', '0:9')]).toEqual([0, 85, 137]);
    expect(code('CANCELLED', '0:15')).toBe(143);
  });

  it('of what did not complete are never 0', () => {
    expect([code('NODE_FAIL', '0:0'), code('TIMEOUT', '0:0'), code('COMPLETED', '')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('stand in the lines of scontrol and sacct', () => {
    const shown =
      'JobId=5 ArrayJobId=1 ArrayTaskId=2 JobName=a JobState=FAILED Reason=NonZeroExitCode ExitCode=7:0 ReqNodeList=(null) NodeList=vm BatchHost=vm\n';
    expect(parseJobs(shown)).toEqual([
      { job: '1', indexes: [2], state: 'FAILED', reason: 'NonZeroExitCode', node: 'vm', exit: '7:0' },
    ]);
    expect(
      parseAccounting('1_2|FAILED|7:0|vm\n1_[3-4]|CANCELLED by 0|0:0|None assigned\n8|FAILED|1:0|vm\n'),
    ).toEqual([
      { job: '1', indexes: [2], state: 'FAILED', reason: '', node: 'vm', exit: '7:0' },
      { job: '1', indexes: [3, 4], state: 'CANCELLED', reason: '', exit: '0:0' },
    ]);
  });
});

it('lists of task numbers are read and written', () => {
  expect(parseIndexes('0-3,7%2')).toEqual([0, 1, 2, 3, 7]);
  expect(parseIndexes('N/A')).toBeNull();
  expect(showIndexes([5, 0, 2, 1, 2])).toBe('0-2,5');
});

it.each([
  ['sbatch: error: Batch job submission failed: Invalid partition name specified', 1, 'refused'],
  ['sbatch: error: Invalid generic resource (gres) specification', 1, 'refused'],
  [
    'sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)',
    1,
    'moment',
  ],
  ['sbatch: error: Batch job submission failed: Socket timed out on send/recv operation', 1, 'moment'],
  [
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    1,
    'moment',
  ],
  ['no answer in 20 s', null, 'moment'],
  [
    'sbatch: error: s_p_parse_file: cannot stat file /x: No such file or directory, retrying',
    null,
    'missing',
  ],
  ['spawn sbatch ENOENT', null, 'missing'],
])('tells faults apart: %s', (words, code, expected) => {
  expect(faultOf(words, code)).toBe(expected);
});

it('a job that winnow itself runs in leaves no trace in what it submits', () => {
  const env = { PATH: '/bin', SLURM_CONF: 'c', SLURM_JOB_ID: '7', SBATCH_PARTITION: 'x', SQUEUE_FORMAT: 'y' };
  expect(slurmEnvironment(env)).toEqual({ PATH: '/bin', SLURM_CONF: 'c' });
});
