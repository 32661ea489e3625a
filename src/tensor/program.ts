import { InferenceSession, Tensor } from 'onnxruntime-node';
import { machineError } from '../base/errors.ts';
import { keepsMemory } from '../base/malloc.ts';
import { evaluateDim, type Shape, showShape } from './dim.ts';
import { MODE, type ProgramSpec, toModalOnnx, toOnnx } from './onnx.ts';
import type { Value } from './value.ts';

/** A tensor in the host's memory, row-major. */
export interface HostTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly shape: readonly number[];
}

/** Where the outputs of a program are written: memory that the caller owns. */
export type Allocate = (length: number) => Float32Array;

export interface CompileOptions {
  /** Threads inside one operation. */
  readonly threads: number;
  /** The folder in which file tensors lie: its real path, symlinks resolved. */
  readonly folder?: string;
}

/** A compiled part of a graph. It blocks the thread that runs it: use it in a child process. */
export interface Program {
  /**
   * Runs once. Feeds must have the shapes that the graph declares; symbols are bound by them, and
   * the outputs (float32) are written into what `allocate` gives.
   */
  run<Name extends string>(
    feeds: Readonly<Record<string, HostTensor>>,
    allocate: Allocate,
  ): Promise<Record<Name, HostTensor & { readonly data: Float32Array }>>;
  dispose(): Promise<void>;
}

/** Compiles the part of the graph between the inputs and outputs of `spec` for the CPU. */
export async function compile(spec: ProgramSpec, options: CompileOptions): Promise<Program> {
  const session = await createSession(toOnnx(spec), options);
  const outputs = Object.keys(spec.outputs);
  return {
    run: (feeds, allocate) => runSession(session, spec, feeds, allocate, { outputs, more: {} }),
    dispose: () => session.release(),
  };
}

/**
 * Compiles several programs over the same file tensors into one session, which maps the tensors once. Disposing of
 * one disposes of all.
 */
export async function compileModes<Mode extends string>(
  specs: Readonly<Record<Mode, Omit<ProgramSpec, 'files'>>>,
  files: ProgramSpec['files'],
  options: CompileOptions,
): Promise<Record<Mode, Program>> {
  const modes = Object.entries(specs) as [Mode, Omit<ProgramSpec, 'files'>][];
  const session = await createSession(
    toModalOnnx(
      modes.map(([, spec]) => spec),
      files,
    ),
    options,
  );
  const all = new Map(modes.flatMap(([, spec]) => Object.entries(spec.inputs)));
  let released: Promise<void> | undefined;
  const programs = modes.map(([mode, spec], index): [Mode, Program] => {
    const outputs = Object.keys(spec.outputs).map((_, i) => `o${i}`);
    const more: Record<string, Tensor> = { [MODE]: new Tensor('int64', BigInt64Array.of(BigInt(index)), []) };
    for (const [name, value] of all) if (!(name in spec.inputs)) more[name] = nothing(value);
    return [
      mode,
      {
        run: (feeds, allocate) => runSession(session, spec, feeds, allocate, { outputs, more }),
        async dispose() {
          released ??= session.release();
          await released;
        },
      },
    ];
  });
  return Object.fromEntries(programs) as Record<Mode, Program>;
}

/** What is fed for an input that only other modes need: symbolic dimensions at zero. */
function nothing({ shape, dtype }: Value): Tensor {
  const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 0));
  const length = dims.reduce((product, dim) => product * dim, 1);
  return dtype === 'f32'
    ? new Tensor('float32', new Float32Array(length), dims)
    : new Tensor('int64', new BigInt64Array(length), dims);
}

function createSession(model: Uint8Array, options: CompileOptions): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    // Measured: memory patterns hold the largest batch's memory; constant folding turns mapped half-precision
    // weights into float32 copies; prepacking copies weights.
    enableMemPattern: false,
    // A decoder has many sessions: an arena each would hold the scratch memory of all at once (0.5 B: 4 GB).
    enableCpuMemArena: !keepsMemory(),
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
    extra: {
      session: {
        disable_prepacking: '1',
        ...(options.folder === undefined
          ? {}
          : { model_external_initializers_file_folder_path: options.folder }),
      },
    },
  });
}

/** How a program's outputs are called in its session, and what the session must be fed beside its inputs. */
interface Plug {
  readonly outputs: readonly string[];
  readonly more: Readonly<Record<string, Tensor>>;
}

async function runSession(
  session: InferenceSession,
  spec: Omit<ProgramSpec, 'files'>,
  feeds: Readonly<Record<string, HostTensor>>,
  allocate: Allocate,
  plug: Plug,
): Promise<Record<string, HostTensor & { readonly data: Float32Array }>> {
  const inputs = Object.entries(spec.inputs);
  const bindings: Record<string, number> = {};
  const fed: Record<string, Tensor> = { ...plug.more };
  for (const [name, value] of inputs) {
    const feed = feeds[name];
    if (feed === undefined) throw new Error(`program: input ${name} is not fed`);
    bind(name, value.shape, feed.shape, bindings);
    fed[name] =
      feed.data instanceof Float32Array
        ? new Tensor('float32', feed.data, feed.shape)
        : new Tensor('int64', feed.data, feed.shape);
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
  try {
    await session.run(fed, fetches);
  } catch (cause) {
    if (cause instanceof Error && /alloc/i.test(cause.message))
      throw machineError(
        'out-of-memory',
        'the engine could not allocate memory',
        {
          remedy: 'Lower text.maxLength or training.batchSize, or run fewer workers',
        },
        cause,
      );
    throw cause;
  }
  return results;
}

function bind(
  name: string,
  declared: Shape,
  given: readonly number[],
  bindings: Record<string, number>,
): void {
  const fail = () =>
    new Error(`program: input ${name} must be ${showShape(declared)}, got ${showShape(given)}`);
  if (declared.length !== given.length) throw fail();
  declared.forEach((dim, i) => {
    const size = given[i] as number;
    if (typeof dim === 'number') {
      if (dim !== size) throw fail();
    } else if (/^\w+$/.test(dim)) {
      if (bindings[dim] !== undefined && bindings[dim] !== size) throw fail();
      bindings[dim] = size;
    }
  });
}

function misfit(name: string, declared: Shape, given: readonly number[]): Error {
  return new Error(`program: input ${name} must be ${showShape(declared)}, got ${showShape(given)}`);
}
