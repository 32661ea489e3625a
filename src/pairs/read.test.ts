import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { refusedBy } from './check.ts';
import { type ReadPairsOptions, readPairs } from './read.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-read-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function save(content: string | Uint8Array, extension = 'jsonl'): string {
  const file = join(folder, `${files++}.${extension}`);
  writeFileSync(file, content);
  return file;
}

const rowOf = (n: number) => ({ prompt: `question ${n}`, chosen: `good ${n}`, rejected: `bad ${n}` });
const jsonl = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

async function failure(file: string, options: ReadPairsOptions = {}): Promise<WinnowError> {
  const error: unknown = await readPairs(file, options).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WinnowError)) throw new Error(`expected a WinnowError, got ${String(error)}`);
  expect(error.kind).toBe('input');
  expect(error.message).toContain(file);
  return error;
}

describe('files', () => {
  const rows = [rowOf(0), rowOf(1), rowOf(2)];
  const contents: [name: string, content: string | Uint8Array, extension: string][] = [
    ['JSONL', jsonl(rows), 'jsonl'],
    ['JSONL with a final line break and CRLF', `${jsonl(rows).replaceAll('\n', '\r\n')}\r\n`, 'jsonl'],
    ['JSONL under another name', jsonl(rows), 'txt'],
    ['JSONL named .json', jsonl(rows), 'json'],
    ['JSON on one line', JSON.stringify(rows), 'json'],
    ['JSON over many lines', JSON.stringify(rows, null, 2), 'json'],
    ['JSON named .jsonl', JSON.stringify(rows, null, 2), 'jsonl'],
    ['a data object on one line', JSON.stringify({ data: rows }), 'json'],
    ['a data object over many lines', JSON.stringify({ version: 1, data: rows }, null, 1), 'json'],
    ['a byte-order mark', `\uFEFF${jsonl(rows)}`, 'jsonl'],
    ['a byte-order mark before JSON', `\uFEFF${JSON.stringify(rows)}`, 'json'],
    ['gzip', gzipSync(jsonl(rows)), 'jsonl.gz'],
    ['gzip without the name', gzipSync(JSON.stringify(rows)), 'json'],
    ['empty lines', `\n\n${jsonl(rows).replaceAll('\n', '\n\n  \n')}\n\n`, 'jsonl'],
  ];
  it.each(contents)('reads %s', async (_, content, extension) => {
    const file = save(content, extension);
    const set = await readPairs(file);
    expect(set.pairs.map(({ row, prompt, chosen, rejected }) => ({ row, prompt, chosen, rejected }))).toEqual(
      rows.map((row, i) => ({ row: i, ...row })),
    );
    expect(set.source).toEqual({ file, sha256: sha256(Buffer.from(content)), format: 'explicit' });
    expect(set.read).toBe(3);
  });

  it('looks at the first rows only under a limit', async () => {
    const file = save(`${jsonl([rowOf(0), { ...rowOf(1), chosen: '' }, rowOf(2)])}\nthis is no JSON`);
    const set = await readPairs(file, { limit: 2 });
    expect([set.read, set.pairs.length, set.refused.length]).toEqual([2, 1, 1]);
    expect((await failure(file)).fields.line).toBe(4);
  });

  it('keeps U+2028 inside a row', async () => {
    const file = save('{"prompt":"a\u2028b","chosen":"c","rejected":"d\u2029"}');
    expect((await readPairs(file)).pairs[0]).toMatchObject({ prompt: 'a\u2028b', rejected: 'd\u2029' });
  });

  it('names the line, the text and the remedy of a malformed row', async () => {
    const error = await failure(save(`${jsonl([rowOf(0)])}\n\n{"prompt": 'x'}\n${jsonl([rowOf(1)])}`));
    expect(error.code).toBe('bad-json');
    expect(error.fields.line).toBe(3);
    expect(error.message).toContain('{\\"prompt\\": \'x\'}');
    expect(error.message).toMatch(/Mend or remove this line/);
    expect((await failure(save(`{"prompt": NaN}\n${jsonl([rowOf(1)])}`, 'txt'))).fields.line).toBe(1);
    expect((await failure(save(`${JSON.stringify({ data: [rowOf(0)] })}\n{}`))).fields.line).toBe(2);
    expect((await failure(save('[\n{"prompt": 1,}\n]', 'json'))).fields.line).toBe(2);
  });

  it('names missing, empty and damaged files', async () => {
    expect((await failure(join(folder, 'nowhere.jsonl'))).code).toBe('file-missing');
    expect((await failure(mkdtempSync(join(folder, 'empty-')))).code).toBe('no-data-files');
    for (const empty of ['', '\n \n', '[]', '{"data": []}']) {
      expect((await failure(save(empty))).code).toBe('empty-file');
    }
    expect((await failure(save('{"a": 1,\n"b": 2}', 'json'))).code).toBe('no-rows');
    expect((await failure(save(Buffer.from('\uFEFF{}', 'utf16le')))).code).toBe('bad-utf8');
    const packed = gzipSync(jsonl(Array.from({ length: 500 }, (_, i) => rowOf(i * 7919))));
    expect((await failure(save(packed.subarray(0, packed.length - 12)))).code).toBe('bad-gzip');
    expect((await failure(save(packed.subarray(0, 40)))).code).toBe('bad-gzip');
  });

  it('names a first row without a known format, and wrong options', async () => {
    const error = await failure(save(jsonl([{ question: 'q', answer: 'a' }])));
    expect(error.code).toBe('unknown-format');
    expect(error.message).toContain('columns question, answer');
    const file = save(jsonl([rowOf(0)]));
    await expect(readPairs(file, { limit: 0 })).rejects.toMatchObject({ code: 'bad-limit' });
    await expect(readPairs(file, { format: 'parquet' as 'explicit' })).rejects.toMatchObject({
      code: 'unknown-format',
    });
  });
});

