// Managed jobs of SkyPilot (0.11 or newer), for `executor: {kind: command}`: a task is a job named NAME-INDEX. What they
// run on is said in task.yaml; WINNOW_GPU names the kind of GPU where some are asked for ("H100").
//
//   queue.mjs submit NAME COUNT DIR CPUS GPUS MEMORY_GB MINUTES    launches those that are not there yet
//   queue.mjs poll NAME COUNT                                      INDEX queued|running|ended [CODE]
//   queue.mjs cancel NAME INDEXES                                  INDEXES: 0,3,4
//   queue.mjs find NAME COUNT DIR                                  NAME, if any is there; launches the others
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const [verb, name, ...words] = process.argv.slice(2);
const sky = process.env.WINNOW_SKY ?? 'sky';
const task = new URL('task.yaml', import.meta.url).pathname;
/** Launches at a time: each takes seconds, and winnow waits a minute for all. */
const AT_ONCE = 8;
const STATES = {
  PENDING: 'queued',
  SUBMITTED: 'queued',
  STARTING: 'queued',
  // Its cluster was taken away: SkyPilot starts it again, and the worker goes on from its checkpoint.
  RECOVERING: 'queued',
  RUNNING: 'running',
  WINDING_DOWN: 'running',
  CANCELLING: 'running',
  SUCCEEDED: 'ended 0',
  CANCELLED: 'ended',
};

const run = async (...args) => (await promisify(execFile)(sky, args, { maxBuffer: 1 << 28 })).stdout;

/** The newest job of each task: Map of index to {job_id, status}. */
async function jobs() {
  const text = await run('jobs', 'queue', '--refresh', '--all', '--output', 'json');
  const found = new Map();
  for (const job of JSON.parse(text)) {
    const [, index] = new RegExp(`^${name}-(\\d+)$`).exec(job.job_name ?? '') ?? [];
    if (index !== undefined && job.job_id > (found.get(Number(index))?.job_id ?? -1))
      found.set(Number(index), job);
  }
  return found;
}

async function submit(count, dir, cpus, gpus, memory, minutes) {
  if (gpus !== '0' && !process.env.WINNOW_GPU) fail('set WINNOW_GPU to the kind of GPU, such as H100');
  const flags = [
    ...['--cpus', `${cpus}+`],
    ...(memory ? ['--memory', `${memory}+`] : []),
    ...(gpus === '0' ? [] : ['--gpus', `${process.env.WINNOW_GPU}:${gpus}`]),
    ...['--env', `WINNOW_SCRIPT=${join(dir, 'job.sh')}`, '--env', `WINNOW_MINUTES=${minutes ?? ''}`],
  ];
  // For a driver that finds the batch cut off halfway.
  writeFileSync(join(dir, 'skypilot.json'), JSON.stringify(flags));
  await complete(count, flags);
}

async function complete(count, flags) {
  const there = await jobs();
  const missing = Array.from({ length: Number(count) }, (_, i) => i).filter((i) => !there.has(i));
  const launch = (index) =>
    run(
      ...['jobs', 'launch', '--yes', '--detach-run', '--name', `${name}-${index}`, ...flags],
      ...['--env', `WINNOW_INDEX=${index}`, task],
    );
  while (missing.length > 0) await Promise.all(missing.splice(0, AT_ONCE).map(launch));
  console.log(name);
}

async function poll(count) {
  const found = await jobs();
  for (let index = 0; index < Number(count); index++) {
    const status = found.get(index)?.status;
    // FAILED, FAILED_SETUP, FAILED_NO_RESOURCE, …: the files say whether the work was done.
    console.log(index, status === undefined ? 'ended' : (STATES[status] ?? 'ended'));
  }
}

async function cancel(indexes) {
  const found = await jobs();
  const ids = indexes.split(',').map((index) => found.get(Number(index))?.job_id);
  const known = ids.filter((id) => id !== undefined).map(String);
  if (known.length > 0) await run('jobs', 'cancel', '--yes', ...known);
}

async function find(count, dir) {
  if ((await jobs()).size > 0)
    await complete(count, JSON.parse(readFileSync(join(dir, 'skypilot.json'), 'utf8')));
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

const verbs = { submit, poll, cancel, find };
if (!(verb in verbs)) fail(`unknown: ${verb}`);
try {
  await verbs[verb](...words);
} catch (error) {
  console.error(error.stderr || error.message);
  process.exit(error.code === 'ENOENT' ? 127 : 1);
}
