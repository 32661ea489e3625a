import { multiplyDims, type Shape } from './dim.ts';
import { add, exponential, multiply, scale, subtract } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { type Part, type Rule, rewrite } from './rewrite.ts';
import { meanLast, sumLast, transpose } from './shape-ops.ts';
import { type Attribute, apply1, constant, integers, type Value } from './value.ts';

/**
 * The same program without the operations that onnxruntime's WebGPU provider (1.30) lacks or gets wrong, each
 * written as others by its own formula.
 * What the provider lacks it leaves to the CPU, with a copy there and back: right, but slow.
 */
export function lower(part: Part): Part {
  return rewrite(part, ({ op }) => RULES[op]);
}

const RULES: Readonly<Record<string, Rule>> = {
  // No kernel: it would run on the CPU.
  FusedMatMul: ([a, b], { attributes, outputs }) => [
    product(a as Value, b as Value, attributes, (outputs[0] as Value).shape),
  ],
  // No kernel. log softmax(x) = x − m − log Σ exp(x − m), m = max x.
  LogSoftmax: ([x]) => {
    const { shape } = x as Value;
    const largest = apply1({
      op: 'ReduceMax',
      attributes: { keepdims: 1 },
      inputs: [x as Value, integers([shape.length - 1])],
      shape: [...shape.slice(0, -1), 1],
    });
    const shifted = subtract(x as Value, largest);
    return [subtract(shifted, unary('Log', sumLast(exponential(shifted))))];
  },
  // The second output, 1 / sqrt(mean(x²) + ε), is wrong without a word.
  SimplifiedLayerNormalization: (operands, { attributes, outputs }, taken) => {
    const x = operands[0] as Value;
    const y = apply1({
      op: 'SimplifiedLayerNormalization',
      attributes,
      inputs: operands,
      shape: (outputs[0] as Value).shape,
    });
    if (!taken(1)) return [y];
    const epsilon = constant((attributes.epsilon as { float: number }).float);
    return [y, unary('Reciprocal', unary('Sqrt', add(meanLast(multiply(x, x)), epsilon)))];
  },
};

function unary(op: string, x: Value): Value {
  return apply1({ op, inputs: [x], shape: x.shape });
}

/** alpha · A·B, either transposed: a Gemm where B is a matrix, so that a weight needs no transposed copy. */
function product(a: Value, b: Value, attributes: Readonly<Record<string, Attribute>>, shape: Shape): Value {
  const [transA, transB] = [attributes.transA === 1, attributes.transB === 1];
  const { float: alpha } = attributes.alpha as { float: number };
  const gemm = (rows: Value, product: Shape) =>
    apply1({
      op: 'Gemm',
      attributes: { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } },
      inputs: [rows, b],
      shape: product,
    });
  if (b.shape.length === 2 && a.shape.length === 2) return gemm(a, shape);
  const [inner, width] = [a.shape.at(-1), shape.at(-1)];
  if (b.shape.length === 2 && !transA && typeof inner === 'number' && typeof width === 'number') {
    const height = multiplyDims(a.shape.slice(0, -1));
    const rows = apply1({ op: 'Reshape', inputs: [a, integers([-1, inner])], shape: [height, inner] });
    const leading = apply1({
      op: 'Shape',
      attributes: { start: 0, end: a.shape.length - 1 },
      inputs: [a],
      shape: [a.shape.length - 1],
      dtype: 'i64',
    });
    const back = apply1({
      op: 'Concat',
      attributes: { axis: 0 },
      inputs: [leading, integers([width])],
      shape: [shape.length],
      dtype: 'i64',
    });
    return apply1({ op: 'Reshape', inputs: [gemm(rows, [height, width]), back], shape });
  }
  const plain = matmul(transA ? swapLast(a) : a, transB ? swapLast(b) : b);
  return alpha === 1 ? plain : scale(plain, alpha);
}

function swapLast(x: Value): Value {
  const rank = x.shape.length;
  const order = Array.from({ length: rank }, (_, i) => i);
  return transpose(x, [...order.slice(0, -2), rank - 1, rank - 2]);
}
