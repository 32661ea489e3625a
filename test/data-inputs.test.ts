import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PreferencePair, readPairs, writePairsParquet } from '../src/index.ts';
import type { LedgerRow } from '../src/select/ledger.ts';
import {
  argumentsOf,
  readRows,
  readText,
  scratch,
  tinyWorld,
  winnow,
  winnowOk,
  writeRows,
} from './tiny-world.ts';

const world = tinyWorld('inputs');
const out = (name: string) => join(world.dir, name);
const folder = join(world.dir, 'folder');

beforeAll(async () => {
  mkdirSync(join(folder, 'data'), { recursive: true });
  const { pairs } = await readPairs(world.data);
  const half = Math.ceil(pairs.length / 2);
  for (const [i, part] of [pairs.slice(0, half), pairs.slice(half)].entries()) {
    await writePairsParquet(join(folder, 'data', `train-0000${i}-of-00002.parquet`), part);
  }
});

describe('a run', () => {
  it('on a folder of Parquet shards gives the scores that it gives on the same pairs as JSONL', async () => {
    for (const [name, data] of [
      ['lines', world.data],
      ['shards', folder],
    ] as const) {
      await winnowOk(argumentsOf('select', { ...world, data }, { out: out(name), seeds: 1 }));
    }
    const ofPairs = (name: string) =>
      readRows<{ id: string; loss: number }>(out(name), 'scores.jsonl').map(({ id, loss }) => [id, loss]);
    expect(ofPairs('shards')).toEqual(ofPairs('lines'));
    const receipt = JSON.parse(readText(out('shards'), 'selection', 'receipt.json')) as { data: object };
    expect(receipt.data).toMatchObject({ file: folder, split: 'train', format: 'explicit' });
    expect(receipt.data).toHaveProperty('files.length', 2);
    expect(readText(out('shards'), 'winnow.yaml')).toContain(`data: ${folder}`);
  }, 120_000);

  it('on every two answers of rated rows has a line in the ledger for each pair', async () => {
    const words = ['ash', 'bay', 'cob', 'dew', 'elm'];
    const rows = Array.from({ length: 20 }, (_, i) => ({
      prompt: `${i}?`,
      completions: [3, 1, 2].map((score) => ({
        response: ` ${words[(i + score) % 5]}${'!'.repeat(score)}`,
        score,
      })),
    }));
    const data = writeRows(join(world.dir, 'rated.jsonl'), rows);
    const more = ['--ratings', 'all', '--set', 'ratings.minGap=1'];
    const { stdout } = await winnowOk([
      ...argumentsOf('check', { ...world, data }, { out: out('rated'), more }),
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      read: 20,
      used: 60,
      source: { format: 'ratings', ratings: { pairs: 'all', minGap: 1, seed: 7 } },
      notes: expect.arrayContaining([
        expect.stringContaining('every two answers of a row, scores at least 1 apart'),
      ]),
    });
    await winnowOk(argumentsOf('select', { ...world, data }, { out: out('rated'), seeds: 1, more }));
    const ledger = readRows<LedgerRow>(out('rated'), 'selection', 'ledger.jsonl');
    expect(new Set(ledger.map(({ id }) => id)).size).toBe(60);
    expect(ledger.length).toBe(60);
    // All pairs of a prompt are held out together.
    const roles = new Map<number, Set<string>>();
    for (const { row, role } of readRows<PreferencePair & { role: string }>(out('rated'), 'pairs.jsonl')) {
      roles.set(row, (roles.get(row) ?? new Set()).add(role));
    }
    expect([...roles.values()].every((role) => role.size === 1)).toBe(true);
  }, 120_000);

  it('stops with exit code 2 and no results where the data cannot be read', async () => {
    const cut = join(scratch('cut'), 'x.parquet');
    writeRows(cut, [{ a: 1 }]);
    for (const more of [
      ['--data', cut],
      ['--format', 'openai'],
      ['--data', folder, '--split', 'test'],
      ['--ratings', 'best'],
    ]) {
      const run = join(scratch('no'), 'run');
      const { code, stderr } = await winnow(argumentsOf('check', world, { out: run, more }));
      expect({ more, code, stderr }).toEqual({ more, code: 2, stderr: expect.stringMatching(/^winnow: /) });
      expect(existsSync(join(run, 'pairs.jsonl'))).toBe(false);
    }
  });
});
