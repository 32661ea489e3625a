import { Tensor } from 'onnxruntime-node';
import { machineError } from '../base/errors.ts';
import { type Device, type Gpu, gpuOf } from './gpu.ts';
import { type Precision, toIntegers } from './integer-products.ts';
import { lower } from './lowering.ts';
import { type HeldTensor, MODE, type ProgramSpec, toModalOnnx, toOnnx } from './onnx.ts';
import type { Part } from './rewrite.ts';
import {
  checkOperations,
  difference,
  expectedOutputs,
  firstLine,
  PROGRAM_TOLERANCE,
  programSignature,
  samples,
} from './self-check.ts';
import {
  type Allocate,
  type Call,
  type Feeds,
  type HostTensor,
  openOnCpu,
  type Plug,
  prepareCall,
  type Session,
  type SessionOptions,
} from './session.ts';
import type { Value } from './value.ts';

export type { Allocate, HostTensor } from './session.ts';

export interface CompileOptions extends SessionOptions {
  /** Where it runs, 'cpu' if not given. Where a GPU is not to be had or fails, the CPU takes over. */
  readonly device?: Device;
  /** How products with file tensors are computed on the CPU, f32 if not given. */
  readonly precision?: Precision;
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

type Files = NonNullable<ProgramSpec['files']>;

/** Compiles the part of the graph between the inputs and outputs of `spec`. */
export async function compile(spec: ProgramSpec, options: CompileOptions): Promise<Program> {
  const { parts, files } = await chosen([spec], spec.files, options);
  const place = await Place.open(
    {
      parts,
      files,
      plugs: [{ outputs: Object.keys(spec.outputs), more: {} }],
      write: ([part], files) => toOnnx({ ...(part as Part), files }),
    },
    options,
  );
  return { run: (feeds, allocate) => place.run(0, feeds, allocate), dispose: () => place.dispose() };
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
  const modes = Object.entries(specs) as [Mode, Part][];
  const all = new Map(modes.flatMap(([, spec]) => Object.entries(spec.inputs)));
  const plugs = modes.map(([, spec], index): Plug => {
    const more: Record<string, Tensor> = { [MODE]: new Tensor('int64', BigInt64Array.of(BigInt(index)), []) };
    for (const [name, value] of all) if (!(name in spec.inputs)) more[name] = nothing(value);
    return { outputs: Object.keys(spec.outputs).map((_, i) => `o${i}`), more };
  });
  const { parts, files: stored } = await chosen(
    modes.map(([, spec]) => spec),
    files,
    options,
  );
  const place = await Place.open({ parts, files: stored, plugs, write: toModalOnnx }, options);
  const programs = modes.map(([mode], index): [Mode, Program] => [
    mode,
    { run: (feeds, allocate) => place.run(index, feeds, allocate), dispose: () => place.dispose() },
  ]);
  return Object.fromEntries(programs) as Record<Mode, Program>;
}

/** Parts and their file tensors as the precision asks. */
async function chosen(
  parts: readonly Part[],
  files: Files = new Map(),
  { precision = 'f32', device = 'cpu', ...options }: CompileOptions,
): Promise<{ readonly parts: readonly Part[]; readonly files: Files }> {
  return precision === 'f32' || device !== 'cpu'
    ? { parts, files }
    : toIntegers(parts, files, precision, options);
}

/** What is fed for an input that only other modes need: symbolic dimensions at zero. */
function nothing({ shape, dtype }: Value): Tensor {
  const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 0));
  const length = dims.reduce((product, dim) => product * dim, 1);
  return dtype === 'f32'
    ? new Tensor('float32', new Float32Array(length), dims)
    : new Tensor('int64', new BigInt64Array(length), dims);
}

/** What one session holds. */
interface Source {
  readonly parts: readonly Part[];
  readonly files: Files;
  /** How each part is reached in the session. */
  readonly plugs: readonly Plug[];
  /** The ONNX model. */
  write(parts: readonly Part[], files: Files): Uint8Array;
}

/** A session on the GPU or the CPU; from the one it moves to the other when the GPU fails, here or elsewhere. */
class Place {
  readonly #source: Source;
  readonly #options: SessionOptions;
  /** null: on the CPU. */
  #gpu: Gpu | null;
  #session: Session;
  #released: Promise<void> | undefined;

  private constructor(source: Source, options: SessionOptions, session: Session, gpu: Gpu | null) {
    this.#source = source;
    this.#options = options;
    this.#session = session;
    this.#gpu = gpu;
  }

  static async open(source: Source, { device = 'cpu', precision, ...given }: CompileOptions): Promise<Place> {
    // Weights of integer products are held, not mapped: to prepack them copies nothing that is shared.
    const options = { ...given, prepacks: precision !== undefined && precision !== 'f32' };
    const gpu = gpuOf(device);
    const onGpu = gpu === null ? null : await openChecked(source, gpu, options);
    if (onGpu !== null) return new Place(source, options, onGpu, gpu);
    return new Place(source, options, await openPlain(source, options), null);
  }

