import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { jsonText, oddValue, readOrRefused, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { checkJudge } from './judge-check.ts';
import { readLabels, readVerdicts } from './label-files.ts';
import { longerAnswer } from './labelled.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-label-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'rows.json');

const LABELLED = [
  [0, 1, 2].map((idx) => ({
    idx,
    instruction: 'Say it.',
    input: '',
    response1: 'It.',
    response2: 'Said.',
    annotator1: idx,
    annotator2: 1,
  })),
  [1, 2, 2].map((label) => ({ input: 'Say it.', output_1: 'It.', output_2: 'Said.', label })),
  ['a', 'b', 'tie'].map((label, id) => ({
    id,
    prompt: 'Say it.',
    answer_a: 'It.',
    answer_b: 'Said.',
    label,
    judge: 'a',
    judge_swapped: label,
  })),
];
const VERDICTS = [
  [1, '2', 'Tie'].map((gpt_result, idx) => ({ idx, gpt_result })),
  ['a', 'b', 'tie'].map((judge, id) => ({ id, judge, judge_swapped: null })),
];

/** `readOrRefused` for a promise. */
async function readOrRefusedLater<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    return readOrRefused(dir, () => {
      throw error;
    });
  }
}

describe('whatever a file of labels holds', () => {
  it('it gives labels that are some, or an input error that names the file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(...LABELLED.map((rows) => replacedWithin(rows, oddValue))), async (rows) => {
        writeFileSync(file, jsonText(rows));
        const read = await readOrRefusedLater(readLabels(file));
        if (read === null) return;
        expect(new Set(read.pairs.map(({ id }) => id)).size).toBe(read.pairs.length);
        for (const { labels, prompt, answerA, answerB } of read.pairs) {
          expect(labels).toHaveLength(read.annotators.length);
          for (const label of labels) expect(['a', 'b', 'tie', null]).toContain(label);
          for (const text of [prompt, answerA, answerB]) expect(typeof text).toBe('string');
        }
        const checked = checkJudge(read, longerAnswer(read), { seed: 1, resamples: 20 });
        expect(JSON.stringify(checked)).not.toMatch(/NaN|Infinity/);
      }),
      seeded(300),
    );
  });

  it('and of verdicts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(...VERDICTS.map((rows) => replacedWithin(rows, oddValue))), async (rows) => {
        writeFileSync(file, jsonText(rows));
        const read = await readOrRefusedLater(readVerdicts(file));
        if (read === null) return;
        for (const { first, swapped } of read.verdicts.values())
          for (const label of [first, swapped]) expect(['a', 'b', 'tie', null, undefined]).toContain(label);
      }),
      seeded(300),
    );
  });

  it('also cut short', async () => {
    for (const rows of [...LABELLED, ...VERDICTS]) {
      const text = JSON.stringify(rows);
      for (let length = 0; length < text.length; length += 7) {
        writeFileSync(file, text.slice(0, length));
        for (const read of [readLabels, readVerdicts])
          expect(await readOrRefusedLater<unknown>(read(file))).toBeNull();
      }
    }
  });
});
