import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText, oddValue, readOrRefused, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { initCheckpoint, llamaConfig, openCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { DTYPE_BITS } from './dtype.ts';
import { openSafetensors, readTensorF32, readTensorRaw, writeSafetensors } from './safetensors.ts';

let dir: string;
let good: Buffer;
beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-safetensors-fuzz-')));
  const file = join(dir, 'good.safetensors');
  writeSafetensors(file, {
    'a.weight': { dtype: 'F32', shape: [2, 3], data: Float32Array.from({ length: 6 }, (_, i) => i) },
    b: { dtype: 'BF16', shape: [4], data: new Float32Array(4).fill(1) },
  });
  good = readFileSync(file);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Refuses the bytes, or gives tensors that lie in the file side by side and are read as they lie there. */
function holds(bytes: Uint8Array): void {
  const file = join(dir, 'fuzzed.safetensors');
  writeFileSync(file, bytes);
  const opened = readOrRefused(file, () => openSafetensors(file));
  if (opened === null) return;
  let at = 8 + Number(Buffer.from(bytes).readBigUInt64LE(0));
  for (const [name, entry] of opened.tensors) {
    expect(entry).toMatchObject({ name, begin: at, file });
    expect(entry.end).toBeGreaterThanOrEqual(entry.begin);
    expect(entry.shape.every((size) => Number.isSafeInteger(size) && size >= 0)).toBe(true);
    const count = entry.shape.reduce((a, b) => a * b, 1);
    expect(8 * (entry.end - entry.begin)).toBe(count * DTYPE_BITS[entry.dtype]);
    expect(Buffer.compare(readTensorRaw(entry), bytes.subarray(entry.begin, entry.end))).toBe(0);
    const numbers = readOrRefused(file, () => readTensorF32(entry));
    if (numbers !== null) expect(numbers.length).toBe(count);
    at = entry.end;
  }
  expect(at).toBe(bytes.length);
}

function fileOf(header: string, data: number, length = BigInt(Buffer.byteLength(header))): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length);
  return Buffer.concat([prefix, Buffer.from(header), Buffer.alloc(data)]);
}

describe('openSafetensors, whatever the file holds', () => {
  it('any bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const prefixed = fc.tuple(bytes, fc.nat(40)).map(([rest, length]) => {
      const file = Buffer.concat([Buffer.alloc(8), rest]);
      file.writeBigUInt64LE(BigInt(length));
      return file;
    });
    fc.assert(fc.property(fc.oneof(bytes, prefixed), holds), seeded(100));
  });

  it('a good file with bytes changed, and cut anywhere', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[],:"0129-e.\\ '))),
    );
    const damaged = fc.tuple(
      fc.array(change, { maxLength: 6 }),
      fc.option(fc.nat()),
      fc.uint8Array({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(damaged, ([changes, cut, more]) => {
        const bytes = Buffer.concat([good, more]);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        holds(cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1)));
      }),
      seeded(250),
    );
  });

  it('a header length that is anything', () => {
    const length = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 400n }));
    const before = process.resourceUsage().maxRSS;
    fc.assert(
      fc.property(length, (claimed) => {
        const bytes = Buffer.from(good);
        bytes.writeBigUInt64LE(claimed);
        holds(bytes);
      }),
      seeded(60),
    );
    // A header's length up to 100 MB is allowed, and makes no memory of itself.
    for (let i = 0; i < 5; i++) holds(fileOf('{}', 0, 100_000_000n));
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(100_000); // kB
  });

  it('a header whose parts are anything', () => {
    const header = {
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
      none: { dtype: 'U8', shape: [0, 9], data_offsets: [32, 32] },
    };
    fc.assert(
      fc.property(replacedWithin(header, oddValue), (value) => holds(fileOf(jsonText(value), 32))),
      seeded(250),
    );
  });

  it('tensors anywhere: overlaps, holes, sizes that do not fit, and those that do', () => {
    const number = fc.oneof(
      fc.nat(40),
      fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53, 1e300, Infinity),
    );
    const tensor = fc.record({
      dtype: fc.oneof(fc.constantFrom<string>(...Object.keys(DTYPE_BITS)), fc.string()),
      shape: fc.array(number, { maxLength: 3 }),
      data_offsets: fc.oneof(fc.tuple(number, number), fc.array(number, { maxLength: 3 })),
    });
    const names = fc.constantFrom('a', 'b', '__proto__', 'constructor', '', '../a', '\u0000');
    const list = fc.array(fc.tuple(names, tensor), { maxLength: 4 });
    fc.assert(
      fc.property(list, fc.nat(80), (tensors, data) => {
        // Written by hand: names may come twice.
        const entries = tensors.map(([name, info]) => `${JSON.stringify(name)}:${jsonText(info)}`);
        holds(fileOf(`{${entries.join()}}`, data));
      }),
      seeded(250),
    );
    const sizes = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 5 });
    fc.assert(
      fc.property(sizes, fc.boolean(), (shapes, swapped) => {
        let at = 0;
        const entries = shapes.map(([rows, columns], i) => {
          const begin = at;
          at += 2 * rows * columns;
          return [`t${i}`, { dtype: 'F16', shape: [rows, columns], data_offsets: [begin, at] }] as const;
        });
        const bytes = fileOf(jsonText(Object.fromEntries(swapped ? entries.reverse() : entries)), at);
        writeFileSync(join(dir, 'fits.safetensors'), bytes);
        expect(openSafetensors(join(dir, 'fits.safetensors')).tensors.size).toBe(shapes.length);
        holds(bytes);
      }),
      seeded(40),
    );
  });

  it('JSON that no stack and no matcher can go through', () => {
    for (const inner of ['[', '{"a":']) {
      const close = inner === '[' ? ']' : '}';
      const deep = `${inner.repeat(50_000)}1${close.repeat(50_000)}`;
      holds(fileOf(`{"a":${deep}}`, 0));
      holds(fileOf(`{"a":{"dtype":${deep},"shape":${deep},"data_offsets":${deep}}}`, 0));
    }
    holds(fileOf(`{"__metadata__":{"a":"${'\\n'.repeat(15_000_000)}"}}`, 0));
  });
});