  async run(
    index: number,
    feeds: Feeds,
    allocate: Allocate,
  ): Promise<Record<string, HostTensor & { readonly data: Float32Array }>> {
    const { parts, plugs } = this.#source;
    const call = prepareCall(parts[index] as Part, feeds, allocate, plugs[index] as Plug);
    if (this.#gpu !== null && this.#gpu.givenUp === null) {
      try {
        await this.#session.run(call.fed, call.fetches);
        return call.results;
      } catch (error) {
        this.#gpu.giveUp(firstLine(error));
      }
    }
    if (this.#gpu !== null) await this.#moveToCpu();
    await runOnCpu(this.#session, call);
    return call.results;
  }

  async dispose(): Promise<void> {
    this.#released ??= this.#session.release();
    await this.#released;
  }

  async #moveToCpu(): Promise<void> {
    await this.#session.release();
    this.#gpu = null;
    this.#session = await openPlain(this.#source, this.#options);
  }
}

function openPlain({ parts, files, write }: Source, options: SessionOptions): Promise<Session> {
  return withinMemory(() => openOnCpu(write(parts, files), options));
}

function runOnCpu(session: Session, { fed, fetches }: Call): Promise<unknown> {
  return withinMemory(() => session.run(fed, fetches));
}

/** onnxruntime says in words that memory was too little: "Failed to allocate memory", "std::bad_alloc". */
async function withinMemory<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
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
}

/**
 * A session on the GPU, each of its operations and every part as a whole held against the CPU first, unless its like
 * was before. null: it is the CPU's, because the GPU fails, or because there is nothing to multiply.
 */
async function openChecked(source: Source, gpu: Gpu, options: SessionOptions): Promise<Session | null> {
  const parts = source.parts.map(lower);
  // A look-up in a table only moves memory, and the table would have to be on the device.
  const signature = programSignature(parts);
  if (!/ (MatMul|Gemm) /.test(signature)) return null;
  await gpu.ready(options.threads);
  if (gpu.givenUp !== null) return null;
  let session: Session | null = null;
  try {
    const known = gpu.checked.has(signature);
    const files = await held(source.files, options, known);
    const stored = new Map(
      [...files].filter(
        (entry): entry is [Value, HeldTensor] => 'data' in entry[1] && entry[1].dtype === 'F32',
      ),
    );
    const fault = known ? null : await checkOperations(parts, stored, gpu.open, gpu.checked);
    if (fault === null) {
      // Whole tensors stay in their file; half-precision ones are held as float32: the provider has no bfloat16.
      const kept = new Map(
        [...source.files].map(([value, tensor]) =>
          'data' in tensor || tensor.dtype === 'F32'
            ? [value, tensor]
            : [value, files.get(value) as HeldTensor],
        ),
      );
      session = await gpu.open(source.write(parts, kept), options);
    }
    const wrong = fault ?? (known ? null : await wrongPart(source, session as Session, stored));
    if (wrong === null) {
      gpu.checked.add(signature);
      return session;
    }
    gpu.giveUp(wrong);
  } catch (error) {
    gpu.giveUp(firstLine(error));
  }
  await session?.release();
  return null;
}

/** Tensors read from their files by the CPU, as float32: those in half precision, or all. */
async function held(files: Files, options: SessionOptions, onlyHalf: boolean): Promise<Files> {
  const wanted = [...files].filter(
    ([, tensor]) => !('data' in tensor) && !(onlyHalf && tensor.dtype === 'F32'),
  );
  if (wanted.length === 0) return files;
  const outputs = Object.fromEntries(wanted.map(([value], i) => [`o${i}`, value]));
  const session = await openOnCpu(toOnnx({ inputs: {}, outputs, files: new Map(wanted) }), options);
  try {
    const results = await session.run({});
    const read = wanted.map(([value, { shape }], i): [Value, HeldTensor] => [
      value,
      { dtype: 'F32', shape, data: results[`o${i}`]?.data as Float32Array },
    ]);
    return new Map([...files, ...read]);
  } finally {
    await session.release();
  }
}

/** Each part as a whole, over random feeds, against the CPU and the graph as it was; what is wrong, or null. */
async function wrongPart(
  { parts, plugs }: Source,
  session: Session,
  stored: ReadonlyMap<Value, HostTensor>,
): Promise<string | null> {
  for (const [i, part] of parts.entries())
    for (const feeds of samples(part)) {
      const need = await expectedOutputs(part, feeds, stored);
      const call = prepareCall(part, feeds, (length) => new Float32Array(length), plugs[i] as Plug);
      await session.run(call.fed, call.fetches);
      for (const [name, { data }] of Object.entries(call.results)) {
        const apart = difference(data, (need[name] as HostTensor).data);
        if (apart > PROGRAM_TOLERANCE)
          return `a program is wrong: ${name} is ${apart.toPrecision(2)} of its size away from the CPU's`;
      }
    }
  return null;
}
