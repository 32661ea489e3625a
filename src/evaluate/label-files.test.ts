import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { readLabels, readVerdicts } from './label-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-labels-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;
const put = (content: string | Uint8Array, name = `file-${files++}.json`) => {
  const file = join(dir, name);
  writeFileSync(file, content);
  return file;
};
const json = (rows: unknown) => put(JSON.stringify(rows));
const lines = (rows: readonly unknown[]) => put(rows.map((row) => JSON.stringify(row)).join('\n'));

const panda = {
  idx: 7,
  instruction: 'Say it shorter.',
  input: 'It is what it is.',
  response1: 'So be it.',
  response2: true,
  annotator1: 2,
  annotator2: '0',
  annotator3: null,
};
const bar = { input: 'Name a fruit.', output_1: 'Leek', output_2: 'Pear', label: 2 };
const own = { id: 'x', prompt: 'Why?', answer_a: 'Because.', answer_b: '', label: 'tie' };

async function refusal(reading: Promise<unknown>): Promise<WinnowError> {
  const error = await reading.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WinnowError);
  expect((error as WinnowError).kind).toBe('input');
  expect((error as WinnowError).message.startsWith(dir)).toBe(true);
  return error as WinnowError;
}

describe('files of labelled pairs', () => {
  it('PandaLM’s: several annotators, an input behind the instruction, answers that are JSON’s true', async () => {
    expect(await readLabels(json([panda, { ...panda, idx: 8, input: '' }]))).toEqual({
      format: 'pandalm',
      annotators: ['annotator1', 'annotator2', 'annotator3'],
      pairs: [
        {
          id: '7',
          prompt: 'Say it shorter.\n\nIt is what it is.',
          answerA: 'So be it.',
          answerB: 'true',
          labels: ['b', 'tie', null],
        },
        {
          id: '8',
          prompt: 'Say it shorter.',
          answerA: 'So be it.',
          answerB: 'true',
          labels: ['b', 'tie', null],
        },
      ],
      judge: null,
    });
  });

  it('LLMBar’s: known by the number of the row', async () => {
    const { format, annotators, pairs } = await readLabels(json([bar, { ...bar, label: 1 }]));
    expect([format, annotators]).toEqual(['llmbar', ['label']]);
    expect(pairs.map(({ id, answerB, labels }) => [id, answerB, labels])).toEqual([
      ['0', 'Pear', ['b']],
      ['1', 'Pear', ['a']],
    ]);
  });

  it('our own: JSON Lines, gzipped too, with a judge in it', async () => {
    const rows = [
      own,
      { ...own, id: 5, label: 'a', judge: 'b', judge_swapped: null },
      { ...own, id: 'z', judge: null },
    ];
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    for (const file of [put(text, 'own.jsonl'), put(gzipSync(text), 'own.jsonl.gz'), json(rows)]) {
      const { format, pairs, judge } = await readLabels(file);
      expect(format).toBe('winnow');
      expect(pairs.map(({ id, labels }) => [id, ...labels])).toEqual([
        ['x', 'tie'],
        ['5', 'a'],
        ['z', 'tie'],
      ]);
      expect([...(judge?.verdicts ?? [])]).toEqual([
        ['5', { first: 'b', swapped: null }],
        ['z', { first: null }],
      ]);
    }
    expect((await readLabels(json([own]))).judge).toBeNull();
  });

  it.each([
    ['unknown-labels', [{ question: 1 }]],
    ['bad-row', [bar, 3]],
    ['bad-label', [bar, { ...bar, label: 0 }]],
    ['bad-label', [{ ...own, label: 'A' }]],
    ['bad-label', [{ ...panda, annotator2: 3 }]],
    ['bad-label', [{ ...panda, annotator2: [1] }]],
    ['bad-label', [panda, { ...panda, idx: 8, annotator3: undefined }]],
    ['bad-label', [{ ...own, judge: 'first' }]],
    ['bad-text', [{ ...bar, output_1: null }]],
    ['bad-id', [{ ...own, id: null }]],
    ['duplicate-id', [own, own]],
    ['duplicate-id', [panda, panda]],
    ['no-first-order', [{ ...own, judge_swapped: 'a' }]],
    ['empty-file', []],
  ])('refuses with the file and the row: %s', async (code, rows) => {
    const error = await refusal(readLabels(json(rows)));
    expect(error.code).toBe(code);
    if (code !== 'empty-file') expect(error.message).toContain(`row ${rows.length - 1}`);
  });

  it('refuses what is no JSON, and a file that is not there', async () => {
    expect((await refusal(readLabels(put(`${JSON.stringify(own)}\n{"id"`)))).code).toBe('bad-json');
    expect((await refusal(readLabels(join(dir, 'nowhere.json')))).code).toBe('file-missing');
  });
});

describe('files of verdicts', () => {
  it('PandaLM’s: what is no label could not be read', async () => {
    const rows = ['1', 2, 'Tie', 0, 'garbage', null].map((gpt_result, idx) => ({
      idx,
      gpt_result,
      gpt_reason: '',
    }));
    const file = put(JSON.stringify(rows), 'gpt-3.5.v1.json');
    const { judge, verdicts } = await readVerdicts(file);
    expect(judge).toBe('gpt-3.5.v1');
    expect([...verdicts].map(([id, { first }]) => [id, first])).toEqual([
      ['0', 'a'],
      ['1', 'b'],
      ['2', 'tie'],
      ['3', 'tie'],
      ['4', null],
      ['5', null],
    ]);
  });

  it('our own, in one order or both', async () => {
    const { verdicts } = await readVerdicts(
      lines([
        { id: 1, judge: 'a' },
        { id: 2, judge: 'b', judge_swapped: 'tie' },
      ]),
    );
    expect([...verdicts.values()]).toEqual([{ first: 'a' }, { first: 'b', swapped: 'tie' }]);
  });

  it.each([
    ['no-verdict', [{ id: 1 }]],
    ['no-verdict', [{ idx: 1, x_result: 1, y_result: 2 }]],
    ['bad-label', [{ id: 1, judge: 'c' }]],
    [
      'duplicate-id',
      [
        { id: 1, judge: 'a' },
        { id: '1', judge: 'a' },
      ],
    ],
  ])('refuses with the file and the row: %s', async (code, rows) => {
    const error = await refusal(readVerdicts(json(rows)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`row ${rows.length - 1}`);
  });
});
