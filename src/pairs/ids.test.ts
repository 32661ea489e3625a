import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { pairId } from './id.ts';
import { nearDuplicateKey, promptKey } from './keys.ts';
import type { Message, PreferencePair, Text } from './pair.ts';
import { readPairs } from './read.ts';
import { splitHeldOut } from './split.ts';
import { writePairs } from './write.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-ids-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pairOf = (row: number, prompt: Text, chosen: Text, rejected: Text): PreferencePair => ({
  id: pairId(prompt, chosen, rejected),
  row,
  prompt,
  chosen,
  rejected,
  meta: {},
});

// Lone surrogates included: they occur in scraped text, and JSON can carry them.
const words = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => text.trim() !== '');
const turn = (role: string): fc.Arbitrary<Message> => words.map((content) => ({ role, content }));
const texts = fc
  .oneof(
    fc.tuple(words, words, words),
    fc.tuple(
      fc
        .tuple(turn('user'))
        .chain(([first]) =>
          fc
            .array(fc.oneof(turn('user'), turn('assistant')), { maxLength: 3 })
            .map((rest) => [first, ...rest]),
        ),
      fc.tuple(turn('assistant')),
      fc.tuple(turn('assistant'), turn('user'), turn('assistant')),
    ),
  )
  .filter(([, chosen, rejected]) => JSON.stringify(chosen) !== JSON.stringify(rejected));

describe('ids', () => {
  it('differ for pairs that share a prompt, for swapped labels, and for text and messages', () => {
    fc.assert(
      fc.property(words, fc.uniqueArray(words, { minLength: 2, maxLength: 4 }), (prompt, answers) => {
        const ids = answers.flatMap((a) => answers.map((b) => pairId(prompt, a, b)));
        expect(new Set(ids).size).toBe(ids.length);
        const [a = '', b = ''] = answers;
        expect(pairId([{ role: 'user', content: prompt }], a, b)).not.toBe(pairId(prompt, a, b));
      }),
      { seed: 2 },
    );
  });

  it('are what they were (an id is kept in run folders)', () => {
    expect(pairId('p', 'c', 'r')).toBe('9df5644d4707fd35a1515b1fb3b090a1f11eb33856c627e9396d7a337599a709');
  });

  it('survive writing and reading', async () => {
    const meta = fc.dictionary(
      fc.string(),
      fc.jsonValue().filter((value) => !Object.is(value, -0)),
    );
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(texts, meta), { minLength: 1, maxLength: 6 }), async (rows) => {
        const unique = new Map(
          rows.map(([[p, c, r], m]) => [pairId(p, c, r), { ...pairOf(0, p, c, r), meta: m }]),
        );
        const pairs = [...unique.values()].map((pair, row) => ({ ...pair, row }));
        const file = join(folder, `${n++}.jsonl`);
        writePairs(file, pairs);
        const back = await readPairs(file);
        expect(back.refused).toEqual([]);
        expect(JSON.stringify(back.pairs)).toBe(JSON.stringify(pairs));
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  it('say where pairs cannot be written', () => {
    expect(() => writePairs(join(folder, 'no', 'such.jsonl'), [])).toThrow(/no.such\.jsonl/);
  });
});

describe('near duplicates', () => {
  const base = pairOf(0, 'Why  is it?', 'Because Ａ.', 'No idea');

  it('share a key over white space, case, Unicode form and swapped labels', () => {
    const variant = pairOf(1, ' why is IT?\n', 'no   idea', 'because A.');
    expect(nearDuplicateKey(variant)).toBe(nearDuplicateKey(base));
    expect(promptKey(variant)).toBe(promptKey(base));
  });

  it('do not share a key with another prompt, another answer or another role', () => {
    for (const other of [
      pairOf(1, 'Why is he?', 'Because A.', 'No idea'),
      pairOf(1, 'Why is it?', 'Because B.', 'No idea'),
      pairOf(1, [{ role: 'user', content: 'Why is it?' }], 'Because A.', 'No idea'),
    ]) {
      expect(nearDuplicateKey(other)).not.toBe(nearDuplicateKey(base));
    }
  });
});

describe('splitHeldOut', () => {
  const rows = fc.array(fc.tuple(fc.nat(12), fc.nat(3), fc.nat(3), fc.boolean()), { maxLength: 80 });
  const toPairs = (list: [number, number, number, boolean][]) =>
    list.map(([p, c, r, loud], row) =>
      pairOf(row, loud ? `PROMPT  ${p}` : `prompt ${p}`, `answer ${c}`, `Answer  ${r}`),
    );

  it('keeps prompts and near duplicates on one side, every pair once, in order, the same each time', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0, max: 0.99, noNaN: true }), fc.nat(), (list, share, seed) => {
        const pairs = toPairs(list);
        const { pool, heldOut } = splitHeldOut(pairs, { share, seed });
        for (const key of [promptKey, nearDuplicateKey]) {
          const inPool = new Set(pool.map(key));
          expect(heldOut.some((pair) => inPool.has(key(pair)))).toBe(false);
        }
        expect([...pool, ...heldOut].sort((a, b) => a.row - b.row)).toEqual(pairs);
        for (const side of [pool, heldOut]) {
          expect(side.map((pair) => pair.row)).toEqual(side.map((pair) => pair.row).sort((a, b) => a - b));
        }
        expect(splitHeldOut(pairs, { share, seed })).toEqual({ pool, heldOut });
        const sizes = pairs.map(
          (pair) => pairs.filter((other) => promptKey(other) === promptKey(pair)).length,
        );
        const target = Math.round(share * pairs.length);
        expect(Math.abs(heldOut.length - target)).toBeLessThanOrEqual(Math.max(0, ...sizes) / 2);
      }),
      { seed: 4 },
    );
  });

  it('meets the size with prompts of one pair, depends on the seed, and holds nothing out for 0', () => {
    const pairs = toPairs(Array.from({ length: 200 }, (_, i) => [i, 0, 1, false]));
    const split = splitHeldOut(pairs, { share: 0.1, seed: 1 });
    expect([split.pool.length, split.heldOut.length]).toEqual([180, 20]);
    expect(splitHeldOut(pairs, { share: 0.1, seed: 2 }).heldOut).not.toEqual(split.heldOut);
    expect(splitHeldOut(pairs, { count: 7, seed: 1 }).heldOut.length).toBe(7);
    expect(splitHeldOut(pairs, { share: 0, seed: 1 })).toEqual({ pool: pairs, heldOut: [] });
    expect(() => splitHeldOut(pairs, { share: 1, seed: 1 })).toThrow(/below 1/);
    expect(() => splitHeldOut(pairs, { share: Number.NaN, seed: 1 })).toThrow(/got "NaN"/);
    expect(() => splitHeldOut(pairs, { count: 201, seed: 1 })).toThrow(/0 to 200/);
  });
});
