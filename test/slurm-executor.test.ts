import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Executor, Job, Observation } from '../src/run/executor.ts';
import { runShell } from '../src/run/executors/shell.ts';
import { createSlurm } from '../src/run/executors/slurm.ts';
import { type Cluster, hasSlurm, startCluster } from './slurm/cluster.ts';
import { scratch } from './tiny-world.ts';

const NONE = { partition: null, account: null, qos: null, extra: [] as string[] };
const ASKS = { cpus: 1, gpus: 0, memoryGB: null, minutes: null, atOnce: null, exclude: [] as string[] };
const root = scratch('slurm');
let made = 0;

function batchOf(lines: string, count: number, asks: Partial<Batch['asks']> = {}): Batch {
  const name = `winnow-${String(++made).padStart(12, '0')}`;
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  const script = join(dir, "job 'of' it.sh");
  writeFileSync(script, `${lines}\n`);
  return { name, dir, script, count, asks: { ...ASKS, ...asks } };
}

const pollOne = async (executor: Executor, job: Job) =>
  (await executor.poll([job]))[0] as readonly Observation[];

/** Polls until it holds; gives the last answer. */
async function pollUntil(executor: Executor, job: Job, holds: (seen: readonly Observation[]) => boolean) {
  for (const began = Date.now(); ; await sleep(200)) {
    const seen = await pollOne(executor, job);
    if (holds(seen)) return seen;
    if (Date.now() - began > 60_000) throw new Error(`still ${JSON.stringify(seen)}`);
  }
}
const all =
  (...states: Observation['state'][]) =>
  (seen: readonly Observation[]) =>
    seen.every(({ state }, i) => state === (states[i] ?? states[0]));

/** SLURM of this test file is found by the environment, as it is for users. */
function useCluster(options: Parameters<typeof startCluster>[0]): { cluster: Cluster } {
  const held = {} as { cluster: Cluster };
  const own = process.env.SLURM_CONF;
  beforeAll(async () => {
    held.cluster = await startCluster(options);
    process.env.SLURM_CONF = held.cluster.env.SLURM_CONF;
  });
  afterAll(async () => {
    if (own === undefined) delete process.env.SLURM_CONF;
    else process.env.SLURM_CONF = own;
    await held.cluster?.stop();
  });
  return held;
}

