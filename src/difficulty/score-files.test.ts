import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { compareScores } from './compare-scores.ts';
import { readScoreFile } from './score-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-scores-'));
afterAll(() => rmSync(dir, { recursive: true }));

let files = 0;
function written(content: string | Uint8Array): string {
  const path = join(dir, `file-${++files}`);
  writeFileSync(path, content);
  return path;
}

const lines = (...rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const read = async (content: string | Uint8Array, columns?: string) =>
  Object.fromEntries(
    (await readScoreFile(written(content), columns === undefined ? {} : { columns })).scores,
  );

describe('reading scores', () => {
  test('CSV: the score where there is one, else the mean of the raw columns, or of those that are named', async () => {
    const header = 'prompt_id,loss_step00_seed41,loss_step04_seed41,loss_step04_seed42';
    expect(await read(`${header},learning_order\nx,1,2,6,0.5\ny,1,2,3,0.25\n`)).toEqual({ x: 0.5, y: 0.25 });
    expect(await read(`${header}\nx,1,2,6\ny,1,2,3\n\n`)).toEqual({ x: 3, y: 2 });
    expect(await read(`${header}\r\nx,1,2,6\r\n`, 'loss_step04_*')).toEqual({ x: 4 });
    expect(await read(gzipSync('\uFEFFid,difficulty\nx,-1e-3\n'))).toEqual({ x: -0.001 });
    expect(await read('x,0.5\ny,0.25\n')).toEqual({ x: 0.5, y: 0.25 });
  });

  test('JSON Lines: difficulties, scores that are averaged, a run folder', async () => {
    const difficulty = lines(
      { id: 'x', row: 4, difficulty: 0.5, rank: 1 },
      { id: 'y', row: 7, difficulty: 1 },
    );
    const found = await readScoreFile(written(difficulty));
    expect([...found.byRow]).toEqual([
      [4, 0.5],
      [7, 1],
    ]);
    const scores = lines(
      { id: 'x', row: 0, seed: 1, checkpoint: 1, loss: 1 },
      { id: 'x', row: 0, seed: 2, checkpoint: 1, loss: 2 },
    );
    expect(await read(scores)).toEqual({ x: 1.5 });
    const run = join(dir, 'run');
    mkdirSync(run);
    await expect(readScoreFile(run)).rejects.toThrow(/no scores.*winnow score/s);
    writeFileSync(join(run, 'difficulty.jsonl'), difficulty);
    expect((await readScoreFile(run)).scores.get('y')).toBe(1);
  });

  test.each([
    ['an empty file', '', 'no-scores'],
    ['a header alone', 'prompt_id,learning_order\n', 'no-scores'],
    ['an id twice', 'prompt_id,learning_order\nx,1\nx,2\n', 'duplicate-id'],
    ['a line twice', lines({ id: 'x', difficulty: 1 }, { id: 'x', difficulty: 1 }), 'duplicate-id'],
    [
      'a loss twice',
      lines({ id: 'x', seed: 1, checkpoint: 1, loss: 1 }, { id: 'x', seed: 1, checkpoint: 1, loss: 1 }),
      'duplicate-id',
    ],
    ['NaN', 'prompt_id,learning_order\nx,NaN\n', 'bad-score'],
    ['an infinity', 'prompt_id,learning_order\nx,1e999\n', 'bad-score'],
    ['an empty cell', 'prompt_id,loss_a,loss_b\nx,1,\n', 'bad-score'],
    ['a short line', 'prompt_id,loss_a,loss_b\nx,1\n', 'bad-score'],
    ['a text', lines({ id: 'x', difficulty: '0.5' }), 'bad-score'],
    ['other columns', 'prompt,answer\nx,1\n', 'not-scores'],
    ['pairs', lines({ prompt: 'x', chosen: 'y', rejected: 'z' }), 'not-scores'],
    ['a list', '{"id": "x", "difficulty": 1}\n[]\n', 'not-scores'],
    ['broken JSON', '{"id": \n', 'bad-json-line'],
    ['half a gzip', gzipSync('prompt_id,learning_order\nx,1\n').subarray(0, 24), 'bad-gzip'],
    ['no UTF-8', Uint8Array.from([0x69, 0x64, 0x2c, 0xff]), 'bad-utf8'],
  ])('%s is an input error with the file', async (_, content, code) => {
    const path = written(content);
    const error = await readScoreFile(path).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WinnowError);
    expect(error).toMatchObject({ code, exitCode: 2, fields: { file: path } });
  });

  test('columns that are not there, or of no CSV file', async () => {
    await expect(read('id,loss_a\nx,1\n', 'loss_b')).rejects.toMatchObject({ code: 'no-columns' });
    await expect(read(lines({ id: 'x', difficulty: 1 }), 'loss')).rejects.toMatchObject({
      code: 'no-columns',
    });
    await expect(readScoreFile(join(dir, 'missing'))).rejects.toMatchObject({ code: 'file-missing' });
  });
});

/** The published difficulties of argilla/dpo-mix-7k (glorgao/SelectiveDPO at 637fac5). */
const FOLDER = fileURLToPath(
  new URL('../../../shared/data/selective_dpo_paper/curriculum-lens/', import.meta.url),
);

describe.skipIf(!existsSync(FOLDER))('published scores of Selective DPO (needs ../shared/data)', () => {
  const of = (size: string, columns?: string) =>
    readScoreFile(
      `${FOLDER}qwen-2.5-${size}-argilla_learning_order.csv`,
      columns === undefined ? {} : { columns },
    );

  test.each([
    ['0.5b', '7b', 0.858, 0.714, 0.688],
    ['3b', '14b', 0.782, 0.692, 0.737],
    ['7b', '14b', 0.902, 0.807, 0.736],
  ])('%s and %s: Spearman %f, Jaccard %f', async (a, b, rho, jaccard, below) => {
    const found = compareScores(await of(a), await of(b));
    expect(found.n).toBe(6668);
    expect(found.spearman).toBeCloseTo(rho, 3);
    expect(found.jaccardEasiest).toBeCloseTo(jaccard, 3);
    expect(found.shareBelowLn2.a).toBeCloseTo(below, 3);
  });

  const cut = { '3b': 0.637, '7b': 0.712, '14b': 0.813 } as const;
  test.each([
    ['3b', '7b', 95.879, 72.119],
    ['3b', '14b', 98.046, 48.079],
    ['7b', '3b', 85.781, 90.89],
    ['7b', '14b', 99.368, 63.352],
    ['14b', '3b', 76.812, 93.344],
    ['14b', '7b', 87.014, 97.594],
  ] as const)(
    'Fig. 11, oracle %s, classifier %s: easy %f, difficult %f in percent',
    async (a, b, easy, hard) => {
      const found = compareScores(await of(a), await of(b), [cut[a], cut[b]]);
      expect(100 * (found.easyAgreement as number)).toBeCloseTo(easy, 2);
      expect(100 * (found.difficultAgreement as number)).toBeCloseTo(hard, 2);
    },
  );

  test('7B: three seeds at the last checkpoint against all 15 columns; a record with ids twice', async () => {
    const last = await of('7b', 'loss_step04_*');
    const found = compareScores(await of('7b'), last);
    expect(found.spearman).toBeCloseTo(0.9977, 4);
    expect(found.jaccardEasiest).toBeCloseTo(0.962, 3);
    // The records behind them have a prompt of several pairs more than once.
    const record = `${FOLDER}learning_record/qwen-2.5-7b-argilla/seed41_step04.csv.gz`;
    await expect(readScoreFile(record)).rejects.toMatchObject({ code: 'duplicate-id' });
  });
});
