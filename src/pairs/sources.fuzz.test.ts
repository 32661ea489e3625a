import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csvFormat } from 'd3-dsv';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { jsonText, oddValue, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { PAIR_FORMATS } from './formats.ts';
import { pairId } from './id.ts';
import type { Text } from './pair.ts';
import { type PairSet, readPairs } from './read.ts';
import { writePairsParquet } from './write-parquet.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-source-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const user = { role: 'user', content: 'q' };
const side = (content: string) => [{ role: 'assistant', content }];

/** A row or two of every format. */
const ROWS: readonly unknown[] = [
  { prompt: 'q', chosen: 'a', rejected: 'b', system: 's' },
  { prompt: [user], chosen: side('a'), rejected: side('b'), tools: [], images: null },
  {
    prompt: 'q',
    chosen: [user, ...side('a')],
    rejected: [user, ...side('b')],
    messages: [user, ...side('a')],
  },
  { chosen: [user, ...side('a')], rejected: [user, ...side('b')] },
  { chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' },
  {
    conversations: [{ from: 'human', value: 'q' }],
    chosen: { from: 'gpt', value: 'a' },
    rejected: { from: 'gpt', value: 'b' },
  },
  { instruction: 'q', input: 'r', history: [['h', 'g']], system: 's', chosen: 'a', rejected: 'b' },
  { instruction: 'q', output: ['a', 'b'] },
  { messages: [user], chosen: side('a')[0], rejected: 'b' },
  { question: 'q', system: 's', chosen_response: 'a', rejected_response: 'b' },
  { input: { messages: [user], tools: [] }, preferred_output: side('a'), non_preferred_output: side('b') },
  {
    instruction: 'q',
    completions: [1, 2].map((score) => ({ response: `${score}`, overall_score: score, model: 'm' })),
  },
  { prompt: 'q', responses: ['a', 'b'], scores: [1, 2] },
  { prompt: 'q', response_0: 'a', response_1: 'b', better_response_id: 1 },
  {
    fields: { prompt: 'q', a: 'a', b: 'b' },
    responses: { r: [{ value: ['a', 'b'], status: 'submitted' }] },
    suggestions: {},
  },
  {
    fields: { prompt: 'q', a: 'a', b: 'b' },
    responses: [
      {
        values: {
          r: {
            value: [
              { rank: 1, value: 'a' },
              { rank: 2, value: 'b' },
            ],
          },
        },
      },
    ],
    suggestions: [{ question_name: 'r', value: 'a' }],
  },
  {
    prompt: 'q',
    a: 'a',
    b: 'b',
    'r.responses': [['a', 'b']],
    'r.responses.status': ['submitted'],
    'r.suggestion': ['b', 'a'],
  },
  {
    prompt: 'q',
    a: 'a',
    b: 'b',
    r: { user_id: ['u'], value: [{ rank: [1, 2], value: ['a', 'b'] }], status: ['submitted'] },
    'r-suggestion': null,
  },
];

/** What was read, held to what a pair is; null where it was refused as a whole by an input error. */
async function readOrRefused(path: string, format = 'auto'): Promise<PairSet | null> {
  try {
    const set = await readPairs(path, { format });
    const isText = (text: Text) =>
      typeof text === 'string' ||
      text.every(({ role, content }) => typeof role === 'string' && typeof content === 'string');
    for (const { id, row, prompt, chosen, rejected } of set.pairs) {
      expect(id).toBe(pairId(prompt, chosen, rejected));
      expect(row).toBeLessThan(set.read);
      expect([prompt, chosen, rejected].every(isText)).toBe(true);
      expect(typeof chosen).toBe(typeof rejected);
    }
    for (const { cause, message, remedy } of set.refused) {
      expect(cause).toMatch(/^[a-z-]+$/);
      expect(`${message}${remedy}`).not.toMatch(/undefined|\[object/);
    }
    return set;
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    expect(error.kind).toBe('input');
    expect(error.message).toContain(dir);
    return null;
  }
}

describe('whatever a row holds', () => {
  it.each(ROWS.map((row, i) => [i, row] as const))('row %i as it should be gives pairs', async (_, row) => {
    const file = join(dir, 'right.jsonl');
    writeFileSync(file, JSON.stringify(row));
    expect((await readOrRefused(file))?.pairs).toHaveLength(1);
  });

  it('it gives pairs that are some, is refused, or is an input error that names the file', async () => {
    const file = join(dir, 'rows.jsonl');
    const format = fc.constantFrom('auto', ...PAIR_FORMATS);
    const row = fc.oneof(...ROWS.map((right) => replacedWithin(right, oddValue)));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 3 }), format, async (rows, name) => {
        writeFileSync(file, rows.map((value) => `${jsonText(value)}\n`).join(''));
        await readOrRefused(file, name);
      }),
      seeded(800),
    );
  });
});

describe('whatever bytes a file holds', () => {
  const flipped = (bytes: Uint8Array) =>
    fc
      .tuple(
        fc.nat(bytes.length),
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }),
      )
      .map(([length, changes]) => {
        const copy = Buffer.from(bytes.subarray(0, Math.max(1, length)));
        for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
        return copy;
      });

  it('CSV is read or refused with its name', async () => {
    const file = join(dir, 'rows.csv');
    const whole = Buffer.from(
      csvFormat([
        { prompt: 'q "x", y', chosen: 'a\nb', rejected: '[{"role":"assistant","content":"c"}]' },
        { prompt: '語', chosen: 'a', rejected: 'b' },
      ]),
    );
    await fc.assert(
      fc.asyncProperty(flipped(whole), async (bytes) => {
        writeFileSync(file, bytes);
        await readOrRefused(file);
      }),
      seeded(300),
    );
  });

  it('Parquet is read or refused with its name', async () => {
    const [right, file] = [join(dir, 'right.parquet'), join(dir, 'rows.parquet')];
    const pair = { id: pairId('q', 'a', 'b'), row: 0, prompt: 'q', chosen: 'a', rejected: 'b', meta: {} };
    await writePairsParquet(right, [pair, { ...pair, prompt: '語' }]);
    await fc.assert(
      fc.asyncProperty(flipped(readFileSync(right)), async (bytes) => {
        writeFileSync(file, bytes);
        await readOrRefused(file);
      }),
      seeded(60),
    );
  });
});
