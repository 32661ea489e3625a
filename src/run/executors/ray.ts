import http from 'node:http';
import https from 'node:https';
import { inputError, machineError, type WinnowError } from '../../base/errors.ts';
import type { Config } from '../config.ts';
import type { Batch, Executor, Job, Observation } from '../executor.ts';
import { shellQuote } from '../job-script.ts';
import { sideBySide } from './side-by-side.ts';

const LIMIT_MS = 20_000;
const AT_ONCE = 8;
const GIB = 2 ** 30;

/** Of Ray's job table (`JobStatus` of its Jobs API). */
const STATES: Readonly<Record<string, Observation['state']>> = {
  PENDING: 'queued',
  RUNNING: 'running',
  STOPPED: 'ended',
  SUCCEEDED: 'ended',
  FAILED: 'ended',
};

/**
 * Hands tasks to a Ray cluster, each as a job of its own, by the Jobs API of its dashboard (`POST /api/jobs/`). A task's
 * submission id is made of the batch's name and its index: Ray refuses a second one, so a batch that was submitted halfway
 * can be submitted again. `atOnce` is left to the cluster's resources.
 */
export function createRay({ address }: Config['executor']['ray'], { limitMs = LIMIT_MS } = {}): Executor {
  const base = (process.env.RAY_API_SERVER_ADDRESS ?? address).replace(/\/+$/, '');

  const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
    request(`${base}/api/jobs/${path}`, method, body, limitMs).catch((error: Error) => {
      throw unreachable(base, error.message);
    });

  const seeOne = async (id: string): Promise<Observation | null> => {
    const { status, text } = await ask('GET', id);
    if (status === 404) return null;
    if (status !== 200) throw unreachable(base, `${status}: ${text.slice(0, 300)}`);
    return observation(parse(text, base));
  };

  return {
    kind: 'ray',

    async submit(batch) {
      const { asks, script } = batch;
      await sideBySide(indexes(batch), AT_ONCE, async (index) => {
        const { status, text } = await ask('POST', '', {
          submission_id: idOf(batch, index),
          entrypoint: `sh ${shellQuote(script)} ${index}`,
          entrypoint_num_cpus: asks.cpus,
          ...(asks.gpus > 0 ? { entrypoint_num_gpus: asks.gpus } : {}),
          ...(asks.memoryGB === null
            ? {}
            : { entrypoint_memory: Math.round((1e9 * asks.memoryGB) / GIB) * GIB }),
          metadata: { winnow: batch.name },
        });
        if (status === 200) return;
        // Here from an earlier try whose answer was lost.
        if ((await seeOne(idOf(batch, index))) !== null) return;
        if (status >= 500) throw unreachable(base, `${status}: ${text.slice(0, 300)}`);
        throw inputError('queue-refused', 'Ray refused a task', {
          got: `${status}: ${text.slice(0, 300)}`,
          remedy: 'Look at executor.cpus, gpus and memoryGB, and at the version of Ray',
        });
      });
      return batch.name;
    },

    async find(batch) {
      const seen = await sideBySide(indexes(batch), AT_ONCE, (index) => seeOne(idOf(batch, index)));
      if (seen.every((one) => one === null)) return null;
      // Halfway: the rest follows, those that are there are refused and stay.
      return seen.includes(null) ? this.submit(batch) : batch.name;
    },

    async poll(jobs) {
      return sideBySide(jobs, 1, async ({ batch }: Job) =>
        sideBySide(indexes(batch), AT_ONCE, async (index): Promise<Observation> => {
          try {
            return (await seeOne(idOf(batch, index))) ?? { state: 'ended', says: 'Ray does not know it' };
          } catch (error) {
            return { state: 'unknown', says: (error as Error).message };
          }
        }),
      );
    },

    async cancel({ batch }, which) {
      await sideBySide(which, AT_ONCE, async (index) => {
        // Ray answers 404 for what it has forgotten, and false for what has ended.
        const { status, text } = await ask('POST', `${idOf(batch, index)}/stop`);
        if (status >= 500) throw unreachable(base, `${status}: ${text.slice(0, 300)}`);
      });
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Not `fetch`: Ray takes its `Sec-Fetch-Mode` for a browser and refuses (seen with Ray 2.60: 405, “browser traffic”). */
function request(url: string, method: string, body: unknown, limitMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const options = { method, headers, signal: AbortSignal.timeout(limitMs) };
    const sent = (url.startsWith('https:') ? https : http).request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface RayJob {
  readonly status?: unknown;
  readonly message?: unknown;
  readonly error_type?: unknown;
  readonly driver_exit_code?: unknown;
  readonly driver_node_id?: unknown;
}

/** What Ray calls a job that waited too long for its resources: RAY_JOB_START_TIMEOUT_SECONDS, 15 minutes. */
const NEVER_STARTED = 'JOB_SUPERVISOR_ACTOR_START_TIMEOUT';

function observation({ status, message, error_type: error, driver_exit_code: exit }: RayJob): Observation {
  const state = STATES[String(status)] ?? 'unknown';
  // It failed at nothing: another try waits on, and costs none.
  const why = error === NEVER_STARTED ? ' (start timeout)' : '';
  const says = `${String(status)}${why}${typeof message === 'string' && message !== '' ? `: ${message}` : ''}`;
  if (state !== 'ended') return { state, says };
  // Older Rays tell the code in words alone.
  const code = typeof exit === 'number' ? exit : Number(/exit code:? (\d+)/i.exec(says)?.[1] ?? Number.NaN);
  return { state, says, ...(Number.isInteger(code) ? { code: code < 0 ? 128 - code : code } : {}) };
}

function parse(text: string, base: string): RayJob {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as RayJob;
  } catch {
    // Told below.
  }
  throw unreachable(base, `it does not answer as Ray does: ${text.slice(0, 200)}`);
}

function indexes({ count }: Batch): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function idOf({ name }: Batch, index: number): string {
  return `${name}-${index}`;
}

function unreachable(base: string, why: string): WinnowError {
  return machineError('queue-unreachable', `Ray at ${base} cannot be asked: ${why}`, {
    remedy: 'It is tried again; executor.ray.address or RAY_API_SERVER_ADDRESS say where its dashboard is',
  });
}
