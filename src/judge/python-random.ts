import { createHash } from 'node:crypto';

const N = 624;
const M = 397;

/**
 * The first number in [0, 1) of Python's `random.Random(seed).random()` for a text as the seed: MT19937 (Matsumoto and
 * Nishimura 1998, init_by_array and genrand_res53), seeded by the text's UTF-8 bytes and their SHA-512 as one big
 * integer (CPython, Lib/random.py, Random.seed, version 2). Only for orders that others have drawn so: what Winnow
 * draws itself comes from `Random`.
 */
export function firstPythonRandom(seed: string): number {
  const state = seeded(wordsOf(seed));
  const high = temper(twisted(state, 0)) >>> 5;
  const low = temper(twisted(state, 1)) >>> 6;
  return (high * 67108864 + low) / 9007199254740992;
}

/** The integer's 32-bit words, lowest first, without leading zeros. */
function wordsOf(text: string): number[] {
  const utf8 = Buffer.from(text, 'utf8');
  const bytes = Buffer.concat([utf8, createHash('sha512').update(utf8).digest()]);
  const words: number[] = [];
  for (let end = bytes.length; end > 0; end -= 4) {
    let word = 0;
    for (let at = Math.max(0, end - 4); at < end; at++) word = ((word << 8) | (bytes[at] as number)) >>> 0;
    words.push(word);
  }
  while (words.length > 1 && words.at(-1) === 0) words.pop();
  return words;
}

function seeded(key: readonly number[]): Uint32Array {
  const state = new Uint32Array(N);
  state[0] = 19650218;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, mixed(state, i - 1)) + i;
  let [i, j] = [1, 0];
  const step = () => {
    i++;
    if (i < N) return;
    state[0] = state[N - 1] as number;
    i = 1;
  };
  for (let k = Math.max(N, key.length); k > 0; k--) {
    state[i] = ((state[i] as number) ^ Math.imul(mixed(state, i - 1), 1664525)) + (key[j] as number) + j;
    j = (j + 1) % key.length;
    step();
  }
  for (let k = N - 1; k > 0; k--) {
    state[i] = ((state[i] as number) ^ Math.imul(mixed(state, i - 1), 1566083941)) - i;
    step();
  }
  state[0] = 0x80000000;
  return state;
}

function mixed(state: Uint32Array, at: number): number {
  const value = state[at] as number;
  return value ^ (value >>> 30);
}

/** The twist of one of the first words, which depends on words that are not twisted yet. */
function twisted(state: Uint32Array, at: 0 | 1): number {
  const y = ((state[at] as number) & 0x80000000) | ((state[at + 1] as number) & 0x7fffffff);
  return (state[at + M] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
}

function temper(word: number): number {
  let y = word;
  y ^= y >>> 11;
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}