describe.skipIf(!hasSlurm())('executor slurm on a real SLURM', () => {
  const held = useCluster({ conf: ['MaxArraySize=20'] });
  const executor = createSlurm(NONE);
  const submit = async (batch: Batch): Promise<Job> => ({ batch, handle: await executor.submit(batch) });

  it('runs an array, tells its states and its exit codes', async () => {
    const go = join(root, 'go');
    const job = await submit(
      batchOf(
        `until [ -e ${go} ]; do sleep 0.1; done; [ "$1" = 2 ] && exit 7; [ "$1" = 1 ] && kill -9 $$; exit 0`,
        4,
        {
          atOnce: 2,
          memoryGB: 0.1,
          minutes: 5,
        },
      ),
    );
    const seen = await pollUntil(executor, job, all('running', 'running', 'queued', 'queued'));
    expect(seen[0]?.node).toMatch(/./);
    expect(await executor.find(job.batch)).toBe(job.handle);
    writeFileSync(go, '');
    const ended = await pollUntil(executor, job, all('ended'));
    expect(ended.map(({ code }) => code)).toEqual([0, 137, 7, 0]);
    expect(ended[2]?.says).toContain('FAILED');
    expect(await executor.find(job.batch)).toBe(job.handle);
    expect(await executor.find(batchOf('', 1))).toBeNull();
  });

  it('takes tasks back, and those that are gone are no fault', async () => {
    const job = await submit(batchOf('exec sleep 100', 3));
    await pollUntil(executor, job, all('running'));
    await executor.cancel(job, [0, 2]);
    await pollUntil(executor, job, all('ended', 'running', 'ended'));
    await executor.cancel(job, [0, 1, 2]);
    const ended = await pollUntil(executor, job, all('ended'));
    expect(ended.every(({ says }) => says?.startsWith('CANCELLED'))).toBe(true);
    await executor.cancel({ ...job, handle: '4242' }, [0]);
    expect(await pollOne(executor, { ...job, handle: '4242' })).toEqual(
      Array.from({ length: 3 }, () => ({ state: 'ended', says: 'no longer in the queue' })),
    );
  });

  it('tells what is held and what is queued again', async () => {
    const job = await submit(batchOf('exec sleep 100', 2));
    await pollUntil(executor, job, all('running'));
    await held.cluster.run('scontrol', 'requeue', `${job.handle}_0`);
    await held.cluster.run('scontrol', 'requeuehold', `${job.handle}_1`);
    await pollUntil(executor, job, all('queued', 'held'));
    await executor.cancel(job, [0, 1]);
    await pollUntil(executor, job, all('ended'));
  });

  it('says what SLURM refuses', async () => {
    const refused = { kind: 'input', code: 'queue-refused' };
    const batch = batchOf('true', 1);
    const wrong = createSlurm({ ...NONE, partition: 'nope' });
    await expect(wrong.submit(batch)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('invalid partition specified: nope'),
    });
    await expect(executor.submit(batchOf('true', 1, { gpus: 2 }))).rejects.toMatchObject(refused);
    await expect(executor.submit(batchOf('true', 1, { memoryGB: 9000 }))).rejects.toMatchObject(refused);
    await expect(executor.submit(batchOf('true', 30))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('executor.atOnce'),
    });
    await expect(createSlurm({ ...NONE, extra: ['--frob'] }).submit(batch)).rejects.toMatchObject(refused);
  });

  it('takes a node that broke a try rather than none', async () => {
    const { stdout } = await held.cluster.run('sinfo', '-h', '-o', '%n');
    const job = await submit(batchOf('exit 3', 1, { exclude: [stdout.trim()] }));
    expect((await pollUntil(executor, job, all('ended')))[0]?.code).toBe(3);
    expect(await executor.find(job.batch)).toBe(job.handle);
  });

  it('knows nothing while the controller is away, and the truth when it is back', async () => {
    const go = join(root, 'go-on');
    const job = await submit(batchOf(`until [ -e ${go} ]; do sleep 0.1; done; exit 5`, 2));
    await pollUntil(executor, job, all('running'));
    // It writes its state down now and then; what it has not is forgotten.
    const state = join(held.cluster.dir, 'state', 'job_state');
    const seenMs = Date.now();
    while (!existsSync(state) || statSync(state).mtimeMs <= seenMs) await sleep(200);
    await held.cluster.killController();
    const away = await pollOne(executor, job);
    expect(away.map(({ state }) => state)).toEqual(['unknown', 'unknown']);
    expect(away[0]?.says).toContain('Unable to contact');
    const gone = { kind: 'machine', code: 'queue-unreachable' };
    await expect(executor.find(job.batch)).rejects.toMatchObject(gone);
    await expect(executor.submit(batchOf('true', 1))).rejects.toMatchObject(gone);
    await expect(executor.cancel(job, [0])).rejects.toMatchObject(gone);
    await held.cluster.startController();
    await pollUntil(executor, job, all('running'));
    writeFileSync(go, '');
    expect((await pollUntil(executor, job, all('ended'))).map(({ code }) => code)).toEqual([5, 5]);
  });
});

describe.skipIf(!hasSlurm(true))('executor slurm on a SLURM with accounting', () => {
  useCluster({ accounting: true, minJobAgeSeconds: 2 });

  it('knows codes of what the controller has forgotten', async () => {
    const executor = createSlurm(NONE);
    const batch = batchOf('exit "$1"', 2);
    const job = { batch, handle: await executor.submit(batch) };
    await pollUntil(executor, job, all('ended'));
    // Another driver, later: only the accounts know.

    for (const began = Date.now(); ; await sleep(1000)) {
      if ((await runShell(`scontrol show job ${job.handle}`, 9000)).code !== 0) break;
      if (Date.now() - began > 90_000) throw new Error('the controller does not forget');
    }
    const seen = await pollUntil(createSlurm(NONE), job, (one) =>
      one.every(({ code }) => code !== undefined),
    );
    expect(seen.map(({ code }) => code)).toEqual([0, 1]);
    expect(await createSlurm(NONE).find(batch)).toBe(job.handle);
  });
});

it('where there is no SLURM a batch is refused, and nothing is known', async () => {
  const own = process.env.PATH;
  process.env.PATH = root;
  try {
    const executor = createSlurm(NONE);
    const batch = batchOf('true', 1);
    await expect(executor.submit(batch)).rejects.toMatchObject({ kind: 'input', code: 'queue-missing' });
    expect((await pollOne(executor, { batch, handle: '1' })).map(({ state }) => state)).toEqual(['unknown']);
    await expect(executor.find(batch)).rejects.toMatchObject({ code: 'queue-unreachable' });
  } finally {
    process.env.PATH = own;
  }
});
