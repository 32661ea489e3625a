import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import {
  openSafetensors,
  readTensorF32,
  readTensorRaw,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts';

let dir: string;
beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-safetensors-')));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A file of a header as given and `bytes` bytes of data. */
function fileOf(header: string | object, bytes: number): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = join(dir, 'made.safetensors');
  writeFileSync(file, Buffer.concat([length, text, Buffer.alloc(bytes)]));
  return file;
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

const info = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('openSafetensors', () => {
  it('gives absolute offsets, in the order of the bytes, and the real path', () => {
    const file = fileOf(
      { b: info(8, 12), a: info(0, 8, [2, 1]), none: info(8, 8, [0, 5]), __metadata__: { format: 'pt' } },
      12,
    );
    const link = join(dir, 'link.safetensors');
    symlinkSync(file, link);
    const opened = openSafetensors(link);
    const begin = readFileSync(file).length - 12;
    expect(opened.file).toBe(file);
    expect(opened.metadata).toEqual({ format: 'pt' });
    expect([...opened.tensors.values()]).toEqual([
      { name: 'a', dtype: 'F32', shape: [2, 1], begin, end: begin + 8, file },
      { name: 'none', dtype: 'F32', shape: [0, 5], begin: begin + 8, end: begin + 8, file },
      { name: 'b', dtype: 'F32', shape: [1], begin: begin + 8, end: begin + 12, file },
    ]);
  });

  it.each([
    [
      'overlapping tensors',
      { a: info(0, 8), b: info(4, 12) },
      12,
      /"b" overlaps.*need "begin 8", got "begin 4"/,
    ],
    ['a hole', { a: info(0, 4), b: info(8, 12) }, 12, /"b" leaves a hole/],
    ['a hole at the beginning', { a: info(4, 8) }, 8, /"a" leaves a hole/],
    ['bytes after the last tensor', { a: info(0, 4) }, 5, /bytes after the last tensor/],
    [
      'a tensor behind the end',
      { a: info(0, 4), b: info(4, 400) },
      8,
      /"b" ends behind the end.*fetch it again/,
    ],
    ['begin behind end', { a: info(8, 4, [1]) }, 8, /begin lies behind end/],
    ['a size that is not the shape', { a: info(0, 8, [3]) }, 8, /need "F32 \[3\]: 12 bytes", got "8 bytes"/],
    ['an unknown dtype', { a: info(0, 8, [8], 'F7') }, 8, /unknown dtype.*F32.*got "F7"/],
    ['a dtype of the prototype', { a: info(0, 8, [8], 'toString') }, 8, /unknown dtype/],
    ['a shape that overflows', { a: info(0, 8, [2 ** 40, 2 ** 40]) }, 8, /beyond all bounds/],
    ['a negative size', { a: info(0, 8, [-2, -1]) }, 8, /not a list of sizes/],
    ['a fractional offset', { a: info(0.5, 4.5, [1]) }, 8, /not \[begin, end\]/],
    ['half a byte', { a: info(0, 1, [1], 'F4') }, 1, /do not fit/],
    ['an entry that is no object', { a: 1 }, 0, /its entry is not an object/],
    ['metadata that is no text', { __metadata__: { a: 1 } }, 0, /__metadata__ "a" is not a text/],
    [
      'equal names',
      '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}',
      0,
      /"a" occurs twice/,
    ],
    ['a list', '[]', 0, /does not begin with \{/],
    ['JSON that breaks off', '{"a":', 0, /not valid JSON at byte 13/],
  ])('refuses %s', (_what, header, bytes, message) => {
    const file = fileOf(header, bytes);
    const error = caught(() => openSafetensors(file));
    expect(error).toMatchObject({ kind: 'input', fields: { file } });
    expect(error.fields.remedy).toBeTruthy();
    expect(error.message).toMatch(message);
  });

  it('refuses what is no safetensors file, and says what it is', () => {
    const file = join(dir, 'x.safetensors');
    writeFileSync(file, `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 9\n`);
    expect(caught(() => openSafetensors(file))).toMatchObject({ code: 'git-lfs-pointer' });
    writeFileSync(file, 'short');
    expect(caught(() => openSafetensors(file)).message).toMatch(/need "8 bytes", got "5 bytes"/);
    writeFileSync(file, '<!DOCTYPE html><html>');
    expect(caught(() => openSafetensors(file)).message).toMatch(/header length is beyond/);
    writeFileSync(file, Buffer.from([100, 0, 0, 0, 0, 0, 0, 0, 123]));
    expect(caught(() => openSafetensors(file)).message).toMatch(/need "108 bytes", got "9 bytes"/);
    writeFileSync(file, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 123, 0xff]));
    expect(caught(() => openSafetensors(file))).toMatchObject({ code: 'bad-utf8' });
    expect(caught(() => openSafetensors(join(dir, 'none')))).toMatchObject({ code: 'file-missing' });
    expect(caught(() => openSafetensors(dir))).toMatchObject({ code: 'not-a-file' });
  });
});

const tensor: fc.Arbitrary<WritableTensor> = fc
  .tuple(
    fc.array(fc.nat(4), { maxLength: 3 }),
    fc.constantFrom('F32' as const, 'I32' as const, 'F16' as const, 'BF16' as const),
    fc.infiniteStream(fc.nat(2 ** 31 - 1)),
  )
  .map(([shape, dtype, stream]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const words = Uint32Array.from({ length: count }, () => stream.next().value as number);
    if (dtype === 'I32') return { dtype, shape, data: new Int32Array(words.buffer) };
    if (dtype === 'F32') return { dtype, shape, data: new Float32Array(words.buffer) };
    return { dtype, shape, data: Uint16Array.from(words) };
  });

