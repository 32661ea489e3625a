import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { jsonText, oddValue, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { readScoreFile } from './score-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-scores-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'scores');

/** Finite scores, at least one, or an input error that names the file. */
async function holds(content: string): Promise<void> {
  writeFileSync(file, content);
  try {
    const { scores } = await readScoreFile(file);
    expect(scores.size).toBeGreaterThan(0);
    for (const score of scores.values()) expect(Number.isFinite(score)).toBe(true);
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    expect(error.kind).toBe('input');
    expect(error.message.slice(0, folder.length)).toBe(folder);
    expect(error.message.length).toBeLessThan(2000);
  }
}

const rows = [
  { id: 'x', row: 0, difficulty: 0.5, spread: null, n: 2, rank: 1 },
  { id: 'y', row: 1, difficulty: 0.7, spread: 0.1, n: 2, rank: 2 },
  { id: 'z', row: 2, seed: 1, checkpoint: 1, loss: 0.3 },
];

test('JSON Lines, whatever they hold', async () => {
  const lines = replacedWithin(rows, oddValue).map((value) =>
    (Array.isArray(value) ? value : [value]).map((row) => jsonText(row)).join('\n'),
  );
  await fc.assert(fc.asyncProperty(lines, holds), seeded(300));
});

test('CSV, whatever it holds', async () => {
  const header = fc.constantFrom(
    'prompt_id,learning_order',
    'prompt_id,loss_a,loss_b',
    'id,row,difficulty',
    'id',
    '0,1',
    '"',
    '',
  );
  const cell = fc.constantFrom('0', '1', '0.25', '-1.5', '', ' ', 'x', 'NaN', '1e999', '"', '\u0000', '{');
  const line = fc.array(cell, { maxLength: 4 }).map((cells) => cells.join(','));
  await fc.assert(
    fc.asyncProperty(header, fc.array(line, { maxLength: 4 }), (first, lines) =>
      holds([first, ...lines].join('\n')),
    ),
    seeded(300),
  );
});