describe('rows', () => {
  it('refuses by name, and counts', async () => {
    const rows = [
      rowOf(0),
      { ...rowOf(1), chosen: ' \n' },
      { ...rowOf(1), rejected: '' },
      { ...rowOf(1), prompt: '\t' },
      { ...rowOf(1), rejected: rowOf(1).chosen },
      rowOf(2),
      rowOf(0),
      { ...rowOf(1), chosen: 7 },
      { prompt: 'p', chosen: 'c' },
      'text',
      { prompt: rowOf(0).prompt, chosen: rowOf(0).rejected, rejected: rowOf(0).chosen },
    ];
    const { pairs, refused, read } = await readPairs(save(jsonl(rows)));
    expect(pairs.map((pair) => pair.row)).toEqual([0, 5, 10]);
    expect(pairs.length + refused.length).toBe(read);
    expect(refusedBy(refused)).toEqual({
      'empty-chosen': 1,
      'empty-rejected': 1,
      'empty-prompt': 1,
      'identical-sides': 1,
      duplicate: 1,
      'bad-row': 3,
    });
    expect(refused.find((row) => row.cause === 'duplicate')).toMatchObject({
      row: 6,
      id: pairs[0]?.id,
      message: 'the same three texts stand in row 0',
    });
    expect(refused.find((row) => row.row === 7)?.message).toBe(
      'column chosen: need text, as the other side, got 7',
    );
    expect(refused.find((row) => row.row === 8)?.message).toContain('column rejected');
    expect(refused.find((row) => row.row === 8)?.message).toContain('the column is missing');
  });

  it('keeps other columns as meta, also dangerous names', async () => {
    const line = '{"prompt":"p","chosen":"c","rejected":"r","score":0.5,"id":"x","__proto__":{"a":1}}';
    const [pair] = (await readPairs(save(line))).pairs;
    expect(Object.entries(pair?.meta ?? {})).toEqual([
      ['score', 0.5],
      ['id', 'x'],
      ['__proto__', { a: 1 }],
    ]);
  });

  it('never throws anything but a WinnowError, whatever the rows hold', async () => {
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'system', ''),
      content: fc.string(),
    });
    const cell = fc.oneof(fc.string(), fc.array(message, { maxLength: 4 }), message, fc.jsonValue());
    const row = fc.oneof(
      fc.record({ prompt: cell, chosen: cell, rejected: cell }, { requiredKeys: [] }),
      fc.record({ conversations: cell, system: cell, chosen: cell, rejected: cell }, { requiredKeys: [] }),
      // A first row that is an array would make the file a JSON array.
      fc.jsonValue().filter((value) => !Array.isArray(value)),
    );
    const format = fc.constantFrom('auto', 'explicit', 'implicit', 'hh-rlhf', 'sharegpt');
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), format, async (rows, wanted) => {
        const file = save(jsonl(rows));
        try {
          const set = await readPairs(file, { format: wanted as 'auto' });
          expect(set.read).toBe(rows.length);
          expect(set.pairs.length + set.refused.length).toBe(set.read);
        } catch (error) {
          expect(error).toBeInstanceOf(WinnowError);
        }
      }),
      { numRuns: 150, seed: 1 },
    );
  });
});
