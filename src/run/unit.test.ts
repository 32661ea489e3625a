import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive, newAttemptId, openAttempt, pruneAttempts } from './attempt.ts';
import { checkpointDir, latestCheckpoint, namesIn, sealCheckpoint } from './checkpoint.ts';
import { commitUnit, readDone, resultFile } from './done.ts';
import { prepareUnit, readUnit, type UnitSpec, unitDir, unitId } from './unit.ts';

let run = '';
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'winnow-unit-'));
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

const spec: UnitSpec = { kind: 'train', inputs: { engine: '1', rate: 0.1 }, places: { model: '/a' } };

describe('unitId', () => {
  it('depends on kind and inputs, not on places or the order of keys', () => {
    expect(unitId(spec)).toMatch(/^train-[0-9a-f]{16}$/);
    expect(unitId({ kind: 'train', inputs: { rate: 0.1, engine: '1' } })).toBe(unitId(spec));
    expect(unitId({ ...spec, inputs: { ...spec.inputs, rate: 0.2 } })).not.toBe(unitId(spec));
    expect(unitId({ ...spec, kind: 'score' }).slice(-16)).not.toBe(unitId(spec).slice(-16));
  });

  it('is golden: a change here makes every finished unit of every user worthless', () => {
    // printf '{"inputs":{"engine":"1","rate":0.1},"kind":"train"}' | sha256sum
    expect(unitId(spec)).toBe('train-83eb3f88618b11f7');
  });
});

describe('prepareUnit', () => {
  it('writes the spec, brings places up to date and refuses other work', () => {
    const dir = prepareUnit(run, spec);
    expect(readUnit(dir)).toEqual(spec);
    prepareUnit(run, { ...spec, places: { model: '/b' } });
    expect(readUnit(dir)).toEqual({ ...spec, places: { model: '/b' } });
    writeFileSync(join(dir, 'unit.json'), JSON.stringify({ ...spec, inputs: { rate: 9 } }));
    expect(() => prepareUnit(run, spec)).toThrow(/other work than its name says.*delete the folder/);
    expect(() => prepareUnit(run, { kind: '../up', inputs: {} })).toThrow(/lower-case/);
  });

  it.each(['', '{"kind":"tra', '\0\0\0'])('writes a spec again that a power cut has left as %j', (left) => {
    const dir = prepareUnit(run, spec);
    writeFileSync(join(dir, 'unit.json'), left);
    expect(() => readUnit(dir)).toThrow();
    prepareUnit(run, spec);
    expect(readUnit(dir)).toEqual(spec);
  });
});

describe('latestCheckpoint', () => {
  const checkpoint = (attempt: string, step: number, seal = true) => {
    const dir = checkpointDir(join(unitDir(run, spec), 'attempts', attempt), step);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'weights.bin'), 'weights');
    if (seal) sealCheckpoint(dir, { step });
    return dir;
  };

  it('takes the most steps over all attempts, of whole checkpoints only', () => {
    const dir = prepareUnit(run, spec);
    expect(latestCheckpoint(dir)).toBeNull();
    checkpoint('b', 900, false);
    const cut = checkpoint('b', 1_000_000);
    const older = checkpoint('a', 20);
    const newer = checkpoint('b', 100);
    writeFileSync(join(cut, 'weights.bin'), 'wei');
    expect(latestCheckpoint(dir)).toBe(newer);
    rmSync(newer, { recursive: true });
    expect(latestCheckpoint(dir)).toBe(older);
    // Another writer's seal, without sizes.
    const foreign = checkpoint('c', 300, false);
    writeFileSync(join(foreign, 'CHECKPOINT.json'), '{"step":300}');
    expect(latestCheckpoint(dir)).toBe(foreign);
    expect(openAttempt(dir, 'd').checkpointFrom).toBe(foreign);
  });

  it('frees the disk of dead attempts, but not of the one to go on from', () => {
    const dir = prepareUnit(run, spec);
    const attempts = join(dir, 'attempts');
    const live = openAttempt(dir, 'live');
    for (const [id, step] of [
      ['dead', 10],
      ['best', 20],
    ] as const) {
      checkpoint(id, step);
      writeFileSync(join(attempts, id, 'log.txt'), '');
      writeFileSync(join(attempts, id, 'attempt.json'), '{"machine":"elsewhere","pid":1}');
      utimesSync(join(attempts, id, 'attempt.json'), 0, 0);
    }
    expect([isAlive(join(attempts, 'dead')), isAlive(live.dir)]).toEqual([false, true]);
    pruneAttempts(dir);
    expect(namesIn(join(attempts, 'dead')).sort()).toEqual(['attempt.json', 'log.txt']);
    expect(namesIn(join(attempts, 'best')).sort()).toEqual(['attempt.json', 'checkpoints', 'log.txt']);

    checkpoint('live', 30);
    const kept = checkpoint('live', 40);
    expect(commitUnit(dir, spec, live, { files: ['checkpoints/step-000040/weights.bin'] })).toBe(true);
    pruneAttempts(dir);
    expect(namesIn(attempts)).toEqual(['live']);
    expect(namesIn(join(live.dir, 'checkpoints'))).toEqual(['step-000040']);
    expect(resultFile(readDone(run, spec)!, 'checkpoints/step-000040/weights.bin')).toBe(
      join(kept, 'weights.bin'),
    );
  });
});

