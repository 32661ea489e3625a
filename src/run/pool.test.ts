import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'tsdown';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WinnowError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import { readDone } from './done.ts';
import { type PoolEvent, type PoolOptions, runUnits } from './pool.ts';
import { type UnitSpec, unitDir, unitId } from './unit.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-pool-'));
const fixture = join(root, 'fixture.mjs');
let run = '';
let trace = '';
let options: PoolOptions;

beforeAll(async () => {
  await build({
    config: false,
    entry: { fixture: join(import.meta.dirname, 'fixture.ts') },
    outDir: root,
    outExtensions: () => ({ js: '.mjs' }),
    format: 'esm',
    platform: 'node',
    dts: false,
    clean: false,
    logLevel: 'silent',
  });
});

beforeEach(() => {
  run = mkdtempSync(join(root, 'run-'));
  trace = join(run, 'trace.txt');
  options = { workers: 2, threadsPerWorker: 1, command: [process.execPath, fixture, 'worker'] };
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

const counting = (factor: number, stepMs = 1, more: UnitSpec['inputs'] = {}): UnitSpec => ({
  kind: 'count',
  inputs: { steps: 20, factor, ...more },
  places: { stepMs: String(stepMs), trace },
});
const starts = () => (existsSync(trace) ? readFileSync(trace, 'utf8').trim().split('\n').map(Number) : []);
const attemptsOf = (spec: UnitSpec) => readdirSync(join(unitDir(run, spec), 'attempts'));
const sumOf = (dir: string) =>
  JSON.parse(readFileSync(join(dir, 'rows.jsonl'), 'utf8').split('\n')[0] ?? '').sum;

async function failureOf(promise: Promise<unknown>): Promise<WinnowError> {
  return (await promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  )) as WinnowError;
}

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
    const found = look();
    if (found) return found;
  }
  throw new Error('waited too long');
}

