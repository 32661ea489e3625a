import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { multiply } from './elementwise.ts';
import { integersAreExact, type Precision } from './integer-products.ts';
import { linear } from './matmul.ts';
import type { FileTensor } from './onnx.ts';
import { compile } from './program.ts';
import { difference } from './self-check.ts';
import { input, type Value } from './value.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-integers-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const random = new Random(3, 'integers');
const allocate = (length: number) => new Float32Array(length);

/** A weight [out, in] in a file, whose channels differ in size a hundredfold. */
function stored(out: number, width: number, dtype: 'F32' | 'BF16' = 'F32'): [Value, FileTensor] {
  const data = Float32Array.from(
    { length: out * width },
    (_, i) => 10 ** -(Math.floor(i / width) % 3) * random.normal(),
  );
  const words = new Uint32Array(data.buffer);
  const bytes =
    dtype === 'F32'
      ? new Uint8Array(data.buffer)
      : new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
  const location = `${dtype}-${out}-${width}.bin`;
  writeFileSync(join(folder, location), bytes);
  const tensor = { dtype, shape: [out, width], location, offset: 0, length: bytes.length } as const;
  return [input('weight', [out, width]), tensor];
}

/** x·Wᵀ and its square, computed with a precision. */
async function products(x: Float32Array, [weight, tensor]: [Value, FileTensor], precision: Precision) {
  const width = tensor.shape[1] as number;
  const given = input('x', ['B', 'T', width]);
  // Twice from one x: its rows are rounded once.
  const y = linear(given, weight);
  const square = multiply(y, linear(given, weight));
  const program = await compile(
    { inputs: { x: given }, outputs: { y, square }, files: new Map([[weight, tensor]]) },
    { threads: 1, folder, precision },
  );
  const fed = { x: { data: x, shape: [1, x.length / width, width] } };
  const results = await program.run<'y' | 'square'>(fed, allocate);
  await program.dispose();
  return results;
}

const exactHere = await integersAreExact();

it.skipIf(exactHere)('a processor that overflows is refused', async () => {
  const refused = products(new Float32Array(8).fill(1), stored(4, 8), 'int8');
  await expect(refused).rejects.toMatchObject({ kind: 'machine', code: 'integers-overflow' });
});

describe.skipIf(!exactHere)('products of integers (need VNNI or AMX)', () => {
  const [rows, width, out] = [7, 48, 40];
  const normal = (length: number) => Float32Array.from({ length }, () => random.normal());
  const x = normal(rows * width);
  // Rows of very different sizes, and one of zeros.
  for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) * 10 ** ((Math.floor(i / width) % 5) - 2);
  x.fill(0, 0, width);

  it.each([
    ['int16', 'F32', 3e-4],
    ['int16', 'BF16', 3e-4],
    ['int8', 'F32', 2e-2],
  ] as const)(
    '%s, weight in %s: within %f of each row’s largest number',
    async (precision, dtype, tolerance) => {
      const weight = stored(out, width, dtype);
      const exact = await products(x, weight, 'f32');
      const found = await products(x, weight, precision);
      for (let row = 0; row < rows; row++) {
        const part = (data: Float32Array) => data.subarray(row * out, (row + 1) * out);
        expect(difference(part(found.y.data), part(exact.y.data))).toBeLessThan(tolerance);
      }
      expect(found.y.shape).toEqual([1, rows, out]);
      expect([...found.y.data.subarray(0, out)]).toEqual(new Array(out).fill(0));
      expect(difference(found.square.data, exact.square.data)).toBeLessThan(2 * tolerance);
      // It is computed otherwise indeed.
      expect(found.y.data).not.toEqual(exact.y.data);
    },
  );

  it('are as exact for small channels as for large ones', async () => {
    const weight = stored(out, width);
    const exact = await products(x, weight, 'f32');
    const found = await products(x, weight, 'int16');
    for (let channel = 0; channel < out; channel++) {
      const of = (data: Float32Array) =>
        data.filter((_, i) => i % out === channel && i >= 4 * out && i < 5 * out);
      const [a, b] = [of(found.y.data), of(exact.y.data)] as [Float32Array, Float32Array];
      expect(difference(a, b)).toBeLessThan(5e-3);
    }
  });

  it('leave sums alone that an int32 might not hold', async () => {
    const long = 70_000;
    const weight = stored(2, long);
    const row = normal(long);
    const exact = await products(row, weight, 'f32');
    const found = await products(row, weight, 'int16');
    // Float32's own rounding, in another order of summation; integers of 16 bits are further away.
    expect(difference(found.y.data, exact.y.data)).toBeLessThan(1e-5);
  });
});
