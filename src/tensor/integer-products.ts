import { machineError } from '../base/errors.ts';
import { multiplyDims } from './dim.ts';
import { add, multiply, subtract } from './elementwise.ts';
import { topological } from './gradients.ts';
import { type FileTensor, type HeldIntegers, type HeldTensor, type StoredTensor, toOnnx } from './onnx.ts';
import { type Part, rewrite } from './rewrite.ts';
import { openOnCpu, type SessionOptions } from './session.ts';
import { concatenate, transpose } from './shape-ops.ts';
import { apply1, constant, input, integers, type Node, type Value } from './value.ts';

/**
 * How products with frozen weights are computed. f32: as they are. int8: weights rounded to 8 bits. int16: weights as
 * sums of two 8-bit numbers. What is multiplied with them is the sum of two 8-bit numbers either way: rounding weights
 * makes a slightly other model, the same for all pairs and before as after training; rounding activations to 8 bits
 * makes noise, which drowns small differences of log-probabilities (measured: docs/benchmarks.md).
 * Processors multiply 8-bit integers several times as fast as float32 numbers (AVX-512 VNNI: about 4, AMX: about 12
 * times); int8 takes two such products for one of float32, int16 three.
 */
export type Precision = 'f32' | 'int8' | 'int16';

/** Bytes of a weight's numbers in memory, for each of them. */
export const HELD_BYTES: Readonly<Record<Precision, number>> = { f32: 0, int8: 1, int16: 3 };

/** 8-bit integers are used from −127 to 127, as activations shifted by 128 to where the fast kernels want them. */
const MOST = 127;
const SHIFT = 128;
/** onnx.proto, TensorProto.DataType.INT8. */
const ONNX_INT8 = 3;
/** The second number of a pair counts in units of the first one's / 254: ± half a unit is ± 127 of them. */
const FINER = 2 * MOST;
/** Keeps a row of zeros from dividing by zero. */
const LEAST_SCALE = 1e-30;
/** Longest sum of products of two 8-bit numbers, twice as many for pairs, that an int32 holds. */
const LONGEST = Math.floor((2 ** 31 - 1) / (2 * MOST * SHIFT));

/**
 * Rewrites parts so that their products x·Wᵀ with file tensors, as linear layers do them, are of integers. Everything
 * else stays float32. For scoring: a backward pass gained nothing (y·W would need the weights rounded by their other
 * axis, held a second time).
 *
 *   x ≈ s·(h + l/254) with h = round(x / s), s = max|x| / 127 for each row of x; W likewise, s for each column of the
 *   product, so that both factors leave the sum:
 *   int8:  y = s·S·(h·H + l·H / 254)
 *   int16: y = s·S·(h·H + (l·H + h·L) / 254)          (l·L / 254² is below the rounding of l and L)
 *
 * Scales a row and a channel as in Dettmers et al. 2022 (LLM.int8(), section 2.1, vector-wise quantization).
 *
 * Weights are rounded here, once; they are then held by the session, no longer mapped.
 *
 * @throws machineError where this processor's products of integers are not exact.
 */
export async function toIntegers(
  parts: readonly Part[],
  files: ReadonlyMap<Value, StoredTensor>,
  precision: 'int8' | 'int16',
  options: SessionOptions,
): Promise<{ readonly parts: readonly Part[]; readonly files: ReadonlyMap<Value, StoredTensor> }> {
  if (!(await integersAreExact()))
    throw machineError(
      'integers-overflow',
      'this processor adds products of 8-bit integers in 16 bits, which overflow',
      {
        got: `precision ${precision}`,
        need: 'instructions for such products (AVX-512 VNNI, AVX-VNNI or AMX)',
        remedy: 'Use --precision f32: without those instructions integers are hardly faster either',
      },
    );
  const pairs = precision === 'int16';
  const weights = new Map<Value, IntegerWeight>();
  const weightOf = (value: Value): IntegerWeight => {
    let weight = weights.get(value);
    if (weight === undefined) {
      weight = declareWeight(value, pairs);
      weights.set(value, weight);
    }
    return weight;
  };
  const made = parts.map((part) => {
    const rows = new Map<Value, IntegerRows>();
    const rowsOf = (x: Value): IntegerRows => {
      let rounded = rows.get(x);
      if (rounded === undefined) {
        rounded = roundRows(x, pairs);
        rows.set(x, rounded);
      }
      return rounded;
    };
    return rewrite(part, (node) => {
      if (!isWeightProduct(node, files)) return undefined;
      return ([x, weight], { outputs }) => [
        integerProduct(x as Value, rowsOf(x as Value), weightOf(weight as Value), outputs[0] as Value),
      ];
    });
  });
  const stored = new Map<Value, StoredTensor>();
  for (const [value, tensor] of files) if (!weights.has(value)) stored.set(value, tensor);
  for (const [value, weight] of weights) {
    const tensor = files.get(value) as FileTensor;
    // Where the graph still reads it as it is.
    if (made.some((part) => reads(part, value))) stored.set(value, tensor);
    for (const [own, held] of await roundWeight(tensor, weight, options)) stored.set(own, held);
  }
  return { parts: made, files: stored };
}

