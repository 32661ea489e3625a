import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { inputError } from '../base/errors.ts';
import { writeAtomically, writeError } from '../base/files.ts';
import { DTYPE_BITS, type Dtype, f32ToBf16, f32ToF16, requireLittleEndian } from './dtype.ts';

/** One write(2) moves at most 2 GiB. */
const WRITE_PIECE = 2 ** 28; // bytes

/** The dtypes that are written; the others are only read. */
export type WritableDtype = 'F32' | 'BF16' | 'F16' | 'I32';

/** One tensor to write: row-major; float32 values for F32, BF16 and F16 (or, for the last two, their bits). */
export interface WritableTensor {
  readonly dtype: WritableDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | Int32Array;
}

/** Widest first, so that every tensor is aligned; within a width the order of the reference implementation. */
const ORDER: readonly WritableDtype[] = ['F32', 'I32', 'BF16', 'F16'];

/**
 * Writes a safetensors file, whole or not at all. Equal tensors give equal bytes whatever their order: by dtype
 * (widest first), then by name. Float32 rounds to nearest even for BF16 and F16.
 *
 * @throws inputError `tensor-mismatch` when data and shape or dtype do not fit; `out-of-range` when a finite value
 *   would become an infinity in F16 or BF16. machineError `disk-full` or `cannot-write`.
 */
export function writeSafetensors(
  file: string,
  tensors: Readonly<Record<string, WritableTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const sorted = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) =>
      ORDER.indexOf(a.dtype) - ORDER.indexOf(b.dtype) ||
      Buffer.compare(Buffer.from(nameA), Buffer.from(nameB)),
  );
  for (const [name, tensor] of sorted) checkTensor(file, name, tensor);
  const streamed = sorted.map(([name, tensor]) => {
    const { dtype, shape } = tensor;
    return { name, dtype, shape, bytes: () => tensorBytes(file, name, tensor) };
  });
  writeAtomically(file, (write) => {
    write(header(streamed, metadata));
    for (const { bytes } of streamed) write(bytes());
  });
}

/** A tensor whose bytes are made when they are written: only one is in memory at a time. */
export interface StreamedTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** As stored: little-endian, row-major. */
  readonly bytes: () => Promise<Uint8Array>;
}

/**
 * Writes a safetensors file tensor by tensor, in the order given. Not atomic: for a folder that is renamed when it is
 * whole.
 *
 * @throws machineError `disk-full` or `cannot-write`.
 */
export async function streamSafetensors(
  file: string,
  tensors: readonly StreamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  requireLittleEndian();
  let fd: number | undefined;
  try {
    fd = openSync(file, 'w');
    writeAll(fd, header(tensors, metadata));
    for (const { bytes } of tensors) writeAll(fd, await bytes());
    fsyncSync(fd);
  } catch (error) {
    throw writeError(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, Math.min(bytes.length - done, WRITE_PIECE));
}

/** Length and JSON of the header, padded with spaces to a multiple of 8 bytes. */
function header(
  tensors: readonly Pick<StreamedTensor, 'name' | 'dtype' | 'shape'>[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  requireLittleEndian();
  // Joined by hand: JSON.stringify of an object would put names like "0" first.
  const parts: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (notes.length > 0)
    parts.push(
      `"__metadata__":{${notes.map((pair) => pair.map((text) => JSON.stringify(text)).join(':')).join(',')}}`,
    );
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    const count = shape.reduce((product, size) => product * size, 1);
    const end = at + (count * DTYPE_BITS[dtype]) / 8;
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`);
    at = end;
  }
  const text = Buffer.from(`{${parts.join(',')}}`, 'utf8');
  const padding = (8 - (text.length % 8)) % 8;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length + padding));
  return Buffer.concat([length, text, Buffer.alloc(padding, ' ')]);
}

function checkTensor(file: string, name: string, { dtype, shape, data }: WritableTensor): void {
  const fits =
    dtype === 'I32'
      ? data instanceof Int32Array
      : data instanceof Float32Array || (dtype !== 'F32' && data instanceof Uint16Array);
  const count = shape.reduce((product, size) => product * size, 1);
  const sizesFit = shape.every((size) => Number.isSafeInteger(size) && size >= 0) && count === data.length;
  if (!fits || !sizesFit || name === '__metadata__') {
    throw inputError('tensor-mismatch', `tensor ${JSON.stringify(name)} cannot be written`, {
      file,
      tensor: name,
      need: `${dtype} [${shape}]: ${count} values`,
      got: `${data.constructor.name} of ${data.length}`,
    });
  }
}

/** The bytes of a tensor in the dtype that it is written in; see `writeSafetensors` for errors. */
export function tensorBytes(
  file: string,
  name: string,
  { dtype, data }: Pick<WritableTensor, 'dtype' | 'data'>,
): Uint8Array {
  let stored: Float32Array | Uint16Array | Int32Array = data;
  if (data instanceof Float32Array && dtype !== 'F32') {
    stored = dtype === 'BF16' ? f32ToBf16(data) : f32ToF16(data);
    const infinity = dtype === 'BF16' ? 0x7f80 : 0x7c00;
    const lost = stored.findIndex((bits, i) => (bits & 0x7fff) === infinity && Number.isFinite(data[i]));
    if (lost !== -1) {
      throw inputError('out-of-range', `tensor ${JSON.stringify(name)} has a number too large for ${dtype}`, {
        file,
        tensor: name,
        got: data[lost],
        remedy: 'Write it as F32',
      });
    }
  }
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}
