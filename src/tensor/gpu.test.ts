import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { exponential, hyperbolicTangent, multiply } from './elementwise.ts';
import { gatherRows } from './gather.ts';
import { Gpu } from './gpu.ts';
import { gradients, topological } from './gradients.ts';
import { lower } from './lowering.ts';
import { linear, matmul } from './matmul.ts';
import { attention, rmsNorm, tokenLogProb } from './neural.ts';
import { type CompileOptions, compile, compileModes, type HostTensor, type Program } from './program.ts';
import { difference } from './self-check.ts';
import { type OpenSession, openOnCpu } from './session.ts';
import { input, type Value } from './value.ts';

const programs: Program[] = [];
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-gpu-')));
afterAll(async () => {
  for (const program of programs) await program.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const allocate = (length: number) => new Float32Array(length);
const random = new Random(5, 'gpu test');
const normal = (...shape: number[]): HostTensor => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  shape,
});

async function made(spec: Parameters<typeof compile>[0], device: CompileOptions['device']): Promise<Program> {
  const program = await compile(spec, { threads: 1, folder, ...(device === undefined ? {} : { device }) });
  programs.push(program);
  return program;
}

/** A GPU that is the CPU in disguise, with what it was given and what it told. */
function disguised(
  change: (model: Uint8Array) => Uint8Array = (model) => model,
  open: OpenSession = openOnCpu,
): { gpu: Gpu; models: Uint8Array[]; told: string[] } {
  const models: Uint8Array[] = [];
  const told: string[] = [];
  const gpu = new Gpu({
    open(model, options) {
      models.push(model);
      return open(change(model), options);
    },
    onGiveUp: (reason) => told.push(reason),
  });
  return { gpu, models, told };
}

const has = (model: Uint8Array, text: string) => Buffer.from(model).includes(text);
/** Another operation of as long a name in its place (NodeProto: op_type = 4). */
const exchanged = (model: Uint8Array, op: string, other: string) =>
  new Uint8Array(
    Buffer.from(
      Buffer.from(model)
        .toString('latin1')
        .replaceAll(`"${String.fromCharCode(op.length)}${op}`, `"${String.fromCharCode(op.length)}${other}`),
      'latin1',
    ),
  );

describe('lowering: the same numbers from other operations', () => {
  const cases: [string, Record<string, Value>, Value, Record<string, HostTensor>][] = [];
  const add = (name: string, inputs: Record<string, Value>, out: Value, feeds: Record<string, HostTensor>) =>
    cases.push([name, inputs, out, feeds]);
  const x3 = input('x', ['B', 'T', 6]);
  const w = input('w', [5, 6]);
  add('linear', { x3, w }, linear(x3, w), { x3: normal(2, 3, 6), w: normal(5, 6) });
  const a = input('a', ['B', 2, 'T', 4]);
  const b = input('b', ['B', 1, 'S', 4]);
  add('batched, broadcast, scaled', { a, b }, matmul(a, b, { transposeB: true, alpha: 0.3 }), {
    a: normal(2, 2, 3, 4),
    b: normal(2, 1, 5, 4),
  });
  add('transposed first', { a, b }, matmul(a, matmul(a, b, { transposeB: true }), { transposeA: true }), {
    a: normal(1, 2, 3, 4),
    b: normal(1, 1, 5, 4),
  });
  const m = input('m', ['N', 4]);
  const n = input('n', ['N', 3]);
  add('matrices', { m, n }, matmul(m, n, { transposeA: true, alpha: -2 }), {
    m: normal(5, 4),
    n: normal(5, 3),
  });
  const targets = input('targets', ['N', 1], 'i64');
  const logits = input('logits', ['N', 7]);
  const g = input('g', ['N', 1]);
  const logProb = tokenLogProb(logits, targets);
  const ids = { data: BigInt64Array.of(0n, 6n, 3n), shape: [3, 1] };
  add('log-probabilities', { logits, targets }, logProb, { logits: normal(3, 7), targets: ids });
  const [dLogits] = gradients([{ value: logProb, cotangent: g }], [logits]) as [Value];
  add('their gradient', { logits, targets, g }, dLogits, {
    logits: normal(3, 7),
    targets: ids,
    g: normal(3, 1),
  });
  const scale = input('scale', [6]);
  const normed = rmsNorm(x3, scale, 1e-5);
  const dy = input('dy', ['B', 'T', 6]);
  const [dx] = gradients([{ value: normed, cotangent: dy }], [x3]) as [Value];
  add('the gradient of a norm', { x3, scale, dy }, dx, {
    x3: normal(2, 3, 6),
    scale: normal(6),
    dy: normal(2, 3, 6),
  });

  it.each(cases)('%s', async (_, inputs, out, feeds) => {
    const { gpu, models } = disguised();
    const lowered = lower({ inputs, outputs: { out } });
    const ops = topological(Object.values(lowered.outputs), new Set(Object.values(inputs)));
    for (const { op, outputs } of ops) {
      expect(op).not.toMatch(/^(FusedMatMul|LogSoftmax)$/);
      if (op === 'SimplifiedLayerNormalization') expect(outputs).toHaveLength(1);
    }
    // A product is what sends a program to the device.
    const weight = input('weight', [1, 1]);
    const extra = matmul(weight, weight);
    const spec = { inputs: { ...inputs, weight }, outputs: { out, extra } };
    const all = { ...feeds, weight: normal(1, 1) };
    const need = await (await made(spec, 'cpu')).run(all, allocate);
    const got = await (await made(spec, gpu)).run(all, allocate);
    expect(gpu.givenUp).toBeNull();
    expect(models.length).toBeGreaterThan(1);
    expect(got.out?.shape).toEqual(need.out?.shape);
    expect(difference(got.out?.data as Float32Array, need.out?.data as Float32Array)).toBeLessThan(1e-5);
  });

  it('a cut stays where it was, even amid what is rewritten', async () => {
    const inverse = normed.producer?.outputs[1] as Value;
    const out = matmul(multiply(normed, inverse), w, { transposeB: true });
    const spec = { inputs: { x3, scale, inverse, w }, outputs: { out } };
    const feeds = { x3: normal(1, 2, 6), scale: normal(6), inverse: normal(1, 2, 1), w: normal(5, 6) };
    const need = await (await made(spec, 'cpu')).run(feeds, allocate);
    const { gpu, told } = disguised();
    const got = await (await made(spec, gpu)).run(feeds, allocate);
    expect(told).toEqual([]);
    expect(difference(got.out?.data as Float32Array, need.out?.data as Float32Array)).toBeLessThan(1e-5);
  });
});

