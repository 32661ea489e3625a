import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { csvFormat, tsvFormat } from 'd3-dsv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PreferencePair } from './pair.ts';
import { readPairs } from './read.ts';
import { folder, pairOf, promptsOf } from './sources.fixture.ts';
import { writePairs } from './write.ts';
import { writePairsParquet } from './write-parquet.ts';

describe('a round trip', () => {
  // Half characters stand in JSON alone, and are tested there (ids.test.ts).
  const text = fc.string({
    unit: fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
      fc.constantFrom('"', ',', '\n', '\r', '\t', ';', '\u0000', '\u2028', '\\', "'", '{', '[', '語'),
    ),
    maxLength: 12,
  });
  const said = text.map((part) => `x${part}`);
  const message = fc.record({ role: fc.constantFrom('assistant', 'a "role"'), content: said });
  const asked = fc.record({ role: fc.constant('user'), content: said });
  const meta = fc.dictionary(
    fc.stringMatching(/^[a-z_]{1,8}$/),
    fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text, { maxLength: 3 })),
    { maxKeys: 3 },
  );
  const texts = fc.record({
    prompt: said,
    chosen: said.map((s) => `a${s}`),
    rejected: said.map((s) => `b${s}`),
    meta,
  });
  const conversation = fc.record({
    prompt: fc.array(asked, { minLength: 1, maxLength: 3 }),
    chosen: message.map((m) => [{ ...m, content: `a${m.content}` }]),
    rejected: message.map((m) => [{ ...m, content: `b${m.content}` }]),
    meta,
  });
  const unique = (list: readonly PreferencePair[]) => [
    ...new Map(list.map((pair) => [pair.id, pair])).values(),
  ];
  const pairs = fc
    .oneof(
      fc.array(texts, { minLength: 1, maxLength: 6 }),
      fc.array(conversation, { minLength: 1, maxLength: 6 }),
    )
    .map((list) => unique(list.map((item) => pairOf(item.prompt, item.chosen, item.rejected, item.meta))));

  it('as JSONL and Parquet gives the same ids and meta', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (list) => {
        const [lines, columns] = [join(folder, 'trip.jsonl'), join(folder, 'trip.parquet')];
        writePairs(lines, list);
        await writePairsParquet(columns, list);
        for (const file of [lines, columns]) {
          const set = await readPairs(file, { format: 'explicit' });
          expect(set.refused).toEqual([]);
          expect(set.pairs.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
          expect(set.pairs.map((pair) => pair.meta)).toEqual(list.map((pair) => pair.meta));
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  }, 60_000);

  it('as CSV and TSV gives the same ids', async () => {
    const cell = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
    await fc.assert(
      fc.asyncProperty(pairs, fc.constantFrom('csv', 'tsv'), async (list, kind) => {
        const file = join(folder, `trip.${kind}`);
        const rows = list.map(({ prompt, chosen, rejected }) => ({
          prompt: cell(prompt),
          chosen: cell(chosen),
          rejected: cell(rejected),
        }));
        writeFileSync(file, (kind === 'csv' ? csvFormat : tsvFormat)(rows));
        const set = await readPairs(file, { format: 'explicit' });
        expect(set.refused).toEqual([]);
        expect(set.pairs.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
      }),
      { numRuns: 150, seed: 1 },
    );
  }, 60_000);

  it('as Parquet has equal bytes, and refuses what Parquet cannot hold', async () => {
    const list = [pairOf('q', 'a', 'b', { n: 1.5 }), pairOf('r', 'a', 'b', { n: [1] })];
    const [one, two] = [join(folder, 'one.parquet'), join(folder, 'two.parquet')];
    await writePairsParquet(one, list);
    await writePairsParquet(two, list);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
    const message = (content: string) => [{ role: 'user', content }];
    const mixed = [...list, pairOf(message('q'), message('a'), message('b'))];
    await expect(writePairsParquet(two, mixed)).rejects.toMatchObject({ code: 'mixed-texts' });
    await expect(writePairsParquet(two, [pairOf('q', 'a\ud800', 'b')])).rejects.toMatchObject({
      code: 'lone-surrogate',
    });
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
    await writePairsParquet(two, [pairOf('\\ud800', 'a', 'b')]);
    expect(promptsOf(await readPairs(two))).toEqual(['\\ud800']);
  });
});
