import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freeBytes, needDisk, openRun } from './folder.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-folder-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('creates a run, and opens it again as it was made', () => {
  const dir = join(root, 'a', 'run');
  const made = openRun(dir, { create: true, version: '1.2.3', command: 'winnow run' });
  expect(made).toEqual({ dir, format: 1, version: '1.2.3', command: 'winnow run' });
  writeFileSync(join(dir, 'report.json'), '{}');
  expect(openRun(dir, { create: true, version: '9.9.9', command: 'winnow score' })).toEqual(made);
  expect(openRun(dir, { create: false })).toEqual(made);
});

it('never writes among files of others', () => {
  writeFileSync(join(root, 'thesis.tex'), '');
  const open = () => openRun(root, { create: true });
  expect(open).toThrow(/not empty and is not a run.*thesis\.tex.*Choose another folder/);
  expect(existsSync(join(root, 'winnow-run.json'))).toBe(false);
  expect(() => openRun(join(root, 'thesis.tex'), { create: true })).toThrow(/this is a file/);
});

it('says so when there is no run, and makes no folder', () => {
  const dir = join(root, 'typo');
  expect(() => openRun(dir, { create: false })).toThrow(/there is no run here/);
  expect(existsSync(dir)).toBe(false);
});

it('refuses a run of a newer format', () => {
  const file = join(root, 'winnow-run.json');
  writeFileSync(file, '{"format": 2, "version": "7.0.0"}');
  const before = readFileSync(file, 'utf8');
  expect(() => openRun(root, { create: true })).toThrow(
    /newer winnow \(7\.0\.0\).*format 1.*got "format 2".*Update/,
  );
  expect(readFileSync(file, 'utf8')).toBe(before);
});

it('fails before the work when the disk is too small', () => {
  const dir = join(root, 'not', 'there', 'yet');
  expect(freeBytes(dir)).toBeGreaterThan(0);
  expect(() => needDisk(dir, 1)).not.toThrow();
  const fill = () => needDisk(dir, 1e18);
  expect(fill).toThrow(/need "1000000000\.0 GB", got .*GB.*Free some space/);
  expect(fill).toThrow(expect.objectContaining({ code: 'disk-full', exitCode: 1 }));
});