/** Process id of an attempt that got as far as a checkpoint. */
function workerPid(spec: UnitSpec): number | undefined {
  const attempts = join(unitDir(run, spec), 'attempts');
  if (!existsSync(attempts)) return undefined;
  const begun = readdirSync(attempts).find((id) => {
    const folder = join(attempts, id, 'checkpoints');
    const steps = existsSync(folder) ? readdirSync(folder) : [];
    // Whole only with its last file: a kill before it goes on from the checkpoint before.
    return steps.some((step) => step >= 'step-000003' && existsSync(join(folder, step, 'CHECKPOINT.json')));
  });
  if (begun === undefined) return undefined;
  return (readJson(join(attempts, begun, 'attempt.json')) as { pid: number }).pid;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has waited for still answers: /proc tells it apart.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('runUnits', () => {
  it('gives results in the order asked, runs equal units once, and reuses what is done', async () => {
    const events: PoolEvent[] = [];
    const specs = [counting(3), counting(1), counting(3), counting(2)];
    const results = await runUnits(run, specs, { ...options, onEvent: (event) => events.push(event) });
    expect(results.map(({ dir }) => sumOf(dir))).toEqual([630, 210, 630, 420]);
    expect(results.map(({ id }) => id)).toEqual(specs.map(unitId));
    expect(results[0]?.files).toEqual([
      { path: 'rows.jsonl', bytes: 25, rows: 2, sha256: expect.any(String) },
    ]);
    expect(starts()).toEqual([0, 0, 0]);
    expect(events.filter(({ type }) => type === 'started')).toHaveLength(3);
    expect(events).toContainEqual({
      type: 'progress',
      unit: unitId(counting(2)),
      kind: 'count',
      done: 20,
      total: 20,
      what: 'steps',
      loss: 0.05,
    });

    // Elsewhere in time and place: nothing is computed again.
    const again: PoolEvent[] = [];
    const moved = specs.map((spec) => ({ ...spec, places: { model: '/moved' } }));
    expect(await runUnits(run, moved, { ...options, onEvent: (event) => again.push(event) })).toEqual(
      results,
    );
    expect(again.map(({ type }) => type)).toEqual(['reused', 'reused', 'reused']);
    expect(starts()).toHaveLength(3);
  });

  it('lets two drivers work on one unit: one DONE.json, one result, nothing else left', async () => {
    const spec = counting(1, 20);
    const [[a], [b]] = await Promise.all([runUnits(run, [spec], options), runUnits(run, [spec], options)]);
    expect(starts()).toHaveLength(2);
    expect(a).toEqual(b);
    expect(attemptsOf(spec)).toHaveLength(1);
    expect(readdirSync(unitDir(run, spec)).sort()).toEqual(['DONE.json', 'attempts', 'unit.json']);
    expect(readdirSync(join(a?.dir ?? '', 'checkpoints'))).toEqual([]);
  });

  it('after kill -9 of a worker goes on from its checkpoint, to the result of an uninterrupted run', async () => {
    const spec = counting(1, 50);
    const failed = failureOf(runUnits(run, [spec], options));
    process.kill(await until(() => workerPid(spec)), 'SIGKILL');
    const error = await failed;
    expect(error).toMatchObject({ kind: 'machine', code: 'worker-killed', fields: { signal: 'SIGKILL' } });
    expect(error.message).toMatch(new RegExp(`${unitId(spec)} was killed by SIGKILL.*ran out of memory`));
    expect(readDone(run, spec)).toBeNull();

    const [resumed] = await runUnits(run, [spec], options);
    expect(starts()[1]).toBeGreaterThanOrEqual(3);
    expect(attemptsOf(spec)).toHaveLength(1);
    expect(resumed?.durationMs).toBeGreaterThan(20 * 50);
    const [whole] = await runUnits(mkdtempSync(join(root, 'run-')), [spec], options);
    expect(resumed?.files).toEqual(whole?.files);
  });

  it('leaves no worker behind when the driver is killed with -9', async () => {
    const spec = counting(2, 60);
    const driver = spawn(process.execPath, [fixture, 'drive', run, JSON.stringify([spec])]);
    const pid = await until(() => workerPid(spec));
    driver.kill('SIGKILL');
    await until(() => !isRunning(pid));
    expect(readDone(run, spec)).toBeNull();
    const [result] = await runUnits(run, [spec], options);
    expect(sumOf(result?.dir ?? '')).toBe(420);
  });

  it('passes a unit’s own error on with its kind, the unit and its last words, and stops the others', async () => {
    const slow = counting(1, 500);
    const bad: UnitSpec = { kind: 'fail', inputs: {}, places: { stepMs: '300' } };
    const begin = Date.now();
    const error = await failureOf(runUnits(run, [slow, bad], options));
    expect(Date.now() - begin).toBeLessThan(6_000);
    expect(error).toMatchObject({
      kind: 'input',
      code: 'bad-pair',
      exitCode: 2,
      fields: { line: 7, unit: unitId(bad) },
    });
    expect(error.message).toContain('pairs.jsonl, line 7: the pair has no prompt. Add one');
    expect(error.message).toContain(`in unit ${unitId(bad)}`);
    expect(error.message).toContain('about to fail');
    expect(readFileSync(error.fields.log as string, 'utf8')).toContain('a library prints this on stdout');
    expect(readDone(run, slow)).toBeNull();

    const crash = await failureOf(runUnits(run, [{ kind: 'crash', inputs: {} }], options));
    expect(crash).toMatchObject({ kind: 'machine', code: 'worker-crashed', exitCode: 1 });
    expect(crash.message).toContain('TypeError: undefined is not a model');
    const unknown = await failureOf(runUnits(run, [{ kind: 'other', inputs: {} }], options));
    expect(unknown).toMatchObject({ kind: 'machine', code: 'unit-kind' });
    const missing = await failureOf(runUnits(run, [bad], { ...options, command: ['/no/such/program'] }));
    expect(missing).toMatchObject({ kind: 'machine', code: 'worker-start' });
  });

  it('refuses a unit that wrote other rows than it declared', async () => {
    const spec = counting(1, 1, { rows: 3 });
    const error = await failureOf(runUnits(run, [spec], options));
    expect(error).toMatchObject({ code: 'unit-rows', fields: { need: '3 rows', got: '2 rows' } });
    expect(readDone(run, spec)).toBeNull();
  });

  it('stops on interrupt with exit code 130, says how to go on, and goes on', async () => {
    const spec = counting(1, 50);
    const control = new AbortController();
    const failed = failureOf(runUnits(run, [counting(2), spec], { ...options, signal: control.signal }));
    const pid = await until(() => workerPid(spec));
    await until(() => readDone(run, counting(2)));
    control.abort();
    const error = await failed;
    expect(error).toMatchObject({ kind: 'interrupted', exitCode: 130 });
    expect(error.message).toMatch(/1 of 2 units done.*same command again/);
    expect(isRunning(pid)).toBe(false);
    await runUnits(run, [spec], options);
    expect(starts().at(-1)).toBeGreaterThanOrEqual(3);
  });

  it('tells the workers of each lane what is theirs', async () => {
    const file = join(run, 'lanes');
    // Each waits for the other before the first to fail stops both.
    const tell = `
      const { appendFileSync, readFileSync } = require('fs');
      appendFileSync(${JSON.stringify(file)}, process.env.OWN + '\\n');
      setInterval(() => readFileSync(${JSON.stringify(file)}, 'utf8').split('\\n').length > 2 && process.exit(1), 20);`;
    const environmentOf = (lane: number) => ({ OWN: `gpu ${lane}` });
    const command = [process.execPath, '-e', tell];
    const units = [counting(1), counting(2)];
    await failureOf(runUnits(run, units, { ...options, workers: 2, command, environmentOf }));
    expect(readFileSync(file, 'utf8').trim().split('\n').sort()).toEqual(['gpu 0', 'gpu 1']);
  });

  it('kills a worker that does not listen', async () => {
    const control = new AbortController();
    const begin = Date.now();
    const onEvent = ({ type }: PoolEvent) => type === 'progress' && control.abort();
    const spec: UnitSpec = { kind: 'stubborn', inputs: {} };
    const error = await failureOf(
      runUnits(run, [spec], { ...options, onEvent, signal: control.signal, stopGraceMs: 1_000 }),
    );
    expect(error.kind).toBe('interrupted');
    expect(Date.now() - begin).toBeGreaterThan(900);
  });

  it('names the damaged file of a finished unit', async () => {
    const spec = counting(1);
    const [result] = await runUnits(run, [spec], options);
    writeFileSync(join(result?.dir ?? '', 'rows.jsonl'), '{}\n');
    const error = await failureOf(runUnits(run, [spec], options));
    expect(error).toMatchObject({ code: 'unit-damaged', fields: { need: '25 bytes', got: '3 bytes' } });
    expect(error.message).toMatch(/rows\.jsonl.*Delete the folder .*count-/);
  });
});