describe('the self-check', () => {
  const x = input('x', ['N', 3]);
  const w = input('w', [3, 4]);
  const spec = { inputs: { x, w }, outputs: { y: exponential(hyperbolicTangent(matmul(x, w))) } };
  const plain = { inputs: { x, w }, outputs: { y: matmul(x, w) } };
  const feeds = { x: normal(2, 3), w: normal(3, 4) };
  const onCpu = async (of: Parameters<typeof compile>[0]) => (await made(of, 'cpu')).run(feeds, allocate);

  it('a wrong operation is named once, and the CPU computes everything from then on', async () => {
    const { gpu, models, told } = disguised((model) => exchanged(model, 'Exp', 'Abs'));
    const before = await made(plain, gpu);
    expect(gpu.givenUp).toBeNull();
    const program = await made(spec, gpu);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /^operation Exp of \[N, 4\] is wrong: its result is .* of its size away from the CPU's$/,
    );
    expect(await program.run(feeds, allocate)).toEqual(await onCpu(spec));
    const tried = models.length;
    expect(await before.run(feeds, allocate)).toEqual(await onCpu(plain));
    expect(await (await made(spec, gpu)).run(feeds, allocate)).toEqual(await onCpu(spec));
    expect([models.length, told.length]).toEqual([tried, 1]);
  });

  it('one that gives no number, too', async () => {
    // sqrt of what tanh makes is not a number half of the time.
    const { gpu, told } = disguised((model) => exchanged(model, 'Tanh', 'Sqrt'));
    expect(await (await made(spec, gpu)).run(feeds, allocate)).toEqual(await onCpu(spec));
    expect(told[0]).toMatch(/^operation Tanh .* is wrong/);
  });

  it('one that cannot run is named with its error', async () => {
    const { gpu, told } = disguised(undefined, (model, options) =>
      has(model, 'Tanh') ? Promise.reject(new Error('no such kernel\nat line 5')) : openOnCpu(model, options),
    );
    expect(await (await made(spec, gpu)).run(feeds, allocate)).toEqual(await onCpu(spec));
    expect(told).toEqual(['operation Tanh of [N, 4] fails: no such kernel']);
  });

  it('operations that are right alone and wrong together', async () => {
    const { gpu, told } = disguised((model) =>
      has(model, 'else_branch') ? exchanged(model, 'Exp', 'Abs') : model,
    );
    const modes = await compileModes({ one: spec, two: plain }, undefined, { threads: 1, device: gpu });
    programs.push(modes.one);
    expect(told[0]).toMatch(/^a program is wrong: y is/);
    expect(await modes.one.run(feeds, allocate)).toEqual(await onCpu(spec));
  });

  it('what was checked is not checked again, and what is new is', async () => {
    const { gpu, models } = disguised();
    await made(spec, gpu);
    const first = models.length;
    await made(spec, gpu);
    expect(models.length).toBe(first + 1);
    const known = gpu.checked.size;
    await made({ inputs: { x, w }, outputs: { y: exponential(matmul(exponential(x), w)) } }, gpu);
    expect(gpu.checked.size).toBeGreaterThan(known);
  });

  it('feeds what operations need: rows of tables, sizes, masks', async () => {
    const [q, k] = [input('q', ['B', 'T', 8]), input('k', ['B', 'S', 8])];
    const mask = input('mask', ['B', 'T', 'S']);
    const { gpu, told } = disguised();
    const out = attention(q, k, k, mask, 0.5);
    await made({ inputs: { q, k, mask }, outputs: { out } }, gpu);
    const table = input('table', [9, 8]);
    const ids = input('ids', ['M'], 'i64');
    await made({ inputs: { table, ids }, outputs: { out: linear(gatherRows(table, ids), table) } }, gpu);
    expect(told).toEqual([]);
  });
});

