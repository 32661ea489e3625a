import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispatchUnits } from '../src/run/dispatch.ts';
import type { Executor } from '../src/run/executor.ts';
import { type UnitSpec, unitDir, unitId } from '../src/run/unit.ts';

/**
 * npm run bench -- driver: what the driver itself takes for 1,000 units, with a queue that finishes each task at once.
 * The workers' part is a file written by this process; what is measured is all the rest.
 */
const UNITS = 1_000;
const runDir = mkdtempSync(join(tmpdir(), 'winnow-driver-'));
const specs = Array.from({ length: UNITS }, (_, i): UnitSpec => ({ kind: 'count', inputs: { i } }));

let working = 0;
const queue: Executor = {
  kind: 'instant',
  async submit(batch) {
    const begun = performance.now();
    for (const spec of specs) {
      const dir = unitDir(runDir, spec);
      mkdirSync(join(dir, 'attempts', 'a'), { recursive: true });
      const done = { id: unitId(spec), attempt: 'a', engine: null, durationMs: 1, files: [] };
      writeFileSync(join(dir, 'DONE.json'), JSON.stringify(done));
    }
    working += performance.now() - begun;
    return batch.name;
  },
  find: async () => null,
  poll: async (jobs) =>
    jobs.map(({ batch }) => Array.from({ length: batch.count }, () => ({ state: 'ended', code: 0 }))),
  cancel: async () => {},
};
const options = {
  executor: queue,
  asks: { cpus: 1, gpus: 0, memoryGB: null, minutes: null, atOnce: null },
  command: ['true'],
  env: {},
  setup: [],
  retries: 0,
  pollMs: 100,
  settleMs: 1_000,
};
const timed = async () => {
  working = 0;
  const begun = performance.now();
  await dispatchUnits(runDir, specs, options);
  return (performance.now() - begun - working) / 1000;
};
const [fresh, again] = [await timed(), await timed()];
const megabytes = process.resourceUsage().maxRSS / 1000;
process.stdout.write(
  `${UNITS} units: fresh ${fresh.toFixed(2)} s, all done before ${again.toFixed(2)} s, ${megabytes.toFixed(0)} MB\n`,
);
rmSync(runDir, { recursive: true, force: true });
