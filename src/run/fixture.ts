import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputError } from '../base/errors.ts';
import { readJson, writeJson, writeJsonLines } from '../base/json.ts';
import { checkpointDir, sealCheckpoint } from './checkpoint.ts';
import { runUnits } from './pool.ts';
import { runUnit, stoppedError, type UnitRunner } from './worker.ts';

/**
 * The process that pool.test.ts runs: `worker DIR` with the runners below, or `drive RUN_DIR SPECS` for a driver
 * that can be killed. How long a step takes and where starts are noted are places, so they are not identity.
 */
const count: UnitRunner = async (inputs, context) => {
  const steps = inputs.steps as number;
  let { step, sum } = context.checkpointFrom
    ? (readJson(join(context.checkpointFrom, 'state.json')) as { step: number; sum: number })
    : { step: 0, sum: 0 };
  if (context.places.trace) appendFileSync(context.places.trace, `${step}\n`);
  while (step < steps) {
    await sleep(Number(context.places.stepMs ?? 1));
    step++;
    sum += step * (inputs.factor as number);
    const dir = checkpointDir(context.attemptDir, step);
    mkdirSync(dir, { recursive: true });
    writeJson(join(dir, 'state.json'), { step, sum });
    sealCheckpoint(dir);
    context.report({ done: step, total: steps, what: 'steps', loss: 1 / step });
    if (context.shouldStop()) throw stoppedError();
  }
  writeJsonLines(join(context.attemptDir, 'rows.jsonl'), [{ sum }, { sum: -sum }]);
  return { files: ['rows.jsonl'], rows: { 'rows.jsonl': (inputs.rows as number | undefined) ?? 2 } };
};

const fail: UnitRunner = async (_inputs, context) => {
  console.log('a library prints this on stdout');
  console.error('about to fail');
  await sleep(Number(context.places.stepMs ?? 1));
  throw inputError('bad-pair', 'the pair has no prompt', { file: 'pairs.jsonl', line: 7, remedy: 'Add one' });
};

const crash: UnitRunner = async () => {
  throw new TypeError('undefined is not a model');
};

/** Does not listen, as a native library in a long computation. */
const stubborn: UnitRunner = async (_inputs, context) => {
  context.report({ done: 0, total: 1, what: 'steps' });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) Atomics.wait(sleeper, 0, 0, 1000);
};

const [mode, dir = '', specs = '[]'] = process.argv.slice(2);
if (mode === 'drive') {
  const command = [process.execPath, process.argv[1] as string, 'worker'];
  await runUnits(dir, JSON.parse(specs), { workers: 2, threadsPerWorker: 1, command });
} else {
  process.exit(await runUnit(dir, { count, fail, crash, stubborn }));
}