describe('writeSafetensors', () => {
  const file = () => join(dir, 'written.safetensors');

  it('round-trips any tensors bit by bit; equal content gives equal bytes', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__metadata__');
    const metadata = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 6 }),
        metadata,
        (list, notes) => {
          writeSafetensors(file(), Object.fromEntries(list), notes);
          const bytes = readFileSync(file());
          const opened = openSafetensors(file());
          expect(opened.tensors.size).toBe(list.length);
          expect({ ...opened.metadata }).toEqual({ ...notes });
          for (const [key, { dtype, shape, data }] of list) {
            const entry = opened.tensors.get(key);
            expect(entry).toMatchObject({ dtype, shape });
            const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
            expect(Buffer.compare(readTensorRaw(entry!), raw)).toBe(0);
            expect(entry!.begin % (dtype === 'F32' || dtype === 'I32' ? 4 : 2)).toBe(0);
          }
          expect(bytes.readUInt32LE(0) % 8).toBe(0);
          writeSafetensors(file(), Object.fromEntries([...list].reverse()), notes);
          expect(readFileSync(file()).equals(bytes)).toBe(true);
        },
      ),
      { seed: 7 },
    );
  });

  it('has the layout of the reference implementation (golden bytes)', () => {
    writeSafetensors(
      file(),
      {
        a: { dtype: 'BF16', shape: [2], data: new Float32Array([1, -2]) },
        '7': { dtype: 'F16', shape: [], data: new Float32Array([0.5]) },
        z: { dtype: 'F32', shape: [1, 1], data: new Float32Array([1.5]) },
      },
      { format: 'pt' },
    );
    const header =
      '{"__metadata__":{"format":"pt"},"z":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},' +
      '"a":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},"7":{"dtype":"F16","shape":[],"data_offsets":[8,10]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8, ' ');
    const bytes = readFileSync(file());
    expect(bytes.readBigUInt64LE(0)).toBe(BigInt(padded.length));
    expect(bytes.subarray(8, 8 + padded.length).toString()).toBe(padded);
    expect(bytes.subarray(8 + padded.length).toString('hex')).toBe('0000c03f' + '803f00c0' + '0038');
  });

  it('refuses a value that would become an infinity, and data that do not fit', () => {
    rmSync(file(), { force: true });
    const before = readdirSync(dir);
    const one = (dtype: 'F16' | 'BF16' | 'F32', value: number, shape = [1]) =>
      writeSafetensors(file(), { w: { dtype, shape, data: new Float32Array([value]) } });
    expect(caught(() => one('F16', 1e5))).toMatchObject({
      code: 'out-of-range',
      fields: { tensor: 'w', got: 1e5 },
    });
    expect(caught(() => one('BF16', 3.4e38)).code).toBe('out-of-range');
    expect(caught(() => one('F32', 1, [2])).code).toBe('tensor-mismatch');
    expect(readdirSync(dir)).toEqual(before);
    one('F16', Infinity);
    expect([...readTensorF32(openSafetensors(file()).tensors.get('w')!)]).toEqual([Infinity]);
  });
});

describe('readTensorF32', () => {
  it('converts BF16, F16 and F64, across pieces', () => {
    const file = join(dir, 'long.safetensors');
    const n = 2 ** 20 + 3;
    const data = Float32Array.from({ length: n }, (_, i) => (i % 512) - 256);
    writeSafetensors(file, { b: { dtype: 'BF16', shape: [n], data }, h: { dtype: 'F16', shape: [n], data } });
    const { tensors } = openSafetensors(file);
    for (const name of ['b', 'h'])
      expect(Buffer.compare(bytesOf(readTensorF32(tensors.get(name)!)), bytesOf(data))).toBe(0);
    const doubles = fileOf({ d: info(0, 16, [2], 'F64') }, 0);
    writeFileSync(doubles, Buffer.from(new Float64Array([0.1, -1e-50]).buffer), { flag: 'a' });
    expect([...readTensorF32(openSafetensors(doubles).tensors.get('d')!)]).toEqual([Math.fround(0.1), -0]);
  });

  it('refuses other dtypes, F64 beyond float32, and a file that has shrunk', () => {
    const int = openSafetensors(fileOf({ i: info(0, 4, [1], 'I32') }, 4)).tensors.get('i')!;
    expect(caught(() => readTensorF32(int))).toMatchObject({
      code: 'dtype-not-float',
      fields: { tensor: 'i', got: 'I32' },
    });
    const file = fileOf({ d: info(0, 8, [1], 'F64') }, 0);
    writeFileSync(file, Buffer.from(new Float64Array([1e39]).buffer), { flag: 'a' });
    const entry = openSafetensors(file).tensors.get('d')!;
    expect(caught(() => readTensorF32(entry)).code).toBe('out-of-range');
    truncateSync(file, entry.end - 1);
    expect(caught(() => readTensorRaw(entry)).code).toBe('safetensors-truncated');
    expect(caught(() => readTensorF32(entry)).code).toBe('safetensors-truncated');
  });
});

const STORIES = new URL('../../../shared/data/stories260K/hf/model.safetensors', import.meta.url).pathname;

describe.skipIf(!existsSync(STORIES))('stories260K (needs ../shared/data)', () => {
  it('opens and writes back the same bytes of every tensor', () => {
    const opened = openSafetensors(STORIES);
    expect(opened.tensors.size).toBe(47);
    const tensors: Record<string, WritableTensor> = {};
    for (const [name, entry] of opened.tensors)
      tensors[name] = { dtype: 'F32', shape: entry.shape, data: readTensorF32(entry) };
    const copy = join(dir, 'copy.safetensors');
    writeSafetensors(copy, tensors, opened.metadata);
    expect(readFileSync(copy).equals(readFileSync(STORIES))).toBe(true);
  });
});

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
