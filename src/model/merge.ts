import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { inputError } from '../base/errors.ts';
import { writeError } from '../base/files.ts';
import { readJson, writeJson } from '../base/json.ts';
import { add, scale } from '../tensor/elementwise.ts';
import { matmul } from '../tensor/matmul.ts';
import { compile } from '../tensor/program.ts';
import { input } from '../tensor/value.ts';
import { type LoraDeltas, readLoraDeltas } from './adapter.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { copyTokenizer, TORCH_NAMES } from './checkpoint-write.ts';
import { type Dtype, isDtype } from './dtype.ts';
import { type HubOptions, modelFolder } from './hub.ts';
import { openSafetensors, readTensorF32, readTensorRaw, type TensorEntry } from './safetensors.ts';
import { type StreamedTensor, streamSafetensors, tensorBytes } from './safetensors-write.ts';

export interface MergeOptions {
  /** The model's folder or hub id; default: what the adapter names as its base. */
  readonly model?: string;
  readonly adapter: string;
  /** The folder to make. */
  readonly out: string;
  /** The dtype of the floating-point tensors; default: each keeps its own. */
  readonly dtype?: 'F32' | 'BF16' | 'F16';
  readonly threads?: number;
  /** For a model that is named by a hub id. */
  readonly hub?: HubOptions;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Merged {
  readonly model: string;
  readonly out: string;
  /** Modules whose weight was changed. */
  readonly modules: number;
  readonly tensors: number;
  readonly bytes: number;
}

const FLOATS: readonly Dtype[] = ['F32', 'BF16', 'F16'];
const INDEX = 'model.safetensors.index.json';

/**
 * Writes the model with its adapter merged in: W + (alpha / rank) · B·A for every adapted module, computed in float32
 * and rounded once to the tensor's dtype. Files, shards and the order of tensors are those of the model; all else in
 * them stays byte for byte. One tensor is in memory at a time. The folder appears when it is whole.
 *
 * @throws inputError `out-exists`; `adapter-misfit` when the adapter is of another model; `not-finite`; those of
 *   `openCheckpoint` and `readLoraDeltas`. machineError `disk-full` or `cannot-write`.
 */
export async function mergeAdapter(options: MergeOptions): Promise<Merged> {
  const deltas = readLoraDeltas(options.adapter);
  const model = await modelFolder(options.model ?? deltas.baseModel, options.hub);
  const out = resolve(options.out);
  if (existsSync(out) && readdirSync(out).length > 0)
    throw inputError('out-exists', 'the folder is not empty', {
      file: out,
      remedy: 'Give a new folder, or remove this one',
    });
  const checkpoint = openCheckpoint(model);
  checkFit(deltas, checkpoint, options.adapter);
  const partial = `${out}.partial`;
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const merged = await writeWeights(checkpoint, deltas, partial, options);
    copyBeside(model, partial, options.dtype);
    rmSync(out, { recursive: true, force: true });
    renameSync(partial, out);
    return { model, out, modules: deltas.modules.size, ...merged };
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw writeError(out, error);
  }
}

function checkFit(deltas: LoraDeltas, checkpoint: Checkpoint, adapter: string): void {
  for (const [module, { a, b }] of deltas.modules) {
    const weight = checkpoint.weights.get(`${module}.weight`);
    const need = [b.shape[0], a.shape[1]];
    if (weight !== undefined && weight.shape.join() === need.join()) continue;
    throw inputError('adapter-misfit', `the adapter does not fit the model: ${module}`, {
      file: adapter,
      need: weight === undefined ? 'a module of the model' : weight.shape,
      got: need,
      remedy: `Give the adapter's own base model with --model; this is ${checkpoint.dir}`,
    });
  }
}

async function writeWeights(
  checkpoint: Checkpoint,
  deltas: LoraDeltas,
  out: string,
  { dtype, threads = 1, onProgress }: MergeOptions,
): Promise<{ tensors: number; bytes: number }> {
  const files = weightFiles(checkpoint.dir);
  const merger = new Merger(threads);
  const all = files.map((name) => ({ name, ...openSafetensors(join(checkpoint.dir, name)) }));
  const total = all.reduce((sum, { tensors }) => sum + tensors.size, 0);
  let done = 0;
  let bytes = 0;
  for (const { name, tensors, metadata } of all) {
    const streamed = [...tensors.values()].map((entry): StreamedTensor => {
      const stored = dtype !== undefined && FLOATS.includes(entry.dtype) ? dtype : entry.dtype;
      return {
        name: entry.name,
        dtype: stored,
        shape: entry.shape,
        async bytes() {
          const delta = deltas.modules.get(entry.name.replace(/\.weight$/, ''));
          const written = await convert(entry, delta, stored, merger);
          bytes += written.length;
          onProgress?.(++done, total);
          return written;
        },
      };
    });
    await streamSafetensors(join(out, name), streamed, metadata);
  }
  await merger.dispose();
  if (existsSync(join(checkpoint.dir, INDEX)) && files.length > 0 && !files.includes('model.safetensors'))
    writeIndex(checkpoint.dir, out, bytes);
  return { tensors: total, bytes };
}

