import { Random } from '../base/random.ts';
import { type Bindings, type Dim, evaluateDim, showShape } from './dim.ts';
import { topological } from './gradients.ts';
import { toOnnx } from './onnx.ts';
import type { Part } from './rewrite.ts';
import { type Feeds, type HostTensor, type OpenSession, openOnCpu, toOrt } from './session.ts';
import { apply, input, type Node, type Value } from './value.ts';

export type Values = ReadonlyMap<Value, HostTensor>;

/**
 * Sizes that symbols are bound to, in their order: odd ones, which end amid a kernel's tile, and multiples of eight,
 * for which there are other kernels.
 */
const SIZES = [
  [3, 5, 7, 9, 2, 11],
  [8, 32, 16, 64, 24, 40],
] as const;

/** What a mask adds to a score that must not count. */
const UNSEEN = -1e30;

/** Largest difference, relative to the largest number of a tensor. WebGPU's own functions are exact to about 1e-6. */
export const OPERATION_TOLERANCE = 1e-4;
/** Of whole programs, in which differences add up over random numbers of any condition. */
export const PROGRAM_TOLERANCE = 1e-3;

/**
 * Runs every operation of the parts once on its own, over random numbers, and holds it against the CPU: the first
 * that fails or is wrong is told, with its error; null: all are right. The operations are taken from the graphs, so
 * that a new one is checked without anybody's thinking of it. `seen` gathers what was checked, and is not checked
 * again.
 */
export async function checkOperations(
  parts: readonly Part[],
  stored: Values,
  open: OpenSession,
  seen: Set<string>,
): Promise<string | null> {
  for (const part of parts) {
    const fresh = new Map<string, Node>();
    for (const node of nodesOf(part)) {
      const key = signature(node);
      if (!seen.has(key)) fresh.set(key, node);
    }
    if (fresh.size === 0) continue;
    const runs: Values[] = [];
    for (const feeds of samples(part)) runs.push(await evaluate(part, feeds, stored));
    const fault = await compareNodes([...fresh.values()], runs, open);
    if (fault !== null) return fault;
    for (const key of fresh.keys()) seen.add(key);
  }
  return null;
}

/** What the operations of a program are known by; equal for the layers of a decoder. */
export function programSignature(parts: readonly Part[]): string {
  const exact = (node: Node) =>
    `${signature(node)} ${node.inputs.map(({ shape }) => showShape(shape)).join(' ')}`;
  return JSON.stringify(parts.map((part) => nodesOf(part).map(exact)));
}

/** Random feeds for a part, one for each choice of sizes, from a fixed seed. */
export function samples(part: Part): Feeds[] {
  return SIZES.map((sizes) => sample(part, sizes));
}

/** The outputs of a part on the CPU. `stored`: its weights. */
export async function expectedOutputs(part: Part, feeds: Feeds, stored: Values): Promise<Feeds> {
  const values = await evaluate(part, feeds, stored);
  return Object.fromEntries(
    Object.entries(part.outputs).map(([name, value]) => [name, values.get(value) as HostTensor]),
  );
}

/**
 * How far tensors are apart: the largest |got − need| relative to the largest |need|, infinite where one alone is not
 * a number. Entries that a mask has put out of the way are held against themselves.
 */
export function difference(got: HostTensor['data'], need: HostTensor['data']): number {
  if (got.length !== need.length) return Number.POSITIVE_INFINITY;
  let scale = 0;
  for (const value of need) {
    const size = Math.abs(Number(value));
    if (size < -UNSEEN / 1e6 && size > scale) scale = size;
  }
  let worst = 0;
  for (let i = 0; i < need.length; i++) {
    const [a, b] = [Number(got[i]), Number(need[i])];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const apart = Math.abs(a - b) / Math.max(scale, Math.abs(b));
    worst = Math.max(worst, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart);
  }
  return worst;
}

