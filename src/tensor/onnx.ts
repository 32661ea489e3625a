import type { Shape } from './dim.ts';
import { topological } from './gradients.ts';
import { MessageWriter } from './protobuf.ts';
import { type Attribute, type Constant, constant, type DType, type Value } from './value.ts';

/** A tensor that stays in its file: the runtime maps it. `offset` and `length` in bytes. */
export interface FileTensor {
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
  /** File name relative to the folder that the session is given. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A tensor that the model holds itself, row-major. */
export interface HeldTensor {
  readonly dtype: 'F32';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface HeldIntegers {
  readonly dtype: 'I8';
  readonly shape: readonly number[];
  readonly data: Int8Array;
}

export type StoredTensor = FileTensor | HeldTensor | HeldIntegers;

/** What to make a program of: the part of the graph between its inputs and its outputs. */
export interface ProgramSpec {
  /** Fed at run time. A value that has a producer may stand here too: the graph is cut there. */
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Inputs of the graph that are read from files, or held, instead of being fed. */
  readonly files?: ReadonlyMap<Value, StoredTensor>;
}

// onnx.proto, TensorProto.DataType.
const ELEMENT_TYPE: Record<DType, number> = { f32: 1, u8: 2, i8: 3, i64: 7 };
const STORED_TYPE = { F32: 1, I8: 3, F16: 10, BF16: 16 } as const;
/** The newest ONNX opset that all operations used here are defined in. */
const OPSET = 20;
const IR_VERSION = 10;

/**
 * The ONNX model of a program (onnx.proto: ModelProto). File tensors become external initializers, cast to
 * float32 in the graph where the file holds half precision, so that what is mapped stays in the file's dtype.
 * Throws when an output needs a value that is neither fed, in a file, nor constant.
 */
export function toOnnx(spec: ProgramSpec): Uint8Array {
  const weights = storedWeights(spec.files);
  const body = writeBody(spec, weights, counter(), true);
  const graph = new MessageWriter();
  for (const node of body.nodes) graph.message(1, node);
  graph.text(2, 'winnow');
  for (const initializer of [...weights.initializers, ...body.initializers]) graph.message(5, initializer);
  for (const [name, value] of Object.entries(spec.inputs)) graph.message(11, valueInfo(name, value));
  for (const [name, value] of Object.entries(spec.outputs)) graph.message(12, valueInfo(name, value));
  return modelMessage(graph);
}

/** The input that chooses a modal program's mode: its place in the list, i64. */
export const MODE = 'mode';

/**
 * Several programs over the same file tensors as one model, so that the runtime maps the tensors once: nested `If`
 * nodes choose the mode that runs. The model's inputs are those of all modes: what another mode needs is fed with its
 * symbolic dimensions at zero. Its outputs are called o0, o1, …, in the order of each mode's own.
 */
export function toModalOnnx(
  modes: readonly Omit<ProgramSpec, 'files'>[],
  files: ProgramSpec['files'],
): Uint8Array {
  const weights = storedWeights(files);
  const next = counter();
  const outputs = Math.max(...modes.map((mode) => Object.keys(mode.outputs).length));
  const bodies = modes.map((mode) => writeBody(mode, weights, next, false));
  const nothing = next('c');
  const graph = new MessageWriter();
  const conditions: MessageWriter[] = [];
  const ofModes = (from: number): MessageWriter => {
    const body = bodies[from] as Body;
    const branch = (wanted: Body | null): MessageWriter => {
      if (wanted === null) return ofModes(from + 1);
      const message = new MessageWriter();
      for (const node of wanted.nodes) message.message(1, node);
      const padding = Array.from({ length: outputs - wanted.outputs.length }, () => next('v'));
      for (const name of padding) message.message(1, nodeMessage('Identity', '', {}, [nothing], [name]));
      message.text(2, `mode ${from}`);
      for (const initializer of wanted.initializers) message.message(5, initializer);
      for (const name of [...wanted.outputs, ...padding]) message.message(12, namedFloat(name));
      return message;
    };
    if (from === bodies.length - 1) return branch(body);
    const [which, chosen] = [next('c'), next('v')];
    graph.message(5, constantTensor(which, constant(BigInt64Array.of(BigInt(from)))));
    conditions.push(nodeMessage('Equal', '', {}, [MODE, which], [chosen]));
    const names = Array.from({ length: outputs }, (_, i) => (from === 0 ? `o${i}` : next('v')));
    const choice = nodeMessage('If', '', {}, [chosen], names)
      .message(5, graphAttribute('then_branch', branch(body)))
      .message(5, graphAttribute('else_branch', branch(null)));
    if (from === 0) return choice;
    const inner = new MessageWriter().message(1, choice).text(2, `modes from ${from}`);
    for (const name of names) inner.message(12, namedFloat(name));
    return inner;
  };
  const choice = ofModes(0);
  for (const node of [...conditions, choice]) graph.message(1, node);
  graph.text(2, 'winnow');
  for (const initializer of weights.initializers) graph.message(5, initializer);
  graph.message(5, constantTensor(nothing, constant(new Float32Array(0), [0])));
  graph.message(11, valueInfo(MODE, constant(new BigInt64Array(1))));
  // With their shapes: without, the runtime cannot tell which results may take the place of what they are made of.
  const inputs = new Map(modes.flatMap((mode) => Object.entries(mode.inputs)));
  for (const [name, value] of inputs) graph.message(11, valueInfo(name, value));
  for (let i = 0; i < outputs; i++) graph.message(12, namedFloat(`o${i}`));
  return modelMessage(graph);
}

function counter(): (prefix: string) => string {
  let count = 0;
  return (prefix) => `${prefix}${count++}`;
}

interface StoredWeights {
  readonly initializers: readonly MessageWriter[];
  /** The name of each file tensor's initializer, and whether it is half precision. */
  readonly names: ReadonlyMap<Value, { readonly name: string; readonly half: boolean }>;
}

function storedWeights(files: ProgramSpec['files']): StoredWeights {
  const entries = [...(files ?? [])];
  return {
    initializers: entries.map(([, tensor], i) => storedTensor(`w${i}`, tensor)),
    names: new Map(
      entries.map(([value, { dtype }], i) => [
        value,
        { name: `w${i}`, half: dtype === 'F16' || dtype === 'BF16' },
      ]),
    ),
  };
}

interface Body {
  readonly nodes: readonly MessageWriter[];
  readonly initializers: readonly MessageWriter[];
  /** Names of the outputs, in order. */
  readonly outputs: readonly string[];
}

/** The nodes of one program. `own`: outputs are called by their own names, else by fresh ones. */
function writeBody(
  { inputs, outputs }: Omit<ProgramSpec, 'files'>,
  weights: StoredWeights,
  next: (prefix: string) => string,
  own: boolean,
): Body {
  const names = new Map<Value, string>();
  for (const [name, value] of Object.entries(inputs)) names.set(value, name);
  const nodes: MessageWriter[] = [];
  const initializers: MessageWriter[] = [];
  const half = new Map<Value, string>();
  for (const [value, { name, half: isHalf }] of weights.names) {
    names.set(value, name);
    if (isHalf) half.set(value, name);
  }
  const stop = new Set(names.keys());
  const copies: [string, Value][] = [];
  const outputNames = Object.entries(outputs).map(([name, value]) => {
    const called = own ? name : next('v');
    if (names.has(value) || value.producer === null) copies.push([called, value]);
    else names.set(value, called);
    return called;
  });
  const cast = (from: string, to: string) =>
    nodes.push(nodeMessage('Cast', '', { to: ELEMENT_TYPE.f32 }, [from], [to]));
  const nameOf = (value: Value): string => {
    const stored = half.get(value);
    if (stored !== undefined) {
      half.delete(value);
      const single = own ? `${stored}_f32` : next('v');
      names.set(value, single);
      cast(stored, single);
    }
    const known = names.get(value);
    if (known !== undefined) return known;
    if (value.constant === null)
      throw new Error(`program needs ${value.label}, which is neither fed nor computed`);
    const name = next('c');
    names.set(value, name);
    initializers.push(constantTensor(name, value));
    return name;
  };
  for (const node of topological(Object.values(outputs), stop)) {
    // Rows are taken from a half-precision table before the cast: the table is large, the rows are few.
    const table = node.op === 'Gather' ? half.get(node.inputs[0] as Value) : undefined;
    const operands = node.inputs.map((value, i) => (i === 0 && table !== undefined ? table : nameOf(value)));
    const results = node.outputs.map((value) => {
      // An output that the graph is cut at is fed, and must not be defined a second time.
      if (stop.has(value)) return '';
      const name = names.get(value) ?? next('v');
      names.set(value, name);
      return name;
    });
    if (table === undefined)
      nodes.push(nodeMessage(node.op, node.domain, node.attributes, operands, results));
    else {
      const rows = `${results[0]}_half`;
      nodes.push(nodeMessage(node.op, node.domain, node.attributes, operands, [rows]));
      cast(rows, results[0] as string);
    }
  }
  for (const [name, value] of copies) nodes.push(nodeMessage('Identity', '', {}, [nameOf(value)], [name]));
  return { nodes, initializers, outputs: outputNames };
}

function modelMessage(graph: MessageWriter): Uint8Array {
  return new MessageWriter()
    .integer(1, IR_VERSION)
    .text(2, 'winnow')
    .message(7, graph)
    .message(8, new MessageWriter().text(1, '').integer(2, OPSET))
    .message(8, new MessageWriter().text(1, 'com.microsoft').integer(2, 1))
    .finish();
}

function nodeMessage(
  op: string,
  domain: string,
  attributes: Readonly<Record<string, Attribute>>,
  inputs: readonly string[],
  outputs: readonly string[],
): MessageWriter {
  const message = new MessageWriter();
  for (const name of inputs) message.text(1, name);
  for (const name of outputs) message.text(2, name);
  message.text(4, op);
  for (const [name, value] of Object.entries(attributes)) message.message(5, attributeMessage(name, value));
  if (domain !== '') message.text(7, domain);
  return message;
}

// onnx.proto, AttributeProto: f = 2, i = 3, s = 4, ints = 8, type = 20 (FLOAT 1, INT 2, STRING 3, INTS 7).
function attributeMessage(name: string, value: Attribute): MessageWriter {
  const message = new MessageWriter().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, 2);
  if ('float' in value) return message.float(2, value.float).integer(20, 1);
  if ('text' in value) return message.text(4, value.text).integer(20, 3);
  for (const item of value) message.integer(8, item);
  return message.integer(20, 7);
}

// AttributeProto: g = 6, type GRAPH 5.
function graphAttribute(name: string, graph: MessageWriter): MessageWriter {
  return new MessageWriter().text(1, name).message(6, graph).integer(20, 5);
}

// TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9, external_data = 13, data_location = 14 (EXTERNAL 1).
function constantTensor(name: string, value: Value): MessageWriter {
  const data = value.constant as Constant;
  const message = new MessageWriter();
  for (const dim of value.shape) message.integer(1, dim as number);
  return message
    .integer(2, ELEMENT_TYPE[value.dtype])
    .text(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function storedTensor(name: string, tensor: StoredTensor): MessageWriter {
  const message = new MessageWriter();
  for (const dim of tensor.shape) message.integer(1, dim);
  if ('data' in tensor) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    return message
      .integer(2, STORED_TYPE[tensor.dtype])
      .text(8, name)
      .bytes(9, new Uint8Array(buffer, byteOffset, byteLength));
  }
  message.integer(2, STORED_TYPE[tensor.dtype]).text(8, name);
  const entries = { location: tensor.location, offset: String(tensor.offset), length: String(tensor.length) };
  for (const [key, value] of Object.entries(entries))
    message.message(13, new MessageWriter().text(1, key).text(2, value));
  return message.integer(14, 1);
}

// ValueInfoProto → TypeProto.tensor_type → TensorShapeProto: dim_value = 1, dim_param = 2.
function valueInfo(name: string, value: Value): MessageWriter {
  const type = new MessageWriter()
    .integer(1, ELEMENT_TYPE[value.dtype])
    .message(2, shapeMessage(value.shape));
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, type));
}

/** A float32 value whose shape is told by what comes. */
function namedFloat(name: string): MessageWriter {
  const type = new MessageWriter().integer(1, ELEMENT_TYPE.f32);
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, type));
}

function shapeMessage(shape: Shape): MessageWriter {
  const message = new MessageWriter();
  for (const dim of shape)
    message.message(
      1,
      typeof dim === 'number' ? new MessageWriter().integer(1, dim) : new MessageWriter().text(2, dim),
    );
  return message;
}
