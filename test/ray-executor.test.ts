import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Batch, Observation } from '../src/run/executor.ts';
import { createRay } from '../src/run/executors/ray.ts';
import { verdictOf } from '../src/run/task-end.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-ray-'));
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

let batches = 0;
/** Tasks 0 and 2 end well, 1 with code 7, 3 runs until it is stopped. */
function batchOf(count: number): Batch {
  const dir = join(root, `b${batches++}`);
  mkdirSync(dir);
  const script = join(dir, 'job.sh');
  writeFileSync(
    script,
    `echo "$1" >> '${dir}/started'\ncase $1 in 1) exit 7;; 3) exec sleep 300;; esac\nexit 0\n`,
  );
  const asks = { cpus: 1, gpus: 0, memoryGB: null, minutes: null, atOnce: null, exclude: [] };
  return { name: `winnow-00000000000${batches}`, dir, script, count, asks };
}

interface FakeJob {
  status: string;
  message: string;
  error_type?: string;
}

describe('ray, a server that answers as its Jobs API', () => {
  const jobs = new Map<string, FakeJob>();
  const bodies: Record<string, unknown>[] = [];
  let fault: number | null = null;
  let server: Server;
  let address = '';

  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (piece) => {
        text += String(piece);
      });
      request.on('end', () => {
        const answer = (status: number, body: unknown) => {
          response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
        };
        if (fault !== null) return answer(fault, 'the head is busy');
        const [, , , id = '', verb] = (request.url ?? '').split('/');
        if (request.method === 'POST' && id === '') {
          const body = JSON.parse(text) as { submission_id: string };
          bodies.push(body);
          if (jobs.has(body.submission_id)) return answer(500, 'Job with submission_id already exists');
          jobs.set(body.submission_id, { status: 'PENDING', message: '' });
          return answer(200, { submission_id: body.submission_id });
        }
        const job = jobs.get(id);
        if (job === undefined) return answer(404, `Job ${id} does not exist`);
        if (verb === 'stop') job.status = 'STOPPED';
        return answer(200, verb === 'stop' ? { stopped: true } : { ...job, submission_id: id });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  beforeEach(() => {
    jobs.clear();
    bodies.length = 0;
    fault = null;
  });
  afterAll(() => server.close());

  it('submits each task once, whatever is submitted twice', async () => {
    const ray = createRay({ address });
    const batch = { ...batchOf(3), asks: { ...batchOf(1).asks, gpus: 2, memoryGB: 10 } };
    expect(await ray.submit(batch)).toBe(batch.name);
    expect(await ray.submit(batch)).toBe(batch.name);
    expect(jobs.size).toBe(3);
    expect(bodies[0]).toMatchObject({
      entrypoint_num_cpus: 1,
      entrypoint_num_gpus: 2,
      entrypoint_memory: 9 * 2 ** 30,
    });
    expect(bodies[0]?.entrypoint).toMatch(/^sh .*job\.sh 0$/);
  });

  it('completes a batch that was submitted halfway, and knows one that never was', async () => {
    const ray = createRay({ address });
    const batch = batchOf(2);
    expect(await ray.find(batch)).toBeNull();
    jobs.set(`${batch.name}-0`, { status: 'RUNNING', message: '' });
    expect(await ray.find(batch)).toBe(batch.name);
    expect(jobs.size).toBe(2);
  });

  it('tells states and codes', async () => {
    const ray = createRay({ address });
    const batch = batchOf(6);
    const table: [string, string, Observation][] = [
      ['PENDING', '', { state: 'queued', says: 'PENDING' }],
      ['RUNNING', '', { state: 'running', says: 'RUNNING' }],
      ['SUCCEEDED', 'fine', { state: 'ended', says: 'SUCCEEDED: fine' }],
      [
        'FAILED',
        'Job entrypoint failed with exit code 86',
        { state: 'ended', says: expect.any(String), code: 86 },
      ],
      ['DANCING', '', { state: 'unknown', says: 'DANCING' }],
    ];
    for (const [i, [status, message]] of table.entries()) jobs.set(`${batch.name}-${i}`, { status, message });
    const [seen] = await ray.poll([{ batch, handle: batch.name }]);
    expect(seen?.slice(0, 5)).toEqual(table.map(([, , need]) => need));
    expect(seen?.[5]).toEqual({ state: 'ended', says: 'Ray does not know it' });
    await ray.cancel({ batch, handle: batch.name }, [1, 5]);
    expect(jobs.get(`${batch.name}-1`)?.status).toBe('STOPPED');
  });

  it('does not count a job that Ray took back before it started', async () => {
    const batch = batchOf(1);
    const message = 'Job supervisor actor failed to start within 900.0 seconds.';
    const error_type = 'JOB_SUPERVISOR_ACTOR_START_TIMEOUT';
    jobs.set(`${batch.name}-0`, { status: 'FAILED', message, error_type });
    const [[seen] = []] = await createRay({ address }).poll([{ batch, handle: batch.name }]);
    expect(seen).toEqual({ state: 'ended', says: `FAILED (start timeout): ${message}` });
    const end = { exit: null, seen: seen as Observation, begun: false, output: '', step: 0 };
    expect(verdictOf(end, 0).ending).toBe('stopped');
  });

  it('is not believed when it cannot be asked', async () => {
    fault = 503;
    const batch = batchOf(1);
    for (const ray of [createRay({ address }), createRay({ address: 'http://127.0.0.1:9' })]) {
      expect(await ray.poll([{ batch, handle: batch.name }])).toMatchObject([[{ state: 'unknown' }]]);
      await expect(ray.submit(batch)).rejects.toMatchObject({ code: 'queue-unreachable' });
      await expect(ray.find(batch)).rejects.toMatchObject({ code: 'queue-unreachable' });
    }
  });
});

const found = spawnSync(
  process.execPath,
  [join(import.meta.dirname, '..', 'scripts', 'ray-env.mjs'), '--find'],
  {
    encoding: 'utf8',
  },
);
const python = found.status === 0 ? found.stdout.trim() : null;

describe.skipIf(python === null)('ray, a real head (needs node scripts/ray-env.mjs)', () => {
  let head: ChildProcess | null = null;
  let address = '';
  const temp = join(root, 'ray');

  beforeAll(async () => {
    const [gcs, dashboard] = [await freePort(), await freePort()];
    address = `http://127.0.0.1:${dashboard}`;
    const program = join(dirname(python as string), 'ray');
    head = spawn(
      program,
      [
        ...['start', '--head', '--block', '--num-cpus=4', `--port=${gcs}`, '--include-dashboard=true'],
        ...[
          '--dashboard-host=127.0.0.1',
          `--dashboard-port=${dashboard}`,
          '--disable-usage-stats',
          `--temp-dir=${temp}`,
        ],
      ],
      { stdio: 'ignore', detached: true, env: { ...process.env, RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO: '0' } },
    );
    for (let i = 0; i < 240; i++) {
      const up = await fetch(`${address}/api/jobs/`).then(
        (response) => response.ok,
        () => false,
      );
      if (up) return;
      await sleep(500);
    }
    throw new Error('the head did not come up');
  }, 150_000);
  afterAll(() => {
    if (head?.pid !== undefined) {
      try {
        process.kill(-head.pid, 'SIGKILL');
      } catch {
        // It did not live that long.
      }
    }
    // Its daemons have sessions of their own; their command lines name this folder.
    spawnSync('pkill', ['-9', '-f', temp]);
  });

  it('runs tasks, tells their codes, refuses a second submission, stops what is taken back', async () => {
    const ray = createRay({ address });
    const batch = batchOf(4);
    const job = { batch, handle: await ray.submit(batch) };
    await ray.submit(batch);
    let seen: readonly Observation[] = [];
    const states = () => seen.map(({ state }) => state).join();
    for (let i = 0; i < 120 && states() !== 'ended,ended,ended,running'; i++) {
      await sleep(500);
      seen = (await ray.poll([job]))[0] ?? [];
    }
    expect(states()).toBe('ended,ended,ended,running');
    expect(seen[1]).toMatchObject({ code: 7 });
    expect(await ray.find(batch)).toBe(batch.name);
    await ray.cancel(job, [0, 3]);
    for (let i = 0; i < 60 && seen[3]?.state !== 'ended'; i++) {
      await sleep(500);
      seen = (await ray.poll([job]))[0] ?? [];
    }
    expect(seen[3]?.state).toBe('ended');
    expect(readFileSync(join(batch.dir, 'started'), 'utf8').trim().split('\n').sort()).toEqual([
      '0',
      '1',
      '2',
      '3',
    ]);
  }, 180_000);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket();
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => resolve(port));
    });
  });
}
