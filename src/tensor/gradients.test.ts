import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Shape } from './dim.ts';
import {
  add,
  exponential,
  geluTanh,
  hyperbolicTangent,
  multiply,
  negate,
  scale,
  sigmoid,
  silu,
  softcap,
  subtract,
} from './elementwise.ts';
import { gradients } from './gradients.ts';
import { linear, matmul } from './matmul.ts';
import { attention, rmsNorm, rotary, softmax, tokenLogProb } from './neural.ts';
import { compile, type HostTensor } from './program.ts';
import { concatenate, reshape, split, sumLast, transpose } from './shape-ops.ts';
import { constant, input, type Value } from './value.ts';

const allocate = (n: number) => new Float32Array(n);
const random = new Random(7, 'gradients');
const normal = (shape: readonly number[]): HostTensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
});

/**
 * Holds the gradients of Σ c·f(inputs), c random, against central differences, for every element of every
 * differentiated input. float32 forward: the step balances rounding and curvature.
 */
async function holdAgainstDifferences(
  build: (values: Record<string, Value>) => Value,
  shapes: Record<string, { declared: Shape; real: readonly number[] }>,
  fixed: Record<string, { value: Value; feed: HostTensor }> = {},
) {
  const values: Record<string, Value> = {};
  const feeds: Record<string, HostTensor> = {};
  for (const [name, { declared, real }] of Object.entries(shapes)) {
    values[name] = input(name, declared);
    feeds[name] = normal(real);
  }
  for (const [name, { value, feed }] of Object.entries(fixed)) {
    values[name] = value;
    feeds[name] = feed;
  }
  const out = build(values);
  const cotangent = input('cotangent', out.shape);
  const names = Object.keys(shapes);
  const grads = gradients(
    [{ value: out, cotangent }],
    names.map((name) => values[name] as Value),
  );
  const forward = await compile({ inputs: values, outputs: { out } }, { threads: 1 });
  const y = (await forward.run(feeds, allocate)).out as HostTensor;
  const c = normal(y.shape);
  const backward = await compile(
    {
      inputs: { ...values, cotangent },
      outputs: Object.fromEntries(names.map((name, i) => [`d_${name}`, grads[i] as Value])),
    },
    { threads: 1 },
  );
  const got = await backward.run({ ...feeds, cotangent: c }, allocate);
  const objective = async () => {
    const { data } = (await forward.run(feeds, allocate)).out as { data: Float32Array };
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += data[i]! * (c.data as Float32Array)[i]!;
    return sum;
  };
  for (const name of names) {
    const data = (feeds[name] as HostTensor).data as Float32Array;
    const gradient = (got[`d_${name}`] as HostTensor).data as Float32Array;
    let error = 0;
    let norm = 0;
    for (let i = 0; i < data.length; i++) {
      const at = data[i]!;
      const h = 1e-2;
      data[i] = at + h;
      const up = await objective();
      data[i] = at - h;
      const down = await objective();
      data[i] = at;
      const numeric = (up - down) / (2 * h);
      error += (numeric - gradient[i]!) ** 2;
      norm += numeric ** 2;
    }
    expect(norm, name).toBeGreaterThan(0);
    expect(Math.sqrt(error / norm), `relative error of d ${name}`).toBeLessThan(2e-3);
  }
}

const s = (...real: number[]) => ({ declared: real as Shape, real });