async function convert(
  entry: TensorEntry,
  delta: { a: Matrix; b: Matrix; scale: number } | undefined,
  dtype: Dtype,
  merger: Merger,
): Promise<Uint8Array> {
  if (delta === undefined && dtype === entry.dtype) return readTensorRaw(entry);
  const weight = readTensorF32(entry);
  const data = delta === undefined ? weight : await merger.merge(weight, delta);
  if (delta !== undefined && !data.every(Number.isFinite))
    throw inputError('not-finite', `merging makes a number of ${entry.name} infinite or no number`, {
      file: entry.file,
      tensor: entry.name,
      remedy: 'The adapter or the model holds NaN or infinities: train or fetch it again',
    });
  return tensorBytes(entry.file, entry.name, { dtype: dtype as 'F32' | 'BF16' | 'F16', data });
}

type Matrix = { readonly shape: readonly number[]; readonly data: Float32Array };

/** W + scale · B·A, one program for each scale. */
class Merger {
  readonly #programs = new Map<number, ReturnType<typeof compile>>();
  readonly #threads: number;

  constructor(threads: number) {
    this.#threads = threads;
  }

  async merge(weight: Float32Array, delta: { a: Matrix; b: Matrix; scale: number }): Promise<Float32Array> {
    let program = this.#programs.get(delta.scale);
    if (program === undefined) {
      const [w, a, b] = [input('w', ['O', 'I']), input('a', ['r', 'I']), input('b', ['O', 'r'])];
      const sum = add(w, matmul(scale(b, delta.scale), a));
      program = compile({ inputs: { w, a, b }, outputs: { sum } }, { threads: this.#threads });
      this.#programs.set(delta.scale, program);
    }
    const shape = [delta.b.shape[0] as number, delta.a.shape[1] as number];
    const feeds = { w: { data: weight, shape }, a: delta.a, b: delta.b };
    const { sum } = await (await program).run<'sum'>(feeds, (length) => new Float32Array(length));
    return sum.data;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
  }
}

/** The names of the weight files, as `openCheckpoint` chooses them. */
function weightFiles(dir: string): string[] {
  if (existsSync(join(dir, 'model.safetensors'))) return ['model.safetensors'];
  const { weight_map: map } = readJson(join(dir, INDEX)) as { weight_map: Record<string, string> };
  return [...new Set(Object.values(map))].sort();
}

function writeIndex(from: string, to: string, bytes: number): void {
  const index = readJson(join(from, INDEX)) as { metadata?: Record<string, unknown> };
  writeJson(join(to, INDEX), { ...index, metadata: { ...index.metadata, total_size: bytes } });
}

/** Configuration and tokenizer, byte for byte; config.json says another dtype where it was asked for. */
function copyBeside(from: string, to: string, dtype: MergeOptions['dtype']): void {
  for (const name of ['generation_config.json', 'config.json'])
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  copyTokenizer(from, to, { required: false });
  if (dtype === undefined) return;
  const config = JSON.parse(readFileSync(join(from, 'config.json'), 'utf8')) as Record<string, unknown>;
  const name = TORCH_NAMES[dtype];
  // transformers before 4.56 reads torch_dtype, later ones dtype.
  writeJson(join(to, 'config.json'), { ...config, dtype: name, torch_dtype: name });
}

/** 'bf16' → 'BF16'. Throws inputError `bad-dtype`. */
export function mergeDtype(text: string): 'F32' | 'BF16' | 'F16' {
  const name = text.toUpperCase();
  if (isDtype(name) && FLOATS.includes(name)) return name as 'F32' | 'BF16' | 'F16';
  throw inputError('bad-dtype', '--dtype names no dtype to write', { got: text, need: 'f32, bf16 or f16' });
}

/** A short name for what was written. */
export function mergedText({ model, out, modules, tensors, bytes }: Merged): string {
  return `${out}: ${basename(model)} with ${modules} modules merged, ${tensors} tensors, ${(bytes / 1e9).toFixed(2)} GB`;
}
