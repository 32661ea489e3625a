import { InferenceSession, Tensor } from 'onnxruntime-node';
import { keepsMemory } from '../base/malloc.ts';
import { evaluateDim, type Shape, showShape } from './dim.ts';
import type { ProgramSpec } from './onnx.ts';

/** A tensor in the host's memory, row-major. */
export interface HostTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly shape: readonly number[];
}

export type Feeds = Readonly<Record<string, HostTensor>>;

/** Where the outputs of a program are written: memory that the caller owns. */
export type Allocate = (length: number) => Float32Array;

export interface SessionOptions {
  /** Threads inside one operation. */
  readonly threads: number;
  /** The folder in which file tensors lie: its real path, symlinks resolved. */
  readonly folder?: string;
  /** Whether weights may be copied into the order that products read them in. Default: not. */
  readonly prepacks?: boolean;
}

/** What is used of a session of onnxruntime. */
export type Session = Pick<InferenceSession, 'run' | 'release'>;

/** Opens an ONNX model, on the CPU or with onnxruntime's WebGPU provider. */
export type OpenSession = (model: Uint8Array, options: SessionOptions) => Promise<Session>;

export const openOnCpu: OpenSession = (model, options) => open(model, options, 'cpu');
export const openOnGpu: OpenSession = (model, options) => open(model, options, 'webgpu');

function open(
  model: Uint8Array,
  { threads, folder, prepacks = false }: SessionOptions,
  provider: 'cpu' | 'webgpu',
): Promise<Session> {
  return InferenceSession.create(model, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Measured: memory patterns hold the largest batch's memory; constant folding turns mapped half-precision
    // weights into float32 copies; prepacking copies weights.
    enableMemPattern: false,
    // A decoder has many sessions: an arena each would hold the scratch memory of all at once (0.5 B: 4 GB).
    enableCpuMemArena: !keepsMemory(),
    graphOptimizationLevel: 'disabled',
    // Errors of the WebGPU provider are told by who falls back: 4 keeps them off stderr.
    logSeverityLevel: provider === 'cpu' ? 3 : 4,
    extra: {
      session: {
        disable_prepacking: prepacks ? '0' : '1',
        // Gradients of a pair whose loss is saturated fall below 1e-38, where processors compute a hundred times
        // slower: steps of such pairs took five times as long (measured).
        set_denormal_as_zero: '1',
        // Every session has threads of its own, which go on spinning when it has run: those of one layer would take
        // the cores from the next (measured with two threads, 15.7 M parameters: 0.65 s a training pass, now 0.28).
        force_spinning_stop: '1',
        ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
      },
    },
  });
}

export function toOrt({ data, shape }: HostTensor): Tensor {
  return data instanceof Float32Array ? new Tensor('float32', data, shape) : new Tensor('int64', data, shape);
}

/** How a program's outputs are called in its session, and what the session must be fed beside its inputs. */
export interface Plug {
  readonly outputs: readonly string[];
  readonly more: Readonly<Record<string, Tensor>>;
}

/** A run that is ready: what a session is fed, and where it writes. */
export interface Call {
  readonly fed: Readonly<Record<string, Tensor>>;
  readonly fetches: Readonly<Record<string, Tensor>>;
  /** By the program's own names; filled by the run. */
  readonly results: Record<string, HostTensor & { readonly data: Float32Array }>;
}

/** Holds feeds against the declared shapes, and takes memory for the outputs. */
export function prepareCall(
  spec: Omit<ProgramSpec, 'files'>,
  feeds: Feeds,
  allocate: Allocate,
  plug: Plug,
): Call {
  const inputs = Object.entries(spec.inputs);
  const bindings: Record<string, number> = {};
  const fed: Record<string, Tensor> = { ...plug.more };
  for (const [name, value] of inputs) {
    const feed = feeds[name];
    if (feed === undefined) throw new Error(`program: input ${name} is not fed`);
    bind(name, value.shape, feed.shape, bindings);
    fed[name] = toOrt(feed);
  }
  // Expressions such as P+T can be held against a feed only once all symbols are bound.
  for (const [name, value] of inputs)
    if (value.shape.some((dim, i) => evaluateDim(dim, bindings) !== fed[name]?.dims[i]))
      throw misfit(name, value.shape, fed[name]?.dims ?? []);
  const fetches: Record<string, Tensor> = {};
  const results: Record<string, HostTensor & { data: Float32Array }> = {};
  Object.entries(spec.outputs).forEach(([name, value], i) => {
    const shape = value.shape.map((dim) => evaluateDim(dim, bindings));
    const data = allocate(shape.reduce((product, dim) => product * dim, 1));
    results[name] = { data, shape };
    fetches[plug.outputs[i] as string] = new Tensor('float32', data, shape);
  });
  return { fed, fetches, results };
}

function bind(
  name: string,
  declared: Shape,
  given: readonly number[],
  bindings: Record<string, number>,
): void {
  if (declared.length !== given.length) throw misfit(name, declared, given);
  declared.forEach((dim, i) => {
    const size = given[i] as number;
    if (typeof dim === 'number') {
      if (dim !== size) throw misfit(name, declared, given);
    } else if (/^\w+$/.test(dim)) {
      if (bindings[dim] !== undefined && bindings[dim] !== size) throw misfit(name, declared, given);
      bindings[dim] = size;
    }
  });
}

function misfit(name: string, declared: Shape, given: readonly number[]): Error {
  return new Error(`program: input ${name} must be ${showShape(declared)}, got ${showShape(given)}`);
}
