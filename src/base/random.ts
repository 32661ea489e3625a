import { createHash } from 'node:crypto';

/**
 * Seeded random numbers: xoshiro128** (Blackman and Vigna 2018), seeded by SHA-256 of the seed and a label.
 * A generator is derived where it is needed (`new Random(seed, 'split', part)`), so no state has to be saved
 * for a resumed run to draw what an uninterrupted one draws.
 */
export class Random {
  readonly #state: Uint32Array;

  constructor(...seed: readonly (number | string)[]) {
    const digest = createHash('sha256').update(JSON.stringify(seed)).digest();
    this.#state = new Uint32Array(4);
    for (let i = 0; i < 4; i++) this.#state[i] = digest.readUInt32LE(4 * i);
  }

  /** An integer in [0, 2^32). */
  nextUint32(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const result = Math.imul(rotl(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1) with 53 bits. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Uniform integer in [0, n); n at least 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal (Box-Muller, one value a call so that the stream does not depend on pairing). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick from an empty list');
    return items[this.integer(items.length)] as T;
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = items.slice();
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = out[i] as T;
      out[i] = out[j] as T;
      out[j] = kept;
    }
    return out;
  }
}

function rotl(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** A seed for something that has a name under another seed: the same names give the same seed. */
export function deriveSeed(...names: readonly (number | string)[]): number {
  return new Random(...names).nextUint32();
}
