import { type Dim, type Shape, showShape } from './dim.ts';

/** u8, i8: of products of integers alone (`integer-products.ts`). */
export type DType = 'f32' | 'i64' | 'u8' | 'i8';

/** Attribute of an ONNX node: integers and integer lists are numbers, floats and texts are wrapped to say so. */
export type Attribute = number | readonly number[] | { readonly float: number } | { readonly text: string };

/** One application of an ONNX operation, with the rule that gives the gradients of its inputs. */
export interface Node {
  readonly op: string;
  /** '' for standard ONNX, 'com.microsoft' for onnxruntime's own operations. */
  readonly domain: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /**
   * Gradients of the inputs from those of the outputs (undefined where an output has none), for the
   * inputs that `wanted` marks. Absent: the operation is not differentiable.
   */
  backward?: (
    cotangents: readonly (Value | undefined)[],
    wanted: readonly boolean[],
  ) => (Value | undefined)[];
}

/** A tensor in the graph. The graph is what is reachable from a value through its producers. */
export interface Value {
  readonly shape: Shape;
  readonly dtype: DType;
  /** What makes it: a node, nothing (an input, fed at run time), or data known when the graph is built. */
  readonly producer: Node | null;
  readonly constant: Constant | null;
  /** For messages only. */
  readonly label: string;
}

export type Constant = Float32Array | BigInt64Array | Uint8Array;

/** A tensor that is fed at run time, or bound to a file when the program is compiled. */
export function input(label: string, shape: Shape, dtype: DType = 'f32'): Value {
  return { shape, dtype, producer: null, constant: null, label };
}

/** A small tensor known when the graph is built. */
export function constant(data: Constant | number, shape: readonly number[] = []): Value {
  const array = typeof data === 'number' ? Float32Array.of(data) : data;
  return {
    shape,
    dtype: array instanceof Float32Array ? 'f32' : array instanceof Uint8Array ? 'u8' : 'i64',
    producer: null,
    constant: array,
    label: 'constant',
  };
}

/** Int64 constant of rank 1: axes, shapes. */
export function integers(values: readonly number[]): Value {
  return constant(BigInt64Array.from(values, BigInt), [values.length]);
}

export interface NodeSpec {
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly inputs: readonly Value[];
  readonly outputs: readonly { readonly shape: Shape; readonly dtype?: DType }[];
  readonly backward?: Node['backward'];
}

/** Adds a node to the graph; gives its outputs. */
export function apply(spec: NodeSpec): Value[] {
  const outputs: Value[] = [];
  const node: Node = {
    op: spec.op,
    domain: spec.domain ?? '',
    attributes: spec.attributes ?? {},
    inputs: spec.inputs,
    outputs,
    ...(spec.backward === undefined ? {} : { backward: spec.backward }),
  };
  for (const output of spec.outputs)
    outputs.push({
      shape: output.shape,
      dtype: output.dtype ?? 'f32',
      producer: node,
      constant: null,
      label: spec.op,
    });
  return outputs;
}

/** A node with one output. */
export function apply1(
  spec: Omit<NodeSpec, 'outputs'> & { readonly shape: Shape; readonly dtype?: DType },
): Value {
  const { shape, dtype, ...rest } = spec;
  return apply({ ...rest, outputs: [dtype === undefined ? { shape } : { shape, dtype }] })[0] as Value;
}

/** Shapes that do not fit: names the operation and the shapes of its operands. */
export class ShapeError extends Error {
  constructor(op: string, shapes: readonly Shape[], why: string) {
    super(`${op}: ${why}: ${shapes.map(showShape).join(' and ')}`);
    this.name = 'ShapeError';
  }
}

/** The last dimension of a shape; a scalar has none. */
export function lastDim(op: string, shape: Shape): Dim {
  const dim = shape.at(-1);
  if (dim === undefined) throw new ShapeError(op, [shape], 'needs at least one dimension');
  return dim;
}
