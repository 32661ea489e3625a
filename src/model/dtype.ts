import { endianness } from 'node:os';
import { machineError } from '../base/errors.ts';

/**
 * Number formats of weights. Bits per element of every dtype that the safetensors format knows, and exact
 * conversion between float32 and the two 16-bit formats.
 *
 * *Reference:* IEEE 754-2019 (binary16); bfloat16 is the upper half of a binary32; names and widths from
 * huggingface/safetensors `safetensors/src/tensor.rs`, enum `Dtype`.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type Dtype = keyof typeof DTYPE_BITS;

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BITS, name);
}

/** The float32 bits of every float16 pattern: one look-up is faster than the arithmetic. */
let f16Table: Uint32Array | undefined;

/**
 * float16 to float32, exact (every float16 is a float32); NaN payloads are kept in the upper bits.
 *
 * @param bits `[n]` float16 patterns. @param out `[≥ offset + n]`, written from `offset` on.
 */
export function f16ToF32(bits: Uint16Array, out: Float32Array, offset = 0): void {
  f16Table ??= makeF16Table();
  const table = f16Table;
  const words = new Uint32Array(out.buffer, out.byteOffset + 4 * offset, bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = table[bits[i] as number] as number;
}

function makeF16Table(): Uint32Array {
  const value = new Float32Array(1);
  const word = new Uint32Array(value.buffer);
  const table = new Uint32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) {
      value[0] = fraction * 2 ** -24; // zero and subnormals: normal in float32
    } else {
      word[0] = exponent === 31 ? 0x7f800000 | (fraction << 13) : ((exponent + 112) << 23) | (fraction << 13);
    }
    table[bits] = ((word[0] as number) | ((bits & 0x8000) << 16)) >>> 0;
  }
  return table;
}

/** bfloat16 to float32, exact: a shift. Parameters as in `f16ToF32`. */
export function bf16ToF32(bits: Uint16Array, out: Float32Array, offset = 0): void {
  const words = new Uint32Array(out.buffer, out.byteOffset + 4 * offset, bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] as number) << 16;
}

/** float32 to bfloat16, round to nearest, ties to even; a NaN stays a NaN (made quiet). */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    out[i] =
      (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** float32 to float16, round to nearest, ties to even; 65520 and above become infinity; a NaN stays a NaN. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  const scratch = new Float32Array(1);
  const scratchWord = new Uint32Array(scratch.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > 0x7f800000) {
      out[i] = sign | 0x7e00 | ((size >>> 13) & 0x3ff);
    } else if (size >= 0x477ff000) {
      out[i] = sign | 0x7c00;
    } else if (size >= 0x38800000) {
      out[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    } else {
      // Below 2^-14 the result is subnormal, a multiple of 2^-24. That is the spacing of float32 just above
      // 0.5, so one addition rounds; the sum is exact in float64 wherever its rounding could matter.
      scratchWord[0] = size;
      scratch[0] = (scratch[0] as number) + 0.5;
      out[i] = sign | ((scratchWord[0] as number) - 0x3f000000);
    }
  }
  return out;
}

/** Typed arrays have the machine's byte order, the format is little-endian. */
export function requireLittleEndian(): void {
  if (endianness() !== 'LE')
    throw machineError('big-endian', 'weights can only be read on little-endian machines');
}
