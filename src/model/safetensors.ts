import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { inputError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import { decodeUtf8, parseJson, scanJson } from '../base/json.ts';
import { bf16ToF32, DTYPE_BITS, type Dtype, f16ToF32, isDtype, requireLittleEndian } from './dtype.ts';

export { type WritableDtype, type WritableTensor, writeSafetensors } from './safetensors-write.ts';

/**
 * Reading the safetensors format: 8 bytes header length N (little-endian), N bytes JSON
 * `{name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {string: string}}`, then the tensors'
 * bytes without holes. Every number is checked before it is used: a file that was cut short, damaged or made to
 * do harm gives an error and never a wrong weight.
 *
 * *Reference:* https://huggingface.co/docs/safetensors (Format) and the checks of huggingface/safetensors
 * `safetensors/src/tensor.rs`. Stricter than that code in one point: equal names are refused, as the format
 * demands, where a JSON parser would keep the last.
 */
export interface SafetensorsFile {
  /** The real path (symbolic links resolved). */
  readonly file: string;
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where one tensor lies. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Absolute offset in the file, bytes. */
  readonly begin: number;
  /** Exclusive, bytes. */
  readonly end: number;
  /** The real path of the file that holds it. */
  readonly file: string;
}

/** The limit of the reference implementation. */
const MAX_HEADER = 100_000_000; // bytes
/** One read(2) moves at most 2 GiB. */
const READ_PIECE = 2 ** 28; // bytes
const FETCH_AGAIN = 'The file is cut short or damaged: fetch it again';
const GIT_LFS = 'version https://git-lfs';

/**
 * Reads and checks the header; no tensor is read.
 *
 * @throws inputError `safetensors-…`, `git-lfs-pointer`, `file-missing`, `cannot-read`, `bad-utf8`.
 */
export function openSafetensors(file: string): SafetensorsFile {
  return withFile(file, (fd, size, realFile) => {
    const head = new Uint8Array(Math.min(size, 64));
    readExactly(fd, head, 0, realFile);
    if (Buffer.from(head).toString('latin1').startsWith(GIT_LFS)) {
      const remedy = "Run 'git lfs pull' in the model's folder, or fetch the file from the hub";
      throw inputError('git-lfs-pointer', 'a git-lfs pointer, not the weights', { file: realFile, remedy });
    }
    const truncated = (need: number) =>
      inputError('safetensors-truncated', 'the file is too short', {
        file: realFile,
        need: `${need} bytes`,
        got: `${size} bytes`,
        remedy: FETCH_AGAIN,
      });
    if (size < 8) throw truncated(8);
    const wide = new DataView(head.buffer).getBigUint64(0, true);
    if (wide > BigInt(MAX_HEADER)) {
      throw inputError('safetensors-header', 'the header length is beyond all bounds', {
        file: realFile,
        need: `at most ${MAX_HEADER} bytes`,
        got: `${wide} bytes`,
        remedy: 'This is most likely not a safetensors file',
      });
    }
    const length = Number(wide);
    if (8 + length > size) throw truncated(8 + length);
    const bytes = new Uint8Array(length);
    readExactly(fd, bytes, 8, realFile);
    const text = decodeUtf8(bytes, { file: realFile, remedy: FETCH_AGAIN });
    return parseHeader(text, { file: realFile, dataBegin: 8 + length, size });
  });
}

interface Frame {
  readonly file: string;
  /** First byte after the header. */
  readonly dataBegin: number;
  /** Bytes of the whole file. */
  readonly size: number;
}

function parseHeader(text: string, frame: Frame): SafetensorsFile {
  if (!text.startsWith('{'))
    throw headerError(frame, 'the header does not begin with {', { got: text.slice(0, 20) });
  const names = new Set<string>();
  const fault = scanJson(text, (key, depth) => {
    if (depth === 1 && names.has(key))
      throw headerError(frame, `the name ${JSON.stringify(key)} occurs twice`, {});
    if (depth === 1) names.add(key);
  });
  if (fault !== undefined) {
    throw headerError(frame, `the header is not valid JSON at byte ${8 + fault}`, {
      got: text.slice(fault, fault + 40),
    });
  }
  const header = parseJson(text, frame.file) as Record<string, unknown>;
  let metadata: Record<string, string> = {};
  const entries: TensorEntry[] = [];
  for (const [name, info] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(info, frame);
    else entries.push(parseEntry(name, info, frame));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = frame.dataBegin;
  for (const entry of entries) {
    if (entry.begin !== at) {
      const what = entry.begin < at ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw headerError(frame, `tensor ${JSON.stringify(entry.name)} ${what}`, {
        tensor: entry.name,
        need: `begin ${at - frame.dataBegin}`,
        got: `begin ${entry.begin - frame.dataBegin}`,
      });
    }
    at = entry.end;
  }
  if (at !== frame.size) {
    throw headerError(frame, 'bytes after the last tensor', {
      need: `${at} bytes`,
      got: `${frame.size} bytes`,
    });
  }
  return { file: frame.file, tensors: new Map(entries.map((entry) => [entry.name, entry])), metadata };
}

function parseMetadata(info: unknown, frame: Frame): Record<string, string> {
  if (!isRecord(info)) throw headerError(frame, '__metadata__ is not an object', { got: info });
  for (const [key, value] of Object.entries(info)) {
    if (typeof value !== 'string')
      throw headerError(frame, `__metadata__ ${JSON.stringify(key)} is not a text`, { got: value });
  }
  return info as Record<string, string>;
}

function parseEntry(name: string, info: unknown, frame: Frame): TensorEntry {
  const fault = (what: string, fields: { need?: unknown; got?: unknown; remedy?: string }) =>
    headerError(frame, `tensor ${JSON.stringify(name)}: ${what}`, { tensor: name, ...fields });
  if (!isRecord(info)) throw fault('its entry is not an object', { got: info });
  const { dtype, shape, data_offsets: offsets } = info;
  if (typeof dtype !== 'string' || !isDtype(dtype)) {
    throw fault('unknown dtype', {
      need: Object.keys(DTYPE_BITS).join(' '),
      got: dtype,
      remedy: 'Save it in a known dtype',
    });
  }
  if (!isCounts(shape)) throw fault('the shape is not a list of sizes', { got: shape });
  if (!isCounts(offsets) || offsets.length !== 2)
    throw fault('data_offsets is not [begin, end]', { got: offsets });
  const [begin, end] = offsets as readonly [number, number];
  if (begin > end) throw fault('data_offsets: begin lies behind end', { got: offsets });
  if (frame.dataBegin + end > frame.size) {
    throw inputError(
      'safetensors-truncated',
      `tensor ${JSON.stringify(name)} ends behind the end of the file`,
      {
        file: frame.file,
        tensor: name,
        need: `${frame.dataBegin + end} bytes`,
        got: `${frame.size} bytes`,
        remedy: FETCH_AGAIN,
      },
    );
  }
  let bits: number = DTYPE_BITS[dtype];
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) throw fault('the shape is beyond all bounds', { got: shape });
  }
  if (bits !== 8 * (end - begin)) {
    throw fault('its bytes do not fit dtype and shape', {
      need: `${dtype} [${shape}]: ${bits / 8} bytes`,
      got: `${end - begin} bytes`,
    });
  }
  return { name, dtype, shape, begin: frame.dataBegin + begin, end: frame.dataBegin + end, file: frame.file };
}

