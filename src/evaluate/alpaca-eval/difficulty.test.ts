import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { publishedAnchors } from './anchors.ts';
import { readAnchors, readDifficulties } from './difficulty.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-alpaca-difficulty-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(content: string | Uint8Array): string {
  const file = join(folder, `${files++}.csv`);
  writeFileSync(file, content);
  return file;
}

describe('readDifficulties', () => {
  test('by name of the columns, as pandas writes them or not, zipped or not', async () => {
    const found = new Map([
      [0, -0.5],
      [2, 1.25],
    ]);
    for (const text of [
      'index,instruction_difficulty\n0,-0.5\n2,1.25\n',
      '\uFEFF,instruction_difficulty\r\n0,-0.5\r\n2,1.25\r\n',
      'model,instruction_difficulty,index\na,-0.5,0\nb,1.25,2\na,-0.5,0\n\n',
    ]) {
      expect(await readDifficulties(fileOf(text))).toEqual(found);
      expect(await readDifficulties(fileOf(gzipSync(text)))).toEqual(found);
    }
  });

  test.each([
    ['index,difficulty\n0,1\n', /line 1: there is no column instruction_difficulty/],
    ['index,instruction_difficulty\n', /there is no row/],
    ['index,instruction_difficulty\n0,1\n1,x\n', /line 3: column instruction_difficulty.*got "x"/],
    ['index,instruction_difficulty\n0,\n', /need "a finite number", got ""/],
    ['index,instruction_difficulty\n0.5,1\n', /column index/],
    ['index,instruction_difficulty\n0,1\n0,2\n', /as above for this index/],
  ])('%j is refused with its place', async (text, message) => {
    await expect(readDifficulties(fileOf(text))).rejects.toMatchObject({
      ...{ kind: 'input', message: expect.stringMatching(message) },
    });
  });
});

describe('anchors', () => {
  test('of the benchmark’s own file', async () => {
    const text =
      'index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline,model\n0,0.75,-0.5,1.5,False,a\n';
    expect(await readAnchors(fileOf(text))).toEqual({
      length: Float64Array.of(Math.tanh(-0.5)),
      difficulty: Float64Array.of(1.5),
      share: Float64Array.of(0.75),
      weight: 0.1,
    });
    const outside = fileOf('preference,std_delta_len,instruction_difficulty\n1.75,0,0\n');
    await expect(readAnchors(outside)).rejects.toMatchObject({ code: 'bad-csv' });
  });

  test('stand in with the published difficulties only', () => {
    const others = new Map(Array.from({ length: 805 }, (_, index) => [index, Math.sin(index)]));
    expect(publishedAnchors(others)).toBeNull();
    expect(publishedAnchors(new Map([[0, 1]]))).toBeNull();
  });
});
