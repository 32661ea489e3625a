import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './dtype.ts';

/** Value of a 16-bit float by its definition: (-1)^s · 2^(e - bias) · 1.f, or 2^(1 - bias) · 0.f. */
function slowValue(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

const FORMATS = [
  { name: 'float16', exponentBits: 5, widen: f16ToF32, narrow: f32ToF16 },
  { name: 'bfloat16', exponentBits: 8, widen: bf16ToF32, narrow: f32ToBf16 },
];

describe.each(FORMATS)('$name', ({ exponentBits, widen, narrow }) => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const values = new Float32Array(65536);
  widen(all, values);

  it('widens every pattern to its value', () => {
    let wrong = 0;
    for (let bits = 0; bits < 65536; bits++)
      if (!Object.is(values[bits], slowValue(bits, exponentBits))) wrong++;
    expect(wrong).toBe(0);
  });

  it('narrows every value to its pattern; a NaN stays a NaN of its sign', () => {
    const back = narrow(values);
    const infinity = 2 ** 15 - 2 ** (15 - exponentBits);
    let wrong = 0;
    for (let bits = 0; bits < 65536; bits++) {
      const nan = (bits & 0x7fff) > infinity;
      const got = back[bits] as number;
      const right = nan ? (got & 0x7fff) > infinity && (got & 0x8000) === (bits & 0x8000) : got === bits;
      if (!right) wrong++;
    }
    expect(wrong).toBe(0);
  });

  it('rounds to nearest, ties to even: at, just below and just above every midpoint', () => {
    const infinity = 2 ** 15 - 2 ** (15 - exponentBits);
    let wrong = 0;
    for (let bits = 0; bits < infinity - 1; bits++) {
      // Adjacent values have a midpoint with one bit more: exact in float32 but for bfloat16 subnormals' neighbours.
      const middle = Math.fround((slowValue(bits, exponentBits) + slowValue(bits + 1, exponentBits)) / 2);
      const around = new Float32Array([middle, middle, middle]);
      const words = new Uint32Array(around.buffer);
      words[0] = (words[0] as number) - 1;
      words[2] = (words[2] as number) + 1;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const [below, at, above] = narrow(around);
      if (below !== bits || at !== even || above !== bits + 1) wrong++;
      around.forEach((value, i) => {
        around[i] = -value;
      });
      if (narrow(around)[1] !== (even | 0x8000)) wrong++;
    }
    expect(wrong).toBe(0);
  });

  it('picks the nearest value for any float32', () => {
    const largest = 2 ** 15 - 2 ** (15 - exponentBits) - 1;
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        fc.pre(Math.abs(value) <= slowValue(largest, exponentBits));
        const bits = (narrow(new Float32Array([value]))[0] as number) & 0x7fff;
        const error = Math.abs(Math.abs(value) - slowValue(bits, exponentBits));
        for (const near of [bits - 1, bits + 1]) {
          if (near < 0 || near > largest) continue;
          expect(error).toBeLessThanOrEqual(Math.abs(Math.abs(value) - slowValue(near, exponentBits)));
        }
      }),
    );
  });
});

describe('f32ToF16', () => {
  it('overflows from halfway to the next power on, and rounds the smallest numbers', () => {
    const values = new Float32Array([
      65504,
      65519.996,
      65520,
      -1e30,
      2 ** -25,
      2 ** -25 * 1.0000001,
      1e-45,
      -0,
    ]);
    expect([...f32ToF16(values)]).toEqual([0x7bff, 0x7bff, 0x7c00, 0xfc00, 0, 1, 0, 0x8000]);
  });
});

describe('widening into the middle of an array', () => {
  it('touches only its part', () => {
    const out = new Float32Array(4).fill(9);
    bf16ToF32(new Uint16Array([0x3f80]), out.subarray(1), 1);
    expect([...out]).toEqual([9, 9, 1, 9]);
  });
});