describe('an attempt without a record', () => {
  const folderOf = (id: string) => {
    const folder = join(prepareUnit(run, spec), 'attempts', id);
    mkdirSync(folder);
    return folder;
  };

  it('lives as long as the process that made its folder', async () => {
    const id = newAttemptId();
    expect(isAlive(folderOf(id))).toBe(true);
    const ended = spawn('true');
    await once(ended, 'exit');
    expect(isAlive(folderOf(id.replace(/^\d+/, String(ended.pid))))).toBe(false);
  });

  it('of another machine lives as long as it is recent', () => {
    const folder = folderOf('1-elsewher-0');
    expect(isAlive(folder)).toBe(true);
    utimesSync(folder, 0, 0);
    expect(isAlive(folder)).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('is dead once its process is a zombie', async () => {
    // The shell has become a sleep, which never waits for a child, before the child ends.
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const folder = folderOf(newAttemptId().replace(/^\d+/, String(line).trim()));
      await expect.poll(() => isAlive(folder), { timeout: 5_000 }).toBe(false);
      expect(() => process.kill(Number(line), 0)).not.toThrow();
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('commitUnit', () => {
  it('lets one attempt win', () => {
    const dir = prepareUnit(run, spec);
    const [a, b] = [openAttempt(dir, 'a'), openAttempt(dir, 'b')];
    for (const { dir: to, id } of [a, b]) writeFileSync(join(to, 'rows.jsonl'), `"${id}"\n`);
    const output = { files: ['rows.jsonl'], rows: { 'rows.jsonl': 1 } };
    expect([commitUnit(dir, spec, b, output), commitUnit(dir, spec, a, output)]).toEqual([true, false]);
    const done = readDone(run, spec);
    expect(readFileSync(resultFile(done!, 'rows.jsonl'), 'utf8')).toBe('"b"\n');
    expect(() => resultFile(done!, 'row.jsonl')).toThrow(/need \["rows\.jsonl"\]/);
    expect(JSON.parse(readFileSync(join(dir, 'DONE.json'), 'utf8')).engine).toBe('1');
  });

  it('refuses files that are missing, elsewhere or cut short', () => {
    const dir = prepareUnit(run, spec);
    const attempt = openAttempt(dir, 'a');
    writeFileSync(join(attempt.dir, 'cut.jsonl'), '{}\n{"a":');
    writeFileSync(join(attempt.dir, 'weights.bin'), 'abc');
    const commit =
      (files: string[], rows = {}) =>
      () =>
        commitUnit(dir, spec, attempt, { files, rows });
    expect(commit(['no.bin'])).toThrow(/did not write this file/);
    expect(commit(['../b/rows.jsonl'])).toThrow(/plain path/);
    expect(commit(['cut.jsonl'])).toThrow(/cut short/);
    expect(commit(['weights.bin'], { 'weights.bin': 1 })).toThrow(/need "1 rows"/);
    expect(readDone(run, spec)).toBeNull();
    writeFileSync(join(dir, 'DONE.json'), '{');
    expect(() => readDone(run, spec)).toThrow(/DONE\.json.*Delete the folder/);
  });
});
