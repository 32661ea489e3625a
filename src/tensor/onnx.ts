import type { Shape } from './dim.ts';
import { topological } from './gradients.ts';
import { MessageWriter } from './protobuf.ts';
import type { Attribute, DType, Value } from './value.ts';

/** A tensor that stays in its file: the runtime maps it. `offset` and `length` in bytes. */
export interface FileTensor {
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
  /** File name relative to the folder that the session is given. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** What to make a program of: the part of the graph between its inputs and its outputs. */
export interface ProgramSpec {
  /** Fed at run time. A value that has a producer may stand here too: the graph is cut there. */
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Inputs of the graph that are read from files instead of being fed. */
  readonly files?: ReadonlyMap<Value, FileTensor>;
}

// onnx.proto, TensorProto.DataType.
const ELEMENT_TYPE: Record<DType, number> = { f32: 1, i64: 7 };
const FILE_TYPE: Record<FileTensor['dtype'], number> = { F32: 1, F16: 10, BF16: 16 };
/** The newest ONNX opset that all operations used here are defined in. */
const OPSET = 20;
const IR_VERSION = 10;

/**
 * The ONNX model of a program (onnx.proto: ModelProto). File tensors become external initializers, cast to
 * float32 in the graph where the file holds half precision, so that what is mapped stays in the file's dtype.
 * Throws when an output needs a value that is neither fed, in a file, nor constant.
 */
export function toOnnx(spec: ProgramSpec): Uint8Array {
  const names = new Map<Value, string>();
  const graph = new MessageWriter();
  for (const [name, value] of Object.entries(spec.inputs)) names.set(value, name);
  const nodes: MessageWriter[] = [];
  const half = new Map<Value, string>();
  const initializers: MessageWriter[] = [];
  for (const [value, tensor] of spec.files ?? []) {
    const name = `w${initializers.length}`;
    initializers.push(externalTensor(name, tensor));
    names.set(value, name);
    if (tensor.dtype !== 'F32') half.set(value, name);
  }
  const stop = new Set(names.keys());
  const copies: [string, Value][] = [];
  for (const [name, value] of Object.entries(spec.outputs)) {
    if (names.has(value) || value.producer === null) copies.push([name, value]);
    else names.set(value, name);
  }
  let count = 0;
  const cast = (from: string, to: string) =>
    nodes.push(nodeMessage('Cast', '', { to: ELEMENT_TYPE.f32 }, [from], [to]));
  const nameOf = (value: Value): string => {
    const stored = half.get(value);
    if (stored !== undefined) {
      half.delete(value);
      names.set(value, `${stored}_f32`);
      cast(stored, `${stored}_f32`);
    }
    const known = names.get(value);
    if (known !== undefined) return known;
    if (value.constant === null)
      throw new Error(`program needs ${value.label}, which is neither fed nor computed`);
    const name = `c${count++}`;
    names.set(value, name);
    initializers.push(constantTensor(name, value));
    return name;
  };
  for (const node of topological(Object.values(spec.outputs), stop)) {
    // Rows are taken from a half-precision table before the cast: the table is large, the rows are few.
    const table = node.op === 'Gather' ? half.get(node.inputs[0] as Value) : undefined;
    const inputs = node.inputs.map((value, i) => (i === 0 && table !== undefined ? table : nameOf(value)));
    const outputs = node.outputs.map((value) => {
      // An output that the graph is cut at is fed, and must not be defined a second time.
      if (stop.has(value)) return '';
      const name = names.get(value) ?? `v${count++}`;
      names.set(value, name);
      return name;
    });
    if (table === undefined) nodes.push(nodeMessage(node.op, node.domain, node.attributes, inputs, outputs));
    else {
      nodes.push(nodeMessage(node.op, node.domain, node.attributes, inputs, [`${table}_rows`]));
      cast(`${table}_rows`, outputs[0] as string);
    }
  }
  for (const [name, value] of copies) nodes.push(nodeMessage('Identity', '', {}, [nameOf(value)], [name]));

  for (const node of nodes) graph.message(1, node);
  graph.text(2, 'winnow');
  for (const initializer of initializers) graph.message(5, initializer);
  for (const [name, value] of Object.entries(spec.inputs)) graph.message(11, valueInfo(name, value));
  for (const [name, value] of Object.entries(spec.outputs)) graph.message(12, valueInfo(name, value));
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

// TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9, external_data = 13, data_location = 14 (EXTERNAL 1).
function constantTensor(name: string, value: Value): MessageWriter {
  const data = value.constant as Float32Array | BigInt64Array;
  const message = new MessageWriter();
  for (const dim of value.shape) message.integer(1, dim as number);
  return message
    .integer(2, ELEMENT_TYPE[value.dtype])
    .text(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function externalTensor(name: string, tensor: FileTensor): MessageWriter {
  const message = new MessageWriter();
  for (const dim of tensor.shape) message.integer(1, dim);
  message.integer(2, FILE_TYPE[tensor.dtype]).text(8, name);
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

function shapeMessage(shape: Shape): MessageWriter {
  const message = new MessageWriter();
  for (const dim of shape)
    message.message(
      1,
      typeof dim === 'number' ? new MessageWriter().integer(1, dim) : new MessageWriter().text(2, dim),
    );
  return message;
}
