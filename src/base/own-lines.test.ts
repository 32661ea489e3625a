import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseLines } from './own-lines.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-own-lines-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What is read from a file with this content, in pieces of so many bytes. */
function read(content: string, pieceBytes?: number): unknown[] {
  const file = join(dir, 'lines.jsonl');
  writeFileSync(file, content);
  return [...parseLines(file, pieceBytes)];
}

describe('parseLines', () => {
  it('reads no row of an empty file, and none of blank lines', () => {
    expect(read('')).toEqual([]);
    expect(read('\n\n1\n\n')).toEqual([1]);
  });

  it('reads a last line without a line break', () => {
    expect(read('1\n{"a":2}')).toEqual([1, { a: 2 }]);
    expect(read('12', 1)).toEqual([12]);
  });

  it('joins lines and characters that lie across pieces, wherever these are cut', () => {
    const rows = ['é', '山田🙂', { text: 'a\nb\u2028c', n: [1, 2, 3] }, 'x'.repeat(50), '', 7];
    const content = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    for (let bytes = 1; bytes <= Buffer.byteLength(content) + 1; bytes++)
      expect(read(content, bytes)).toEqual(rows);
  });

  it('reads any rows as one text split at its line breaks gives them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 20 }),
        fc.integer({ min: 1, max: 64 }),
        (rows, bytes) => {
          const content = rows.map((row) => JSON.stringify(row)).join('\n');
          const whole = content.split('\n').filter((line) => line !== '');
          expect(read(content, bytes)).toEqual(whole.map((line) => JSON.parse(line) as unknown));
        },
      ),
      { numRuns: 100, seed: 3 },
    );
  });

  it('reads only as far as it is asked, and can be left', () => {
    const file = join(dir, 'fault.jsonl');
    writeFileSync(file, '1\n2\nno JSON\n');
    for (const row of parseLines<number>(file)) if (row === 2) break;
    expect(() => [...parseLines(file)]).toThrow(SyntaxError);
  });
});