function headerError(
  frame: Frame,
  what: string,
  fields: { tensor?: string; need?: unknown; got?: unknown; remedy?: string },
) {
  return inputError('safetensors-header', what, { file: frame.file, remedy: FETCH_AGAIN, ...fields });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

/** The bytes of one tensor, as stored (little-endian, row-major). Only this slice is read. */
export function readTensorRaw(entry: TensorEntry): Uint8Array {
  return withFile(entry.file, (fd) => {
    const bytes = new Uint8Array(entry.end - entry.begin);
    readExactly(fd, bytes, entry.begin, entry.file);
    return bytes;
  });
}

/** Elements converted at a time: what a conversion needs beside its result. */
const CONVERT_PIECE = 2 ** 20;

/**
 * One tensor as float32, row-major. BF16 and F16 convert exactly, F64 rounds to nearest even.
 *
 * @returns `[product(shape)]`.
 * @throws inputError `dtype-not-float` for integer, boolean, complex and 8-bit types; `out-of-range` for a finite
 *   F64 that float32 cannot hold; `safetensors-truncated` when the file has shrunk since it was opened.
 */
export function readTensorF32(entry: TensorEntry): Float32Array {
  requireLittleEndian();
  const { dtype, file } = entry;
  if (dtype !== 'F32' && dtype !== 'BF16' && dtype !== 'F16' && dtype !== 'F64') {
    throw inputError(
      'dtype-not-float',
      `tensor ${JSON.stringify(entry.name)} has no plain floating-point numbers`,
      {
        file,
        tensor: entry.name,
        need: 'F32, BF16, F16 or F64',
        got: dtype,
        remedy: 'Save the model without quantization',
      },
    );
  }
  const width = DTYPE_BITS[dtype] / 8;
  const count = (entry.end - entry.begin) / width;
  const out = new Float32Array(count);
  withFile(file, (fd) => {
    if (dtype === 'F32') {
      readExactly(fd, new Uint8Array(out.buffer), entry.begin, file);
      return;
    }
    const piece = new Uint8Array(width * Math.min(count, CONVERT_PIECE));
    for (let done = 0; done < count; done += CONVERT_PIECE) {
      const n = Math.min(CONVERT_PIECE, count - done);
      readExactly(fd, piece.subarray(0, n * width), entry.begin + done * width, file);
      if (dtype === 'BF16') bf16ToF32(new Uint16Array(piece.buffer, 0, n), out, done);
      else if (dtype === 'F16') f16ToF32(new Uint16Array(piece.buffer, 0, n), out, done);
      else f64ToF32(new Float64Array(piece.buffer, 0, n), out, done, entry);
    }
  });
  return out;
}

function f64ToF32(values: Float64Array, out: Float32Array, offset: number, entry: TensorEntry): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    out[offset + i] = value;
    if (Number.isFinite(value) && !Number.isFinite(out[offset + i])) {
      throw inputError(
        'out-of-range',
        `tensor ${JSON.stringify(entry.name)} has a number too large for float32`,
        {
          file: entry.file,
          tensor: entry.name,
          got: value,
        },
      );
    }
  }
}

function withFile<T>(file: string, use: (fd: number, size: number, realFile: string) => T): T {
  let fd: number | undefined;
  try {
    const realFile = realpathSync(file);
    fd = openSync(realFile, 'r');
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw inputError('not-a-file', 'this is not a file', { file });
    return use(fd, stat.size, realFile);
  } catch (error) {
    throw readError(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function readExactly(fd: number, bytes: Uint8Array, position: number, file: string): void {
  let done = 0;
  while (done < bytes.length) {
    const got = readSync(fd, bytes, done, Math.min(bytes.length - done, READ_PIECE), position + done);
    if (got === 0) {
      throw inputError('safetensors-truncated', 'the file is too short', {
        file,
        need: `${position + bytes.length} bytes`,
        got: `${position + done} bytes`,
        remedy: FETCH_AGAIN,
      });
    }
    done += got;
  }
}