function nodesOf({ inputs, outputs }: Part): Node[] {
  return topological(Object.values(outputs), new Set(Object.values(inputs)));
}

/**
 * What decides which kernel runs: operation, attributes, types of the operands, and of their dimensions whether they
 * broadcast, are known, and go into fours.
 */
function signature({ op, domain, attributes, inputs, outputs }: Node): string {
  const size = (dim: Dim) => (typeof dim === 'string' ? '?' : dim === 1 ? 1 : dim % 4 === 0 ? 4 : 'n');
  const operand = ({ dtype, shape, constant }: Value) =>
    `${dtype}[${shape.map(size).join(',')}]${constant === null ? '' : '='}`;
  return `${domain} ${op} ${JSON.stringify(attributes)} ${inputs.map(operand).join(' ')} → ${outputs.length}`;
}

/** Random numbers for what a part is fed. */
function sample(part: Part, sizes: readonly number[]): Feeds {
  const random = new Random(1, 'self-check');
  const nodes = nodesOf(part);
  const bindings: Record<string, number> = {};
  const values = [...Object.values(part.inputs), ...nodes.flatMap(({ outputs }) => outputs)];
  for (const dim of values.flatMap(({ shape }) => shape))
    for (const symbol of typeof dim === 'string' ? dim.split(/[*+]/) : [])
      if (!/^\d+$/.test(symbol))
        bindings[symbol] ??= sizes[Object.keys(bindings).length % sizes.length] as number;
  // Tables of positions must reach behind the longest row.
  for (const { op, inputs } of nodes)
    if (op === 'RotaryEmbedding' && typeof inputs[2]?.shape[0] === 'string')
      bindings[inputs[2].shape[0]] = sizes.reduce((sum, size) => sum + size, 0);
  return Object.fromEntries(
    Object.entries(part.inputs).map(([name, value]) => [name, sampleOf(value, nodes, bindings, random)]),
  );
}

function sampleOf(value: Value, nodes: readonly Node[], bindings: Bindings, random: Random): HostTensor {
  const shape = value.shape.map((dim) => evaluateDim(dim, bindings));
  const length = shape.reduce((product, dim) => product * dim, 1);
  const user = nodes.find((node) => node.inputs.includes(value));
  if (value.dtype === 'i64') {
    if (user?.op === 'Split') {
      const axis = user.attributes.axis as number;
      const parts = user.outputs.map((part) => evaluateDim(part.shape[axis] ?? 0, bindings));
      return { data: BigInt64Array.from(parts, BigInt), shape };
    }
    const below = user === undefined ? 1 : rowsBehind(user, bindings);
    return { data: BigInt64Array.from({ length }, () => BigInt(random.integer(below))), shape };
  }
  const masks = nodes.some(
    (node) =>
      node.op === 'Add' &&
      node.inputs.includes(value) &&
      nodes.some((next) => next.op === 'Softmax' && node.outputs.includes(next.inputs[0] as Value)),
  );
  const width = shape.at(-1) ?? 1;
  const number = (i: number) =>
    // The first of each row stays: a softmax needs something to stand on.
    masks && i % width > 0 && random.integer(3) === 0 ? UNSEEN : 2 * random.uniform() - 1;
  return { data: Float32Array.from({ length }, (_, i) => number(i)), shape };
}

/** How many rows there are for the numbers that an operation takes. */
function rowsBehind({ op, inputs, attributes }: Node, bindings: Bindings): number {
  const of = (place: number, axis: number) => evaluateDim(inputs[place]?.shape[axis] ?? 1, bindings);
  if (op === 'RotaryEmbedding') return of(2, 0);
  if (['Gather', 'GatherElements', 'ScatterElements'].includes(op)) return of(0, attributes.axis as number);
  throw new Error(`the self-check does not know which numbers ${op} takes`);
}

