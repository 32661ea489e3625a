import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { readAlpacaJudgments } from './read.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-alpaca-read-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(content: string | Uint8Array): string {
  const file = join(folder, `${files++}`);
  writeFileSync(file, content);
  return file;
}
const linesOf = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

const slim = (model: string, index: number, preference: number | null = 1.5) => ({
  ...{ index, model, preference, len_1: 10, len_2: 20 },
});
const official = (model: string, instruction: string) => ({
  ...{ instruction, output_1: 'a', output_2: 'bc', generator_1: 'base', generator_2: model, preference: 2 },
});

describe('readAlpacaJudgments', () => {
  test('many models in many files, of any form, zipped or not, in order', async () => {
    const a = fileOf(gzipSync(linesOf([slim('x', 0), slim('y', 0, null), slim('x', 1, 2)])));
    const b = fileOf(JSON.stringify([official('z', 'p'), official('z', 'q')], null, 2));
    const { models, sources, others } = await readAlpacaJudgments([a, b]);
    expect(sources).toEqual([
      { file: a, form: 'slim', container: 'lines', rows: 3, models: 2 },
      { file: b, form: 'official', container: 'array', rows: 2, models: 1 },
    ]);
    expect(others).toBe(0);
    expect(models.map(({ model, baseline, preferences }) => ({ model, baseline, preferences }))).toEqual([
      { model: 'x', baseline: null, preferences: [1.5, 2] },
      { model: 'y', baseline: null, preferences: [null] },
      { model: 'z', baseline: 'base', preferences: [2, 2] },
    ]);
    expect(models[2]).toMatchObject({ indices: [null, null], lengthsModel: [2, 2], lengthsBaseline: [1, 1] });
  });

  test('a model may go on in another file; others can be left out', async () => {
    const a = fileOf(linesOf([slim('x', 0), slim('y', 0)]));
    const b = fileOf(linesOf([slim('x', 1)]));
    const { models, others } = await readAlpacaJudgments([a, b], ['x']);
    expect(models.map(({ model, indices }) => [model, indices])).toEqual([['x', [0, 1]]]);
    expect(others).toBe(1);
    await expect(readAlpacaJudgments([a], ['z', 'x'])).rejects.toMatchObject({ code: 'unknown-model' });
  });

  test('what is judged twice is told, by index or by its texts', async () => {
    const twice = fileOf(linesOf([slim('x', 0), slim('y', 0), slim('x', 0)]));
    await expect(readAlpacaJudgments([twice])).rejects.toMatchObject({
      ...{ code: 'duplicate-judgment', fields: { file: twice, line: 3, row: 2 } },
    });
    const texts = fileOf(JSON.stringify([official('x', 'p')]));
    await expect(readAlpacaJudgments([texts, texts])).rejects.toMatchObject({ code: 'duplicate-judgment' });
  });

  test('two baselines of one model are not mixed', async () => {
    const other = { ...official('x', 'q'), generator_1: 'another' };
    const file = fileOf(JSON.stringify([official('x', 'p'), other]));
    await expect(readAlpacaJudgments([file])).rejects.toMatchObject({ code: 'two-baselines' });
  });

  test.each([
    ['', 'empty-file'],
    ['[]', 'empty-file'],
    ['[{"a": 1}]', 'unknown-format'],
    ['[1]', 'unknown-format'],
    ['[{"model": "x", "preference": 1}, 3]', 'bad-annotation'],
    ['{"model": "x", "preference": 1}\n{', 'bad-json-line'],
  ])('%j is an input error %s', async (content, code) => {
    await expect(readAlpacaJudgments([fileOf(content)])).rejects.toMatchObject({ kind: 'input', code });
  });
});
