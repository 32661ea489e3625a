import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { refusedBy } from './check.ts';
import { hhMessages } from './format-hh.ts';
import { splitConversations } from './format-implicit.ts';
import { nearDuplicateKey } from './keys.ts';
import { readPairs } from './read.ts';
import { splitHeldOut } from './split.ts';
import { writePairsParquet } from './write-parquet.ts';

const data = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

describe.skipIf(!existsSync(`${data}hh_rlhf_test`))('Anthropic hh-rlhf (needs ../shared/data)', () => {
  it.each([
    // The numbers of refused rows were counted apart, with Python.
    ['helpful-base', 2354, { 'identical-sides': 2, 'empty-rejected': 4 }, 7],
    ['harmless-base', 2312, { 'empty-chosen': 4 }, 4],
    ['helpful-online', 1137, { 'identical-sides': 2, 'empty-rejected': 3 }, 0],
  ])('%s: all %i rows are read or refused by name', async (name, rows, causes, irregularPrompts) => {
    const { pairs, refused, read, source } = await readPairs(`${data}hh_rlhf_test/${name}.test.jsonl.gz`);
    expect(read).toBe(rows);
    expect(source.format).toBe('hh-rlhf');
    expect(pairs.length + refused.length).toBe(rows);
    expect(refusedBy(refused)).toEqual(causes);
    for (const pair of pairs) {
      expect(pair.prompt).toMatch(/\n\nAssistant:$/);
      expect(pair.chosen).not.toBe(pair.rejected);
    }
    const irregular = pairs.filter((pair) => hhMessages(pair.prompt as string) === null);
    expect(irregular.length).toBe(irregularPrompts);
    const split = splitHeldOut(pairs, { share: 0.1, seed: 0 });
    const held = new Set(split.heldOut.map(nearDuplicateKey));
    expect(split.pool.some((pair) => held.has(nearDuplicateKey(pair)))).toBe(false);
    expect(Math.abs(split.heldOut.length - 0.1 * pairs.length)).toBeLessThan(1);
  });
});

describe.skipIf(!existsSync(`${data}lf_dpo_demo`))('LLaMA-Factory demo (needs ../shared/data)', () => {
  it.each([
    ['dpo_en_demo', 5],
    ['dpo_zh_demo', 11],
  ])('%s', async (name, duplicates) => {
    const { pairs, refused, read, source } = await readPairs(`${data}lf_dpo_demo/${name}.json`);
    expect([read, source.format]).toEqual([300, 'sharegpt']);
    expect(refusedBy(refused)).toEqual({ duplicate: duplicates });
    expect(pairs[0]?.prompt).toMatchObject([{ role: 'user' }]);
    // The same pairs as whole conversations give the same boundary.
    for (const { prompt, chosen, rejected } of pairs) {
      if (typeof prompt === 'string' || typeof chosen === 'string' || typeof rejected === 'string') continue;
      expect(splitConversations([...prompt, ...chosen], [...prompt, ...rejected])).toEqual({
        prompt,
        chosen,
        rejected,
      });
    }
  });

  it('is read as a folder by its dataset_info.json, to the same pairs', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'winnow-lf-'));
    try {
      const columns = { messages: 'conversations', chosen: 'chosen', rejected: 'rejected' };
      const entry = { file_name: 'dpo_en_demo.json', ranking: true, formatting: 'sharegpt', columns };
      writeFileSync(join(dir, 'dataset_info.json'), JSON.stringify({ dpo_en_demo: entry }));
      copyFileSync(`${data}lf_dpo_demo/dpo_en_demo.json`, join(dir, 'dpo_en_demo.json'));
      const [folder, file] = [await readPairs(dir), await readPairs(join(dir, 'dpo_en_demo.json'))];
      expect(folder.pairs).toEqual(file.pairs);
      await writePairsParquet(join(dir, 'pairs.parquet'), file.pairs);
      const again = await readPairs(join(dir, 'pairs.parquet'));
      expect(again.pairs.map(({ id }) => id)).toEqual(file.pairs.map(({ id }) => id));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('names the missing columns of a file that holds no pairs', async () => {
    await expect(readPairs(`${data}lf_dpo_demo/kto_en_demo.json`)).rejects.toMatchObject({
      code: 'unknown-format',
    });
  });
});