/** Every value of a part on the CPU, from feeds and weights. */
async function evaluate(part: Part, feeds: Feeds, stored: Values): Promise<Map<Value, HostTensor>> {
  const known = new Map<Value, HostTensor>(stored);
  for (const [name, value] of Object.entries(part.inputs)) known.set(value, feeds[name] as HostTensor);
  const made = [
    ...new Set([...nodesOf(part).flatMap(({ outputs }) => outputs), ...Object.values(part.outputs)]),
  ];
  const wanted = made.filter((value) => !known.has(value));
  const [results] = await runEach(wanted, [...known.keys()], [known], openOnCpu);
  wanted.forEach((value, i) => {
    known.set(value, results?.[i] as HostTensor);
  });
  return known;
}

/** Each of the nodes alone, with the operands that the CPU gave it in each of the runs. */
async function compareNodes(
  nodes: readonly Node[],
  runs: readonly Values[],
  open: OpenSession,
): Promise<string | null> {
  /** What stands for an operand → the operand. */
  const fed = new Map<Value, Value>();
  const pieces = nodes.map((node) => {
    const inputs = node.inputs.map((value) => {
      if (value.constant !== null) return value;
      const own = input(value.label, value.shape, value.dtype);
      fed.set(own, value);
      return own;
    });
    const { op, domain, attributes, outputs } = node;
    return { node, outputs: apply({ op, domain, attributes, inputs, outputs }) };
  });
  let results: readonly (readonly HostTensor[])[];
  try {
    const feeds = runs.map(
      (values) => new Map([...fed].map(([own, value]) => [own, values.get(value) as HostTensor])),
    );
    results = await runEach(
      pieces.flatMap(({ outputs }) => outputs),
      [...fed.keys()],
      feeds,
      open,
    );
  } catch (error) {
    // One of them cannot run: which?
    for (const node of nodes.length > 1 ? nodes : []) {
      const fault = await compareNodes([node], runs, open);
      if (fault !== null) return fault;
    }
    return `${nodes.length === 1 ? describe(nodes[0] as Node) : 'a program'} fails: ${firstLine(error)}`;
  }
  const outputs = nodes.flatMap((node) => node.outputs.map((value) => ({ node, value })));
  for (const [run, values] of runs.entries())
    for (const [i, { node, value }] of outputs.entries()) {
      const [got, need] = [results[run]?.[i] as HostTensor, values.get(value) as HostTensor];
      const apart = difference(got.data, need.data);
      if (apart > OPERATION_TOLERANCE)
        return `${describe(node)} is wrong: its result is ${apart.toPrecision(2)} of its size away from the CPU's`;
    }
  return null;
}

/** The values, once for each choice of inputs, in a session of their own. */
async function runEach(
  wanted: readonly Value[],
  fed: readonly Value[],
  runs: readonly Values[],
  open: OpenSession,
): Promise<HostTensor[][]> {
  const inputs = Object.fromEntries(fed.map((value, i) => [`i${i}`, value]));
  const outputs = Object.fromEntries(wanted.map((value, i) => [`o${i}`, value]));
  const session = await open(toOnnx({ inputs, outputs }), { threads: 1 });
  try {
    const all: HostTensor[][] = [];
    for (const values of runs) {
      const feeds = fed.map((value, i) => [`i${i}`, toOrt(values.get(value) as HostTensor)] as const);
      const results = await session.run(Object.fromEntries(feeds));
      all.push(
        wanted.map((_, i) => {
          const { data, dims } = results[`o${i}`] as { data: HostTensor['data']; dims: readonly number[] };
          return { data, shape: dims };
        }),
      );
    }
    return all;
  } finally {
    await session.release();
  }
}

function describe({ op, attributes, inputs }: Node): string {
  const shapes = inputs.map(({ shape }) => showShape(shape)).join(', ');
  const settings = Object.keys(attributes).length === 0 ? '' : ` ${JSON.stringify(attributes)}`;
  return `operation ${op}${settings} of ${shapes}`;
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]?.slice(0, 300) ?? '';
}
