import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { add, exponential, multiply, scale, sigmoid } from './elementwise.ts';
import { gatherRows } from './gather.ts';
import { gradients } from './gradients.ts';
import { linear } from './matmul.ts';
import { rmsNorm } from './neural.ts';
import { toOnnx } from './onnx.ts';
import { compile, compileModes, type HostTensor, type Program } from './program.ts';
import { constant, input, type Value } from './value.ts';

const programs: Program[] = [];
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-onnx-')));
afterAll(async () => {
  for (const program of programs) await program.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const vector = (...data: number[]): HostTensor => ({ data: Float32Array.from(data), shape: [data.length] });
const allocate = (length: number) => new Float32Array(length);

/** Compiles, runs once, and gives the outputs as plain numbers. */
async function run(
  spec: Parameters<typeof compile>[0],
  feeds: Record<string, HostTensor>,
): Promise<Record<string, number[]>> {
  const program = await compile(spec, { threads: 1, folder });
  programs.push(program);
  const results = await program.run(feeds, allocate);
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data]]));
}

describe('cutting the graph', () => {
  const x = input('x', ['N']);
  const y = exponential(x);
  const z = multiply(y, add(y, constant(1)));

  it('a fed value takes the place of what makes it: x is not needed, and what is fed is used', async () => {
    // Not the exponential of any x that is fed: the result can only come from the cut.
    expect(await run({ inputs: { y }, outputs: { z } }, { y: vector(-2, 3) })).toEqual({ z: [2, 12] });
  });

  it('what lies beside the cut is computed as before', async () => {
    const out = add(y, sigmoid(x));
    const { out: got } = await run({ inputs: { x, y }, outputs: { out } }, { x: vector(0), y: vector(100) });
    expect(got).toEqual([100.5]);
  });

  it('a backward pass from saved values is the backward pass, without its input', async () => {
    const cotangent = input('cotangent', ['N']);
    const [dx] = gradients([{ value: z, cotangent }], [x]) as [Value];
    const g = vector(1, -0.5);
    // z = e^{2x} + e^x, so dz/dx = 2e^{2x} + e^x.
    const exact = [0.25, -1].map((v, i) => (2 * Math.exp(2 * v) + Math.exp(v)) * (g.data[i] as number));
    const whole = await run(
      { inputs: { x, cotangent }, outputs: { dx } },
      { x: vector(0.25, -1), cotangent: g },
    );
    const { y: saved } = await run({ inputs: { x }, outputs: { y } }, { x: vector(0.25, -1) });
    const cut = await run(
      { inputs: { y, cotangent }, outputs: { dx } },
      { y: vector(...(saved as number[])), cotangent: g },
    );
    expect(cut).toEqual(whole);
    exact.forEach((value, i) => {
      expect(whole.dx?.[i]).toBeCloseTo(value, 5);
    });
  });

  it('a node of two outputs can be cut at one of them', async () => {
    const rows = input('rows', ['N', 2]);
    const weight = input('weight', [2]);
    const normed = rmsNorm(rows, weight, 0);
    const inverse = normed.producer?.outputs[1] as Value;
    const out = multiply(normed, inverse);
    const feeds = { rows: { data: Float32Array.of(3, 4), shape: [1, 2] }, weight: vector(1, 1) };
    // RMS of (3, 4) is √12.5; the inverse is fed as 10 instead.
    const { out: got } = await run(
      { inputs: { rows, weight, inverse }, outputs: { out } },
      { ...feeds, inverse: { data: Float32Array.of(10), shape: [1, 1] } },
    );
    expect(got?.[0]).toBeCloseTo((10 * 3) / Math.sqrt(12.5), 4);
    expect(got?.[1]).toBeCloseTo((10 * 4) / Math.sqrt(12.5), 4);
    const { out: whole } = await run({ inputs: { rows, weight }, outputs: { out } }, feeds);
    expect(whole?.[0]).toBeCloseTo(3 / 12.5, 5);
  });

  it('an output may be an input, a constant, an inner value, or one value under two names', async () => {
    const got = await run(
      { inputs: { x }, outputs: { same: x, y, again: y, z, one: constant(1) } },
      { x: vector(0) },
    );
    expect(got).toEqual({ same: [0], y: [1], again: [1], z: [2], one: [1] });
  });
});

