import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Batch } from '../src/run/executor.ts';
import { createCommand } from '../src/run/executors/command.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-sky-'));
const folder = join(import.meta.dirname, '..', 'examples', 'executors', 'skypilot');
const state = join(root, 'jobs.json');

/** A stand-in for `sky` that keeps its jobs in a file, runs them as processes, and refuses what 0.14 does not know. */
const SKY = `#!/usr/bin/env node
const { spawn } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } = require('node:fs');
const state = ${JSON.stringify(state)};
if (existsSync(state + '.down')) { console.error('cannot connect to the API server'); process.exit(1); }
// Several are started at once.
for (;;) { try { mkdirSync(state + '.lock'); break; } catch { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5); } }
process.on('exit', () => rmdirSync(state + '.lock'));
const jobs = existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : [];
const [group, verb, ...rest] = process.argv.slice(2);
const values = { '--name': 1, '--cpus': 1, '--memory': 1, '--gpus': 1, '--env': 1, '--output': 1, '--yes': 0, '--detach-run': 0, '--all': 0, '--refresh': 0 };
const given = [], words = [], env = {};
for (let i = 0; i < rest.length; i++) {
  if (!rest[i].startsWith('--')) words.push(rest[i]);
  else if (!(rest[i] in values)) { console.error('No such option: ' + rest[i]); process.exit(2); }
  else if (rest[i] === '--env') { const [key, ...text] = rest[++i].split('='); env[key] = text.join('='); }
  else given.push([rest[i].slice(2), values[rest[i]] ? rest[++i] : true]);
}
const options = Object.fromEntries(given);
const alive = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };
if (group === 'jobs' && verb === 'launch') {
  const child = spawn('sh', ['-c', 'sh -c "$1"; echo $? > "$0"', state + '.' + jobs.length, /^run: (.*)$/m.exec(readFileSync(words[0], 'utf8'))[1]], { detached: true, stdio: 'ignore', env: { ...process.env, ...env } });
  child.unref();
  jobs.push({ job_id: jobs.length, job_name: options.name, pid: child.pid, options, task: words[0] });
} else if (group === 'jobs' && verb === 'queue' && options.output === 'json') {
  const status = (job) => {
    const end = state + '.' + job.job_id;
    if (job.cancelled) return 'CANCELLED';
    if (existsSync(end)) return readFileSync(end, 'utf8').trim() === '0' ? 'SUCCEEDED' : 'FAILED';
    return alive(job.pid) ? (job.status ?? 'RUNNING') : 'FAILED_CONTROLLER';
  };
  console.log(JSON.stringify(jobs.map((job) => ({ job_id: job.job_id, job_name: job.job_name, status: status(job) })).reverse()));
} else if (group === 'jobs' && verb === 'cancel') {
  for (const id of words) { jobs[Number(id)].cancelled = true; try { process.kill(-jobs[Number(id)].pid, 'SIGTERM'); } catch {} }
} else process.exit(2);
writeFileSync(state, JSON.stringify(jobs));
`;

const saved = { ...process.env };
afterAll(() => {
  process.env = saved;
  for (const { pid } of known()) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

interface SkyJob {
  readonly job_name: string;
  readonly pid: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly task: string;
  status?: string;
}
const known = () => (existsSync(state) ? (JSON.parse(readFileSync(state, 'utf8')) as SkyJob[]) : []);

describe('the SkyPilot example, on a stand-in for sky', () => {
  const sky = join(root, 'sky');
  writeFileSync(sky, SKY);
  chmodSync(sky, 0o755);
  Object.assign(process.env, { WINNOW_SKY: sky, WINNOW_GPU: 'H100' });
  const queue = join(folder, 'queue.mjs');
  const config = readFileSync(join(folder, 'winnow.yaml'), 'utf8').replaceAll('queue.mjs', queue);
  const executor = createCommand(parse(config).executor.command);
  let batches = 0;

  function batchOf(script: string, count: number, more: Partial<Batch['asks']> = {}): Batch {
    const dir = join(root, `batch ${++batches}`);
    mkdirSync(dir);
    writeFileSync(join(dir, 'job.sh'), `cd "$(dirname "$0")"\n${script}\n`);
    const asks = { cpus: 4, gpus: 0, memoryGB: null, minutes: null, atOnce: null, exclude: [], ...more };
    return { name: `winnow-${batches}`, dir, script: join(dir, 'job.sh'), count, asks };
  }
  const states = async (batch: Batch) =>
    ((await executor.poll([{ batch, handle: batch.name }]))[0] ?? []).map(({ state: word, code }) =>
      [word, code].filter((part) => part !== undefined).join(' '),
    );
  async function comesTo(batch: Batch, expected: readonly string[]) {
    for (let i = 0; i < 100 && (await states(batch)).join() !== expected.join(); i++) await sleep(100);
    expect(await states(batch)).toEqual(expected);
  }

  it('runs a batch on what was asked for', async () => {
    const batch = batchOf('echo $1 > $1.ran; exit $((7 * ($1 == 1)))', 3, {
      gpus: 8,
      memoryGB: 256,
      minutes: 9,
    });
    expect(await executor.submit(batch)).toBe(batch.name);
    await comesTo(batch, ['ended 0', 'ended', 'ended 0']);
    const jobs = known().sort((a, b) => (a.job_name < b.job_name ? -1 : 1));
    expect(jobs.map(({ job_name }) => job_name)).toEqual([0, 1, 2].map((i) => `${batch.name}-${i}`));
    expect(jobs[0]?.options).toMatchObject({ cpus: '4+', memory: '256+', gpus: 'H100:8' });
    expect(parse(readFileSync(jobs[0]?.task as string, 'utf8')).run).toContain('$WINNOW_SCRIPT');
    expect(readFileSync(join(batch.dir, '2.ran'), 'utf8')).toBe('2\n');
  }, 60_000);

  it('completes a batch that was cut off, and takes tasks back', async () => {
    const batch = batchOf('echo $1 >> ran; exec sleep 60', 3);
    expect(await executor.find(batch)).toBeNull();
    await executor.submit({ ...batch, count: 1 });
    expect(await executor.find(batch)).toBe(batch.name);
    await executor.submit(batch);
    await comesTo(batch, ['running', 'running', 'running']);
    await sleep(200);
    expect(readFileSync(join(batch.dir, 'ran'), 'utf8').trim().split('\n').sort()).toEqual(['0', '1', '2']);
    const jobs = known();
    (jobs.find(({ job_name }) => job_name === `${batch.name}-2`) as SkyJob).status = 'RECOVERING';
    writeFileSync(state, JSON.stringify(jobs));
    await executor.cancel({ batch, handle: batch.name }, [0]);
    await comesTo(batch, ['ended', 'running', 'queued']);
    await executor.cancel({ batch, handle: batch.name }, [0, 1, 2]);
    await comesTo(batch, ['ended', 'ended', 'ended']);
  }, 60_000);

  it('knows nothing where sky does not answer, and refuses GPUs of no kind', async () => {
    const batch = batchOf('true', 1, { gpus: 1 });
    writeFileSync(`${state}.down`, '');
    expect(await states(batch)).toEqual(['unknown']);
    await expect(executor.submit(batch)).rejects.toMatchObject({ kind: 'machine' });
    rmSync(`${state}.down`);
    process.env.WINNOW_GPU = '';
    await expect(executor.submit(batch)).rejects.toMatchObject({ kind: 'input' });
    process.env.WINNOW_SKY = 'no-such-sky';
    await expect(executor.submit(batchOf('true', 1))).rejects.toMatchObject({ kind: 'input' });
  }, 60_000);
});