describe('where there is no GPU', () => {
  const x = input('x', ['N', 3]);
  const w = input('w', [3, 4]);
  const spec = { inputs: { x, w }, outputs: { y: matmul(x, w) } };
  const feeds = { x: normal(2, 3), w: normal(3, 4) };
  const none: OpenSession = () => Promise.reject(new Error('Failed to get a WebGPU adapter: none\n'));

  it('says so and computes on the CPU', async () => {
    const { gpu, told } = disguised(undefined, none);
    const got = await (await made(spec, gpu)).run(feeds, allocate);
    expect(told).toEqual(['no WebGPU adapter was found (Failed to get a WebGPU adapter: none)']);
    expect(got).toEqual(await (await made(spec, 'cpu')).run(feeds, allocate));
  });

  it('auto says nothing', async () => {
    const told: string[] = [];
    const gpu = new Gpu({ open: none, onlyIfFaster: true, onGiveUp: (reason) => told.push(reason) });
    await made(spec, gpu);
    expect(told).toEqual([]);
    expect(gpu.givenUp).toMatch(/no WebGPU adapter/);
  });

  it('or is no longer: the run is done again on the CPU, and so are all that follow', async () => {
    let lost = false;
    const { gpu, told } = disguised(undefined, async (model, options) => {
      const session = await openOnCpu(model, options);
      return {
        release: () => session.release(),
        run: ((...args: Parameters<typeof session.run>) =>
          lost ? Promise.reject(new Error('device lost')) : session.run(...args)) as typeof session.run,
      };
    });
    const [first, second] = [await made(spec, gpu), await made(spec, gpu)];
    const need = await first.run(feeds, allocate);
    lost = true;
    expect(await first.run(feeds, allocate)).toEqual(need);
    expect(await second.run(feeds, allocate)).toEqual(need);
    expect(told).toEqual(['device lost']);
  });

  it('a fault of the caller is no fault of the GPU', async () => {
    const { gpu, told } = disguised();
    const program = await made(spec, gpu);
    await expect(program.run({ x: normal(2, 3) }, allocate)).rejects.toThrow('program: input w is not fed');
    expect([gpu.givenUp, told]).toEqual([null, []]);
  });

  it('programs without a product stay on the CPU: only memory is moved', async () => {
    const { gpu, models } = disguised();
    await made({ inputs: { x }, outputs: { y: exponential(x) } }, gpu);
    expect(models).toEqual([]);
  });
});

describe('weights for a GPU', () => {
  it.each(['BF16', 'F16', 'F32'] as const)('%s: half precision is held as float32', async (dtype) => {
    const bits = {
      F32: Float32Array.of(1, -2, 0.5, 4),
      BF16: Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0x4080),
      F16: Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x4400),
    }[dtype];
    const location = `${dtype}.bin`;
    writeFileSync(join(folder, location), bits);
    const weight = input('weight', [2, 2]);
    const x = input('x', ['N', 2]);
    const files = new Map([[weight, { dtype, shape: [2, 2], location, offset: 0, length: bits.byteLength }]]);
    const { gpu, models, told } = disguised();
    const modes = {
      forward: { inputs: { x }, outputs: { y: linear(x, weight) } },
      back: { inputs: { x }, outputs: { y: matmul(x, weight) } },
    };
    const { forward, back } = await compileModes(modes, files, { threads: 1, folder, device: gpu });
    programs.push(forward);
    const feeds = { x: { data: Float32Array.of(10, 1), shape: [1, 2] } };
    expect([...((await forward.run(feeds, allocate)).y as HostTensor).data]).toEqual([8, 9]);
    expect([...((await back.run(feeds, allocate)).y as HostTensor).data]).toEqual([10.5, -16]);
    expect(told).toEqual([]);
    expect(models.some((model) => has(model, 'Cast'))).toBe(false);
    expect(models.some((model) => has(model, location))).toBe(dtype === 'F32');
  });
});