describe('a value that nobody gives', () => {
  const x = input('x', ['N']);
  const bias = input('the bias', ['N']);
  const sum = add(scale(x, 2), bias);

  it('is named when the program is made', () => {
    expect(() => toOnnx({ inputs: { x }, outputs: { sum } })).toThrow(
      'program needs the bias, which is neither fed nor computed',
    );
    expect(() => toOnnx({ inputs: {}, outputs: { x } })).toThrow(/program needs x,/);
    // A cut behind which the missing value lies makes it unnecessary.
    expect(() => toOnnx({ inputs: { sum }, outputs: { twice: scale(sum, 2) } })).not.toThrow();
  });

  it('is named when the program runs', async () => {
    const program = await compile({ inputs: { x, bias }, outputs: { sum } }, { threads: 1 });
    programs.push(program);
    await expect(program.run({ x: vector(1) }, allocate)).rejects.toThrow('program: input bias is not fed');
    await expect(program.run({ x: vector(1), bias: vector(1, 2) }, allocate)).rejects.toThrow(
      'program: input bias must be [N], got [2]',
    );
    await expect(
      program.run({ x: { data: Float32Array.of(1), shape: [1, 1] }, bias: vector(1) }, allocate),
    ).rejects.toThrow('program: input x must be [N], got [1, 1]');
    const { sum: got } = await program.run({ x: vector(1, 2), bias: vector(10, 20) }, allocate);
    expect([...(got as HostTensor).data]).toEqual([12, 24]);
  });
});

describe('tensors that stay in their file', () => {
  // 1, −2, 0.5, 4, 3, −1: exact in half precision; the upper half of a float32's bits is bfloat16.
  const numbers = Float32Array.of(1, -2, 0.5, 4, 3, -1);
  const bits = new Uint32Array(numbers.buffer);
  const bfloat16 = Uint16Array.from(bits, (word) => word >>> 16);
  const float16 = Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x4400, 0x4200, 0xbc00);
  const x: HostTensor = { data: Float32Array.of(10, 1), shape: [1, 2] };

  it.each([
    ['F32', numbers],
    ['BF16', bfloat16],
    ['F16', float16],
  ] as const)('%s: read at their offset, as a weight and as a table', async (dtype, data) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const location = `${dtype}.bin`;
    writeFileSync(join(folder, location), Buffer.concat([Buffer.alloc(64, 0xff), bytes]));
    const weight = input('weight', [3, 2]);
    const rows = input('x', ['N', 2]);
    const ids = input('ids', ['M'], 'i64');
    const files = new Map([[weight, { dtype, shape: [3, 2], location, offset: 64, length: bytes.length }]]);
    const y = linear(rows, weight);
    expect(await run({ inputs: { x: rows }, outputs: { y }, files }, { x })).toEqual({ y: [8, 9, 29] });
    const taken = gatherRows(weight, ids);
    const both = await run(
      { inputs: { x: rows, ids }, outputs: { taken, y }, files },
      { x, ids: { data: BigInt64Array.of(2n, 0n), shape: [2] } },
    );
    expect(both).toEqual({ taken: [3, -1, 1, -2], y: [8, 9, 29] });
  });
});

describe('modes: several programs over the same files in one session', () => {
  const weight = input('weight', [3, 2]);
  const rows = input('x', ['N', 2]);
  const scaling = input('scaling', [3]);
  const products = linear(rows, weight);
  const y = exponential(products);
  const cotangent = input('dy', ['N', 3]);
  const [dx] = gradients([{ value: multiply(y, scaling), cotangent }], [rows]) as [Value];
  const numbers = Float32Array.of(0.5, -0.25, 0.125, 1, 0.75, -1);
  const bits = Uint16Array.from(new Uint32Array(numbers.buffer), (word) => word >>> 16);
  const files = new Map([
    [weight, { dtype: 'BF16', shape: [3, 2], location: 'modes.bin', offset: 0, length: 12 } as const],
  ]);
  const specs = {
    forward: { inputs: { x: rows }, outputs: { y } },
    saving: { inputs: { x: rows }, outputs: { y, products } },
    // Cut at what the second mode puts out.
    backward: { inputs: { products, scaling, dy: cotangent }, outputs: { dx } },
  };
  const feeds: Record<string, HostTensor> = {
    x: { data: Float32Array.of(1, 2, -1, 0.5), shape: [2, 2] },
    scaling: vector(1, 2, 3),
    dy: { data: Float32Array.of(1, 0, -1, 0.5, 2, 1), shape: [2, 3] },
  };

  it('each gives what it gives alone, in any order, for any number of rows', async () => {
    writeFileSync(join(folder, 'modes.bin'), bits);
    const modes = await compileModes(specs, files, { threads: 1, folder });
    programs.push(modes.forward);
    const { products: saved } = await modes.saving.run(feeds, allocate);
    const all = { ...feeds, products: saved as HostTensor };
    for (const name of ['backward', 'forward', 'saving', 'forward'] as const) {
      const alone = await compile({ ...specs[name], files }, { threads: 1, folder });
      programs.push(alone);
      expect(await modes[name].run(all, allocate)).toEqual(await alone.run(all, allocate));
    }
    const one = { x: { data: Float32Array.of(3, 1), shape: [1, 2] } };
    expect((await modes.forward.run(one, allocate)).y?.shape).toEqual([1, 3]);
  });

  it('wants only its own inputs, and says which one lacks', async () => {
    writeFileSync(join(folder, 'modes.bin'), bits);
    const modes = await compileModes(specs, files, { threads: 1, folder });
    await expect(modes.backward.run(feeds, allocate)).rejects.toThrow('program: input products is not fed');
    await modes.forward.dispose();
    await modes.backward.dispose();
  });
});
