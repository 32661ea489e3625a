import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { seeded } from './fuzz.fixture.ts';
import { type JsonItem, readJsonItems } from './json-items.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-json-items-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(content: string | Uint8Array): string {
  const file = join(folder, `${files++}`);
  writeFileSync(file, content);
  return file;
}

async function itemsOf(content: string | Uint8Array): Promise<JsonItem[]> {
  const items: JsonItem[] = [];
  for await (const item of readJsonItems(fileOf(content))) items.push(item);
  return items;
}

const values = async (content: string | Uint8Array) => (await itemsOf(content)).map(({ value }) => value);

describe('readJsonItems', () => {
  test('gives the values of any array, however it is laid out, and of its lines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 6 }),
        fc.constantFrom(undefined, 1, '\t'),
        fc.boolean(),
        async (list, indent, zipped) => {
          const packed = (text: string) => (zipped ? gzipSync(text) : text);
          const plain: unknown = JSON.parse(JSON.stringify(list));
          expect(await values(packed(JSON.stringify(list, null, indent)))).toEqual(plain);
          // A line that is an array cannot be told from an array over lines: the first line decides.
          const lines = ['{}', ...list.map((value) => JSON.stringify(value))].join('\n');
          expect(await values(packed(lines))).toEqual([{}, ...(plain as unknown[])]);
        },
      ),
      seeded(60),
    );
  });

  test('finds the end of a value across pieces of the file', async () => {
    // Larger than any piece that a stream reads at once; brackets, quotes and escapes inside of strings.
    const list = Array.from({ length: 3000 }, (_, i) => ({ i, text: `]},"\\${'é'.repeat(i % 700)}\\"` }));
    expect(await values(JSON.stringify(list))).toEqual(list);
    expect(await values(gzipSync(JSON.stringify(list)))).toEqual(list);
  });

  test('says row, line and container', async () => {
    expect(await itemsOf('\uFEFF\n[ 1,\n\n {"a":\n2} ]\n')).toEqual([
      { container: 'array', row: 0, line: 2, value: 1 },
      { container: 'array', row: 1, line: 4, value: { a: 2 } },
    ]);
    expect(await itemsOf('\n{"a":1}\n\n{"a":2}\n')).toEqual([
      { container: 'lines', row: 0, line: 2, value: { a: 1 } },
      { container: 'lines', row: 1, line: 4, value: { a: 2 } },
    ]);
  });

  test('an empty array and an empty file hold nothing', async () => {
    expect(await values('[]')).toEqual([]);
    expect(await values(' [ \n ] ')).toEqual([]);
    expect(await values('')).toEqual([]);
  });

  test.each([
    ['[1, 2', /line 1: the JSON array ends too early/],
    ['[{"a": 1', /ends too early/],
    ['[1,, 2]', /a value is missing/],
    ['[1, 2,\n]', /line 2: a value is missing/],
    ['[,]', /a value is missing/],
    ['[1]\n x', /line 2: text after the end/],
    ['[\n1 2]', /line 2: this is not valid JSON/],
    ['[\n1,\nnope]', /line 3: this is not valid JSON/],
    ['[{]}]', /not valid JSON|too early|after the end/],
    ['{"a": 1}\n{"a":', /line 2/],
  ])('%s is refused with its place', async (content, message) => {
    await expect(itemsOf(content)).rejects.toMatchObject({
      kind: 'input',
      message: expect.stringMatching(message),
    });
  });

  test('a damaged gzip, bytes that are not UTF-8 and a missing file are input errors', async () => {
    const zipped = gzipSync(JSON.stringify(Array.from({ length: 1000 }, (_, i) => i)));
    await expect(itemsOf(zipped.subarray(0, 300))).rejects.toMatchObject({ code: 'bad-gzip' });
    await expect(itemsOf(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]))).rejects.toMatchObject({
      code: 'bad-utf8',
    });
    await expect(readJsonItems(join(folder, 'none')).next()).rejects.toMatchObject({
      code: 'file-missing',
    });
  });

  test('whatever the bytes, it gives values or an input error', async () => {
    const bytes = fc
      .array(fc.constantFrom(...'[]{},:"\\ \n1a-.e'), { maxLength: 24 })
      .map((list) => `[${list.join('')}`);
    await fc.assert(
      fc.asyncProperty(bytes, async (text) => {
        let whole: unknown;
        try {
          whole = JSON.parse(text);
        } catch {
          whole = undefined;
        }
        const outcome = await values(text).catch((error: { kind?: string }) => error.kind);
        expect(outcome).toEqual(whole ?? 'input');
      }),
      seeded(400),
    );
  });
});