let exact: Promise<boolean> | undefined;

/**
 * Whether products of unsigned and signed 8-bit integers come out exactly here: those of the largest numbers are
 * multiplied once. Without VNNI the runtime's kernels add two of them in 16 bits, and what does not fit is cut.
 */
export function integersAreExact(): Promise<boolean> {
  exact ??= (async () => {
    const [K, N] = [64, 16];
    const bytes = (value: number, length: number, shape: readonly number[]) =>
      constant(new Uint8Array(length).fill(value), shape);
    const a = bytes(SHIFT + MOST, K, [1, K]);
    const b = apply1({
      op: 'Cast',
      attributes: { to: ONNX_INT8 },
      inputs: [bytes(MOST, K * N, [K, N])],
      shape: [K, N],
      dtype: 'i8',
    });
    const y = apply1({
      op: 'MatMulIntegerToFloat',
      domain: 'com.microsoft',
      inputs: [a, b, constant(1), constant(1), constant(Uint8Array.of(SHIFT))],
      shape: [1, N],
    });
    const session = await openOnCpu(toOnnx({ inputs: {}, outputs: { y } }), { threads: 1 });
    try {
      const found = (await session.run({})).y?.data as Float32Array;
      return found.every((value) => value === K * MOST * MOST);
    } finally {
      await session.release();
    }
  })();
  return exact;
}

/** Whether a node is x·Wᵀ with a weight from a file, of which int32 holds the sums. */
function isWeightProduct({ op, attributes, inputs }: Node, files: ReadonlyMap<Value, StoredTensor>): boolean {
  const [x, weight] = inputs;
  const tensor = weight === undefined ? undefined : files.get(weight);
  if (tensor === undefined || 'data' in tensor || tensor.shape.length !== 2) return false;
  const K = x?.shape.at(-1);
  if (typeof K !== 'number' || K > LONGEST || op !== 'FusedMatMul') return false;
  const { float: alpha } = attributes.alpha as { float: number };
  return attributes.transA === 0 && attributes.transB === 1 && alpha === 1;
}

function reads({ inputs, outputs }: Part, value: Value): boolean {
  const nodes = topological(Object.values(outputs), new Set(Object.values(inputs)));
  return nodes.some((node) => node.inputs.includes(value));
}

/** A weight as 8-bit numbers [K, N], what the rows' finer numbers meet (for pairs H above L, [2K, N]), scales [N]. */
interface IntegerWeight {
  readonly coarse: Value;
  readonly finer: Value;
  readonly scale: Value;
}

function declareWeight({ shape, label }: Value, pairs: boolean): IntegerWeight {
  const [N, K] = shape as readonly [number, number];
  const coarse = input(`${label}.h`, [K, N], 'i8');
  return {
    coarse,
    finer: pairs ? input(`${label}.hl`, [2 * K, N], 'i8') : coarse,
    scale: input(`${label}.s`, [N]),
  };
}

async function roundWeight(
  tensor: FileTensor,
  weight: IntegerWeight,
  options: SessionOptions,
): Promise<[Value, HeldIntegers | HeldTensor][]> {
  const whole = input('weight', tensor.shape);
  const matrix = transpose(whole, [1, 0]);
  const { scale, numbers } = round(
    matrix,
    1,
    matrix.shape[1] as number,
    weight.finer !== weight.coarse,
    'i8',
  );
  const [coarse, fine] = numbers;
  const outputs: Record<string, Value> = { coarse: coarse as Value, scale };
  if (fine !== undefined) outputs.finer = concatenate([coarse as Value, fine], 0);
  const model = toOnnx({ inputs: {}, outputs, files: new Map([[whole, tensor]]) });
  const session = await openOnCpu(model, options);
  try {
    const results = await session.run({});
    const bytes = (name: string, { shape }: Value): HeldIntegers => ({
      dtype: 'I8',
      shape: shape as readonly number[],
      data: results[name]?.data as Int8Array,
    });
    const scales = results.scale?.data as Float32Array;
    return [
      [weight.coarse, bytes('coarse', weight.coarse)],
      [weight.scale, { dtype: 'F32', shape: [scales.length], data: scales }],
      ...(fine === undefined ? [] : [[weight.finer, bytes('finer', weight.finer)] as [Value, HeldIntegers]]),
    ];
  } finally {
    await session.release();
  }
}

