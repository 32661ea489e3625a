import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRows, readScores, scratch, winnowOk } from './tiny-world.ts';

const DATA = join(import.meta.dirname, '..', '..', 'shared', 'data');
const MODEL = join(DATA, 'stories260K', 'hf');
const filesIn = (folder: string, name: RegExp) =>
  (existsSync(join(DATA, folder)) ? readdirSync(join(DATA, folder)) : [])
    .filter((file) => name.test(file))
    .map((file) => join(DATA, folder, file));

const FILES = [...filesIn('hh_rlhf_test', /\.jsonl\.gz$/), ...filesIn('lf_dpo_demo', /dpo.*\.json$/)];
const isThere = FILES.length > 0 && existsSync(MODEL);
const dir = scratch('real');

describe('real pairs under a real model', () => {
  it.skipIf(isThere)('are not here: ../shared/data is missing', () => {
    expect(isThere).toBe(false);
  });

  for (const file of FILES)
    it.skipIf(!isThere).concurrent(`check: ${file.slice(DATA.length + 1)}`, async () => {
      const out = join(dir, file.replaceAll(/\W/g, '-'));
      const { stdout } = await winnowOk(['check', '--model', MODEL, '--data', file, '--out', out, '--json']);
      const { read, used, refused, pool, heldOut, refusedBy, refusedRows, source } = JSON.parse(stdout);
      expect(source).toMatchObject({ file, format: file.includes('hh_rlhf') ? 'hh-rlhf' : 'sharegpt' });
      expect(used).toBe(pool + heldOut);
      expect(read).toBe(used + refused);
      // The context of this model is 512 tokens of a vocabulary of 512: some conversations do not fit.
      expect(used).toBeGreaterThan(0.1 * read);
      const counts = Object.values(refusedBy as Record<string, number>);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(refused);
      for (const { row, cause, message, remedy } of refusedRows)
        expect({ row, told: [cause, message, remedy].every((text) => text.length > 5) }).toEqual({
          row,
          told: true,
        });
      const rows = [
        ...readRows<{ row: number }>(out, 'pairs.jsonl'),
        ...readRows<{ row: number }>(out, 'refused.jsonl'),
      ];
      expect(new Set(rows.map(({ row }) => row)).size).toBe(read);
    });

  const helpful = FILES.find((file) => file.includes('helpful-base'));
  it.skipIf(!isThere || helpful === undefined)('score: 40 rows of helpful-base', async () => {
    const out = join(dir, 'score');
    const { stdout } = await winnowOk([
      ...['score', '--model', MODEL, '--data', helpful as string, '--limit', '40', '--out', out, '--json'],
      ...['--learning-rate', '1e-3', '--set', 'training.rank=4', '--workers', '2', '--threads', '1'],
    ]);
    const { pairs, reliability, shareBelowLn2 } = JSON.parse(stdout);
    const scores = readScores(out);
    expect(scores).toHaveLength(pairs);
    expect(pairs).toBeGreaterThan(10);
    for (const score of scores) {
      expect(score.row).toBeLessThan(40);
      for (const value of [score.chosenLogProb, score.rejectedLogProb, score.refChosenLogProb])
        expect(value).toBeLessThan(0);
      expect(score.loss).toBeGreaterThan(0);
    }
    expect(reliability.between).toBe('token-halves');
    expect(Math.abs(reliability.spearman)).toBeLessThanOrEqual(1);
    expect(shareBelowLn2).toBe(scores.filter(({ loss }) => loss < Math.LN2).length / pairs);
  });
});
