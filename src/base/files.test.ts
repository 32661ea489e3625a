import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WinnowError } from './errors.ts';
import { createExclusive, type FileCalls, writeFileAtomic } from './files.ts';
import { parseJson, readJson, readJsonLines, scanJson, writeJson, writeJsonLines } from './json.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'winnow-files-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const path = (name: string) => join(dir, name);

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function calls(changed: Partial<FileCalls>): FileCalls {
  const unused = () => {
    throw new Error('not expected in this test');
  };
  return {
    write: (fd, bytes, at, n) => writeSync(fd, bytes, at, n),
    sync: () => {},
    rename: unused,
    link: linkSync,
    ...changed,
  };
}

function caught(action: () => unknown): WinnowError {
  try {
    action();
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function collect(file: string): Promise<{ line: number; value: unknown }[]> {
  const rows: { line: number; value: unknown }[] = [];
  for await (const row of readJsonLines(file)) rows.push(row);
  return rows;
}

describe('writeFileAtomic', () => {
  it('replaces a file and leaves nothing else', () => {
    writeFileSync(path('a'), 'old');
    writeFileAtomic(path('a'), 'new 日本');
    expect(readFileSync(path('a'), 'utf8')).toBe('new 日本');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('writes everything when the system writes a few bytes at a time', () => {
    let renamed = '';
    const slow = calls({
      write: (fd, bytes, at, n) => writeSync(fd, bytes, at, Math.min(n, 3)),
      rename: (from) => {
        renamed = readFileSync(from, 'utf8');
      },
    });
    writeFileAtomic(path('a'), 'ten bytes!', slow);
    expect(renamed).toBe('ten bytes!');
  });

  it.each([
    ['write', 'ENOSPC', 'disk-full'],
    ['write', 'EDQUOT', 'disk-full'],
    ['sync', 'ENOSPC', 'disk-full'],
    ['sync', 'EIO', 'cannot-write'],
    ['rename', 'EACCES', 'cannot-write'],
    ['rename', 'EROFS', 'cannot-write'],
  ] as const)('keeps the old file when %s fails with %s', (call, code, expected) => {
    writeFileSync(path('a'), 'old');
    const fail = () => {
      throw failure(code);
    };
    const error = caught(() => writeFileAtomic(path('a'), 'new', calls({ [call]: fail })));
    expect(error).toMatchObject({ kind: 'machine', code: expected, fields: { file: path('a') } });
    expect(error.fields.remedy).toBeTruthy();
    expect(readFileSync(path('a'), 'utf8')).toBe('old');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it.skipIf(!existsSync('/dev/full'))("maps the kernel's own ENOSPC (needs /dev/full)", () => {
    const full = openSync('/dev/full', 'w');
    const error = caught(() =>
      writeFileAtomic(path('a'), 'x', calls({ write: (_fd, bytes, at, n) => writeSync(full, bytes, at, n) })),
    );
    expect(error.code).toBe('disk-full');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('says to create a folder that is missing', () => {
    const error = caught(() => writeFileAtomic(path('no/such/file'), 'x'));
    expect(error).toMatchObject({ code: 'cannot-write', fields: { got: 'ENOENT' } });
    expect(error.message).toContain('Create the folder');
  });
});

describe('createExclusive', () => {
  it('has one winner and leaves its content alone', () => {
    expect(createExclusive(path('DONE'), 'first')).toBe(true);
    expect(createExclusive(path('DONE'), 'second')).toBe(false);
    expect(readFileSync(path('DONE'), 'utf8')).toBe('first');
    expect(readdirSync(dir)).toEqual(['DONE']);
  });

  it('works, with one winner, where hard links are not supported', () => {
    const noLinks = calls({
      link: () => {
        throw failure('EPERM');
      },
    });
    expect(createExclusive(path('DONE'), 'first', noLinks)).toBe(true);
    expect(createExclusive(path('DONE'), 'second', noLinks)).toBe(false);
    expect(readFileSync(path('DONE'), 'utf8')).toBe('first');
    expect(readdirSync(dir)).toEqual(['DONE']);
  });

  it('believes the link count when a network file system lost the answer', () => {
    const lossy = calls({
      link: (from, to) => {
        linkSync(from, to);
        throw failure('EEXIST');
      },
    });
    expect(createExclusive(path('DONE'), 'x', lossy)).toBe(true);
  });

  it('creates nothing when the disk is full', () => {
    const full = calls({
      write: () => {
        throw failure('ENOSPC');
      },
    });
    expect(caught(() => createExclusive(path('DONE'), 'x', full)).code).toBe('disk-full');
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('readJson and writeJson', () => {
  it('round-trips', () => {
    writeJson(path('a.json'), { b: [1, null, 'x'] });
    expect(readJson(path('a.json'))).toEqual({ b: [1, null, 'x'] });
    expect(readFileSync(path('a.json'), 'utf8').endsWith('}\n')).toBe(true);
  });

  it('names line and column of a fault', () => {
    writeFileSync(path('a.json'), '{\n  "a": 1,\n  "b": oops\n}');
    const error = caught(() => readJson(path('a.json')));
    expect(error).toMatchObject({ kind: 'input', code: 'bad-json', fields: { line: 3, column: 8 } });
    expect(error.message).toContain('oops');
  });

  it('says when the file ends too early, is missing, or is not UTF-8', () => {
    writeFileSync(path('a.json'), '{"a": [1, 2');
    expect(caught(() => readJson(path('a.json'))).message).toContain('ends too early');
    expect(caught(() => readJson(path('b.json'))).code).toBe('file-missing');
    writeFileSync(path('c.json'), Buffer.from([0x22, 0xff, 0x22]));
    expect(caught(() => readJson(path('c.json'))).code).toBe('bad-utf8');
  });

  it('refuses JSON that nests deeper than what handles it can go, and counts no bracket in a text', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const deep = () => parseJson(nested(100_000), 'deep.json');
    expect(deep).toThrow(/^deep\.json: the JSON nests too deep \(need .*500 levels.*got "100000 levels"/);
    expect(() => parseJson(`{"a":${'[{"b":'.repeat(300)}1${'}]'.repeat(300)}}`, 'x')).toThrow(/601 levels/);
    expect(parseJson(nested(500), 'x')).toHaveLength(1);
    const text = `\\"${'[{'.repeat(1000)}`;
    expect(parseJson(JSON.stringify([text]), 'x')).toEqual([text]);
  });

  it('finds a fault behind a text of any length', () => {
    const long = `{"a": "${'x\\n'.repeat(5_000_000)}", }`;
    expect(() => parseJson(long, 'long.json')).toThrow(
      /long\.json, line 1: .*not valid JSON, column 15000011/,
    );
  });

  it('refuses NaN, also deep inside, and keeps the old file', () => {
    writeJson(path('a.json'), 1);
    const error = caught(() => writeJson(path('a.json'), { x: [{ loss: Number.NaN }] }));
    expect(error).toMatchObject({ code: 'not-finite', fields: { got: 'NaN' } });
    expect(readJson(path('a.json'))).toBe(1);
  });
});

describe('scanJson', () => {
  it('accepts what JSON.parse accepts', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, 2), (text, indent) => {
        expect(scanJson(JSON.stringify(JSON.parse(text), undefined, indent))).toBeUndefined();
      }),
    );
  });

  it('refuses what JSON.parse refuses', () => {
    const text = fc.array(
      fc.constantFrom(...'{}[]:,"\\ue1.-+0 \ntfn'.split(''), 'true', '"a"', '"a":1', '\u0001'),
    );
    fc.assert(
      fc.property(text, (parts) => {
        let valid = true;
        try {
          JSON.parse(parts.join(''));
        } catch {
          valid = false;
        }
        expect(scanJson(parts.join('')) === undefined).toBe(valid);
      }),
      { numRuns: 3000 },
    );
  });

  it('tells every key and its depth', () => {
    const keys: [string, number][] = [];
    scanJson('{"a": {"b": [ {"c": 1} ]}, "a": 2}', (key, depth) => keys.push([key, depth]));
    expect(keys).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 4],
      ['a', 1],
    ]);
  });
});

describe('readJsonLines and writeJsonLines', () => {
  it('round-trips any rows in order, plain and gzipped', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({
      i,
      text: `行 ${i} \n "quoted" ${'x'.repeat(i % 300)}`,
    }));
    expect(writeJsonLines(path('a.jsonl'), rows)).toBe(5000);
    const bytes = readFileSync(path('a.jsonl'));
    expect(bytes.length).toBeGreaterThan(2 ** 19);
    writeFileSync(path('b.jsonl'), gzipSync(bytes)); // by its bytes, not its name
    for (const name of ['a.jsonl', 'b.jsonl']) {
      const back = await collect(path(name));
      expect(back.map((row) => row.value)).toEqual(rows);
      expect(back.at(-1)?.line).toBe(5000);
    }
  });

  it('skips blank lines, counts them, and takes BOM, CRLF and a missing last newline', async () => {
    writeFileSync(path('a.jsonl'), '\uFEFF{"a":1}\r\n\r\n   \n[2]');
    expect(await collect(path('a.jsonl'))).toEqual([
      { line: 1, value: { a: 1 } },
      { line: 4, value: [2] },
    ]);
    writeFileSync(path('empty.jsonl'), '');
    expect(await collect(path('empty.jsonl'))).toEqual([]);
  });

  it('names the line of a fault and shows it', async () => {
    writeFileSync(path('a.jsonl'), '{"a":1}\n{"a":1,}\n');
    await expect(collect(path('a.jsonl'))).rejects.toMatchObject({
      code: 'bad-json-line',
      fields: { file: path('a.jsonl'), line: 2, column: 8, got: '{"a":1,}' },
    });
    writeFileSync(path('b.jsonl'), Buffer.from([0x31, 0x0a, 0x22, 0xc3, 0x22, 0x0a]));
    await expect(collect(path('b.jsonl'))).rejects.toMatchObject({ code: 'bad-utf8', fields: { line: 2 } });
  });

  it('reports a gzip file that was cut short, a missing file and a folder', async () => {
    const zipped = gzipSync(Buffer.from('{"a":1}\n'.repeat(1000)));
    writeFileSync(path('a.gz'), zipped.subarray(0, zipped.length - 12));
    await expect(collect(path('a.gz'))).rejects.toMatchObject({ code: 'bad-gzip' });
    await expect(collect(path('none'))).rejects.toMatchObject({ code: 'file-missing' });
    mkdirSync(path('folder'));
    await expect(collect(path('folder'))).rejects.toMatchObject({ code: 'cannot-read' });
  });

  it('lets a reader stop early', async () => {
    writeJsonLines(
      path('a.jsonl'),
      Array.from({ length: 100000 }, (_, i) => i),
    );
    writeFileSync(path('a.gz'), gzipSync(readFileSync(path('a.jsonl'))));
    for (const name of ['a.jsonl', 'a.gz']) {
      for await (const { line } of readJsonLines(path(name))) if (line === 3) break;
    }
  });

  it('refuses a row that JSON cannot hold, names it, and writes nothing', () => {
    const error = caught(() =>
      writeJsonLines(path('a.jsonl'), [{ x: null }, { x: Number.NEGATIVE_INFINITY }]),
    );
    expect(error).toMatchObject({ code: 'not-finite', fields: { row: 1, got: '-Infinity' } });
    expect(caught(() => writeJsonLines(path('a.jsonl'), [undefined])).code).toBe('not-json');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('passes on what the source of the rows throws, and writes nothing', () => {
    function* rows() {
      yield 1;
      throw new Error('source failed');
    }
    expect(() => writeJsonLines(path('a.jsonl'), rows())).toThrow('source failed');
    expect(readdirSync(dir)).toEqual([]);
  });
});