describe('a sharded model, whatever its index says', () => {
  it('opens with tensors of its own folder, or is refused', () => {
    const outside = join(dir, 'outside');
    const folder = join(dir, 'sharded');
    const config = llamaConfig({
      ...{ hiddenSize: 8, intermediateSize: 8, layers: 1, heads: 2, kvHeads: 1, headDim: 4, vocabSize: 5 },
      ...{ maxPositions: 8, rmsNormEps: 1e-5, ropeTheta: 1e4, tieWordEmbeddings: true },
      ...{ bosTokenId: null, eosTokenIds: [2] },
    });
    const weights = initCheckpoint(config, 1);
    writeCheckpoint(outside, config, weights);
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.json'), readFileSync(join(outside, 'config.json')));
    // Each shard has half of the tensors, and one is in both.
    const tensors = [...weights].map(
      ([name, weight]) => [name, { dtype: 'F32' as const, ...weight }] as const,
    );
    const parts = { one: tensors.slice(0, 7), two: tensors.slice(6) };
    for (const [name, part] of Object.entries(parts))
      writeSafetensors(join(folder, `${name}.safetensors`), Object.fromEntries(part));
    const names = tensors.map(([name], i) => [name, i < 7 ? 'one.safetensors' : 'two.safetensors'] as const);
    const index = { metadata: { total_size: 1 }, weight_map: Object.fromEntries(names) };
    const shard = fc.constantFrom<unknown>(
      ...['one.safetensors', 'two.safetensors', 'three.safetensors', '.', '..', '/', '\u0000', 'config.json'],
      ...['../outside/model.safetensors', join(outside, 'model.safetensors'), 'model.safetensors.index.json'],
      ...['./one.safetensors', '..\\outside\\model.safetensors', 'x'.repeat(5000)],
    );
    const open = (text: string) => {
      writeFileSync(join(folder, 'model.safetensors.index.json'), text);
      const opened = readOrRefused(folder, () => openCheckpoint(folder));
      for (const { file, begin, end } of opened?.weights.values() ?? []) {
        expect([join(folder, 'one.safetensors'), join(folder, 'two.safetensors')]).toContain(file);
        expect(end).toBeLessThanOrEqual(readFileSync(file).length);
        expect(begin).toBeLessThanOrEqual(end);
      }
      return opened;
    };
    expect(open(jsonText(index))).not.toBeNull();
    fc.assert(
      fc.property(replacedWithin(index, fc.oneof(shard, oddValue)), (value) => {
        open(jsonText(value));
      }),
      seeded(60),
    );
    const bytes = fc.uint8Array({ maxLength: 30 }).map((some) => Buffer.from(some).toString('latin1'));
    fc.assert(
      fc.property(fc.oneof(bytes, fc.json()), (text) => void open(text)),
      seeded(30),
    );
  });
});