describe('gradients agree with finite differences', () => {
  it.each([
    ['add', (v: Record<string, Value>) => add(v.a!, v.b!)],
    ['subtract', (v: Record<string, Value>) => subtract(v.a!, v.b!)],
    ['multiply', (v: Record<string, Value>) => multiply(v.a!, v.b!)],
  ])('%s, with broadcasting on both sides', async (_, f) => {
    await holdAgainstDifferences(f, { a: s(2, 1, 3), b: s(4, 3) });
  });
  it.each([
    ['negate', negate],
    ['scale', (x: Value) => scale(x, -1.7)],
    ['sigmoid', sigmoid],
    ['silu', silu],
    ['exponential', exponential],
    ['softmax', softmax],
    ['hyperbolicTangent', hyperbolicTangent],
    ['softcap', (x: Value) => softcap(x, 0.7)],
    ['geluTanh', geluTanh],
    ['sumLast', sumLast],
    ['transpose', (x: Value) => multiply(transpose(x, [2, 0, 1]), transpose(x, [2, 0, 1]))],
    ['reshape', (x: Value) => multiply(reshape(x, [6, 4]), reshape(x, [6, 4]))],
  ] as const)('%s', async (_, f) => {
    await holdAgainstDifferences((v) => f(v.x!), { x: s(2, 3, 4) });
  });
  for (const transposeA of [false, true])
    for (const transposeB of [false, true])
      it(`matmul, transposeA ${transposeA}, transposeB ${transposeB}, leading dimensions broadcast`, async () => {
        await holdAgainstDifferences((v) => matmul(v.a!, v.b!, { transposeA, transposeB, alpha: 0.5 }), {
          a: transposeA ? s(2, 3, 2, 4, 3) : s(2, 3, 2, 3, 4),
          b: transposeB ? s(2, 3, 1, 5, 4) : s(2, 3, 1, 4, 5),
        });
      });
  it('linear over rows of symbolic number', async () => {
    await holdAgainstDifferences((v) => linear(v.x!, v.w!), {
      x: { declared: ['B', 'T', 4], real: [2, 3, 4] },
      w: s(5, 4),
    });
  });
  it('attention, with keys and values shared by a group of queries', async () => {
    await holdAgainstDifferences((v) => attention(v.q!, v.k!, v.v!, v.mask!, 0.7), {
      q: s(2, 2, 3, 4, 3),
      k: s(2, 2, 1, 5, 3),
      v: s(2, 2, 1, 5, 3),
      mask: s(2, 1, 1, 4, 5),
    });
  });
  it('rmsNorm', async () => {
    await holdAgainstDifferences((v) => rmsNorm(v.x!, v.w!, 1e-5), { x: s(2, 3, 4), w: s(4) });
  });
  it('attention with a cap on the scores', async () => {
    await holdAgainstDifferences((v) => attention(v.q!, v.k!, v.v!, v.mask!, 0.7, 0.9), {
      q: s(2, 3, 4, 3),
      k: s(2, 3, 5, 3),
      v: s(2, 3, 5, 3),
      mask: s(2, 1, 4, 5),
    });
  });
  it('split, by numbers', async () => {
    await holdAgainstDifferences(
      (v) => {
        const [a, b, c] = split(v.x!, 2, [2, 3, 2]) as [Value, Value, Value];
        return multiply(multiply(a, c), sumLast(b));
      },
      { x: s(2, 3, 7) },
    );
  });
  it('split and concatenate, by sizes that are fed', async () => {
    const sizes = input('sizes', [2], 'i64');
    await holdAgainstDifferences(
      (v) => {
        const [a, b] = split(v.x!, 1, ['P', 'Q'], sizes) as [Value, Value];
        return concatenate([multiply(a, a), concatenate([multiply(b, v.z!), multiply(v.y!, v.y!)], 1)], 1);
      },
      {
        x: { declared: [2, 'P+Q', 3], real: [2, 5, 3] },
        y: { declared: [2, 'P', 3], real: [2, 2, 3] },
        z: { declared: [2, 'Q', 3], real: [2, 3, 3] },
      },
      { sizes: { value: sizes, feed: { shape: [2], data: BigInt64Array.of(2n, 3n) } } },
    );
  });
  it.each([
    ['whole heads', 2],
    ['a part of each head', 1],
  ] as const)('rotary, %s turned', async (_, planes) => {
    const table = (f: (x: number) => number) => ({
      shape: [7, planes],
      data: Float32Array.from({ length: 7 * planes }, (_, i) =>
        f(Math.floor(i / planes) / (1 + 9 * (i % planes))),
      ),
    });
    await holdAgainstDifferences(
      (v) => rotary(v.x!, v.positions!, v.cosine!, v.sine!, 2),
      { x: { declared: ['B', 'T', 8], real: [2, 3, 8] } },
      {
        positions: {
          value: input('positions', ['B', 'T'], 'i64'),
          feed: { shape: [2, 3], data: BigInt64Array.of(0n, 1n, 2n, 4n, 5n, 6n) },
        },
        cosine: { value: input('cosine', [7, planes]), feed: table(Math.cos) },
        sine: { value: input('sine', [7, planes]), feed: table(Math.sin) },
      },
    );
  });
  it('tokenLogProb', async () => {
    await holdAgainstDifferences(
      (v) => tokenLogProb(v.logits!, v.targets!),
      { logits: { declared: ['N', 6], real: [3, 6] } },
      {
        targets: {
          value: input('targets', ['N', 1], 'i64'),
          feed: { shape: [3, 1], data: BigInt64Array.of(0n, 5n, 2n) },
        },
      },
    );
  });
  it('a value used twice adds its gradients', async () => {
    await holdAgainstDifferences((v) => multiply(add(v.x!, v.x!), sigmoid(v.x!)), { x: s(3, 2) });
  });
});

describe('the graph refuses', () => {
  it('shapes that do not fit, naming the operation and both shapes', () => {
    expect(() => matmul(input('a', ['B', 3]), input('b', [4, 5]))).toThrow(
      'matmul: inner dimensions 3 and 4 differ: [B, 3] and [4, 5]',
    );
    expect(() => add(input('a', [2, 3]), input('b', [4]))).toThrow(
      'add: dimensions 3 and 4 do not broadcast: [2, 3] and [4]',
    );
    expect(() => reshape(input('a', ['B', 'T', 6]), ['B', 'T', 5])).toThrow(
      'reshape: sizes differ: [B, T, 6] and [B, T, 5]',
    );
    expect(() => reshape(input('a', ['N', 6]), ['B', 'T'])).toThrow('reshape: sizes differ');
  });
  it('a gradient that does not exist', () => {
    const x = input('x', [2]);
    const y = input('y', [2]);
    expect(() => gradients([{ value: negate(x), cotangent: constant(1) }], [y])).toThrow(
      'no output depends on y',
    );
  });
  it('a feed of another shape', async () => {
    const x = input('x', ['B', 3]);
    const program = await compile({ inputs: { x }, outputs: { y: negate(x) } }, { threads: 1 });
    await expect(program.run({ x: { shape: [2, 4], data: new Float32Array(8) } }, allocate)).rejects.toThrow(
      'input x must be [B, 3], got [2, 4]',
    );
  });
});