/** The rows of x as 8-bit numbers [R, K], the finer ones (for pairs L then H, [R, 2K]), and scales [R, 1]. */
interface IntegerRows {
  readonly coarse: Value;
  readonly finer: Value;
  readonly scale: Value;
}

function roundRows(x: Value, pairs: boolean): IntegerRows {
  const K = x.shape.at(-1) as number;
  const R = multiplyDims(x.shape.slice(0, -1));
  const rows = apply1({ op: 'Reshape', inputs: [x, integers([-1, K])], shape: [R, K] });
  const { scale, numbers } = round(rows, 0, R, true, 'u8');
  const [coarse, fine] = numbers as [Value, Value];
  return {
    coarse,
    finer: pairs ? concatenate([fine, coarse], 1) : fine,
    scale: apply1({ op: 'Reshape', inputs: [scale, integers([-1, 1])], shape: [R, 1] }),
  };
}

/** 8-bit numbers of a matrix with a scale for each place on `axis`; with pairs, the finer ones too. */
function round(
  matrix: Value,
  axis: 0 | 1,
  length: Value['shape'][number],
  pairs: boolean,
  dtype: 'u8' | 'i8',
): { readonly scale: Value; readonly numbers: readonly Value[] } {
  const largest = apply1({
    op: 'ReduceMax',
    attributes: { keepdims: 0 },
    inputs: [apply1({ op: 'Abs', inputs: [matrix], shape: matrix.shape }), integers([1 - axis])],
    shape: [length],
  });
  const scale = apply1({
    op: 'Max',
    inputs: [multiply(largest, constant(1 / MOST)), constant(LEAST_SCALE)],
    shape: [length],
  });
  const zero = zeroPoints(scale, length, dtype);
  const quantised = (x: Value, unit: Value) =>
    apply1({
      op: 'QuantizeLinear',
      attributes: { axis },
      inputs: [x, unit, zero],
      shape: x.shape,
      dtype,
    });
  const coarse = quantised(matrix, scale);
  if (!pairs) return { scale, numbers: [coarse] };
  const back = apply1({
    op: 'DequantizeLinear',
    attributes: { axis },
    inputs: [coarse, scale, zero],
    shape: matrix.shape,
  });
  const fine = quantised(subtract(matrix, back), multiply(scale, constant(1 / FINER)));
  return { scale, numbers: [coarse, fine] };
}

/** As many zero points as scales: 128 of unsigned numbers, 0 of signed ones. */
function zeroPoints(scale: Value, length: Value['shape'][number], dtype: 'u8' | 'i8'): Value {
  const shape = apply1({ op: 'Shape', inputs: [scale], shape: [1], dtype: 'i64' });
  const one = constant(Uint8Array.of(dtype === 'u8' ? SHIFT : 0), [1]);
  const all = apply1({ op: 'Expand', inputs: [one, shape], shape: [length], dtype: 'u8' });
  return dtype === 'u8'
    ? all
    : apply1({ op: 'Cast', attributes: { to: ONNX_INT8 }, inputs: [all], shape: [length], dtype: 'i8' });
}

function integerProduct(x: Value, rows: IntegerRows, weight: IntegerWeight, old: Value): Value {
  const N = weight.scale.shape[0] as number;
  const R = rows.scale.shape[0] as Value['shape'][number];
  const product = (a: Value, b: Value, unit: number) =>
    apply1({
      op: 'MatMulIntegerToFloat',
      domain: 'com.microsoft',
      inputs: [a, b, constant(unit), weight.scale, constant(Uint8Array.of(SHIFT))],
      shape: [R, N],
    });
  const coarse = product(rows.coarse, weight.coarse, 1);
  const finer = product(rows.finer, weight.finer, 1 / FINER);
  const y = multiply(add(coarse, finer), rows.scale);
  if (x.shape.length === 2) return y;
  // The leading dimensions as they are when it runs.
  const leading = apply1({
    op: 'Shape',
    attributes: { start: 0, end: x.shape.length - 1 },
    inputs: [x],
    shape: [x.shape.length - 1],
    dtype: 'i64',
  });
  const shape = concatenate([leading, integers([N])], 0);
  return apply1({ op: 'Reshape', inputs: [y, shape], shape: old.shape });
}
