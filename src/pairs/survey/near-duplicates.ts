import { mix } from './text.ts';

/** Minima of a sketch. */
const BINS = 64;
/** log₂ 64 bits of a hash name its bin, the others are its value. */
const VALUE_BITS = 32 - 6;
/** Consecutive characters that make a shingle: about a word of English, two of Japanese. */
const SHINGLE = 5;
/** Bands of the first sieve, and minima in each. */
const BANDS = 16;
const IN_BAND = BINS / BANDS;
/** Texts are near-duplicates from here on. */
export const NEAR = 0.8;

const EMPTY = -1;
/** P⁵ mod 2³² of the rolling hash. */
const P = 0x01000193;
const P_SHINGLE = Array.from({ length: SHINGLE }).reduce<number>((power) => Math.imul(power, P), 1);

/** Sketches of many texts, a row of 64 numbers each. */
export class Sketches {
  #rows = new Int32Array(1024 * BINS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The next text's sketch; texts are one set of shingles together. */
  add(texts: readonly string[]): void {
    if ((this.#count + 1) * BINS > this.#rows.length) {
      const grown = new Int32Array(2 * this.#rows.length);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    const row = this.#rows.subarray(this.#count * BINS, (this.#count + 1) * BINS);
    row.fill(EMPTY);
    for (const text of texts) shingle(text, row);
    fillEmpty(row);
    this.#count++;
  }

  /** Estimate of the Jaccard similarity of two texts' shingles; standard error √(J (1 − J) / 64), at most 0.06. */
  similarity(a: number, b: number): number {
    let same = 0;
    for (let bin = 0; bin < BINS; bin++)
      if (this.#rows[a * BINS + bin] === this.#rows[b * BINS + bin]) same++;
    return same / BINS;
  }

  /** A hash of the minima of a band. */
  band(text: number, band: number): number {
    let hash = band;
    for (let k = 0; k < IN_BAND; k++)
      hash = mix(Math.imul(hash, 31) ^ (this.#rows[text * BINS + band * IN_BAND + k] as number));
    return hash >>> 0;
  }
}

/** Minimum of each bin over the hashes of all shingles. A text shorter than a shingle is one. */
function shingle(text: string, row: Int32Array): void {
  let hash = 0;
  const take = (value: number) => {
    const mixed = mix(value);
    const bin = mixed >>> VALUE_BITS;
    const low = mixed & ((1 << VALUE_BITS) - 1);
    const held = row[bin] as number;
    if (held === EMPTY || low < held) row[bin] = low;
  };
  for (let i = 0; i < text.length; i++) {
    hash = (Math.imul(hash, P) + text.charCodeAt(i)) | 0;
    if (i >= SHINGLE) hash = (hash - Math.imul(P_SHINGLE, text.charCodeAt(i - SHINGLE))) | 0;
    if (i >= SHINGLE - 1) take(hash);
  }
  if (text.length > 0 && text.length < SHINGLE) take(hash);
}

/** An empty bin borrows from the next one to its right that is not, so that short texts can be compared. */
function fillEmpty(row: Int32Array): void {
  if (!row.some((value) => value !== EMPTY)) return;
  const own = Int32Array.from(row);
  for (let bin = 0; bin < BINS; bin++) {
    if (own[bin] !== EMPTY) continue;
    let steps = 1;
    while (own[(bin + steps) % BINS] === EMPTY) steps++;
    row[bin] = mix((own[(bin + steps) % BINS] as number) + Math.imul(steps, 0x9e3779b1));
  }
}

/**
 * Groups of two and more near-duplicates, each in rising order, the first members in rising order.
 *
 * MinHash of one permutation in 64 bins (Li, Owen and Zhang 2012, "One permutation hashing"), empty bins filled by
 * rotation (Shrivastava and Li 2014), candidates from 16 bands of 4 (Leskovec, Rajaraman and Ullman, Mining of Massive
 * Datasets, 3.4). Two texts with J = 0.8 become candidates with probability 0.9998, with 0.5 by 0.64; candidates are
 * joined where `similarity` says 0.8 or more and `also` agrees. Each candidate is held against the first and the
 * previous one of its band alone, so that many copies cost no square of their number: a chain may break where neither
 * is near enough, and joined groups may hold texts that are near only through others.
 */
export function nearDuplicateGroups(
  sketches: Sketches,
  also: (a: number, b: number) => boolean = () => true,
): number[][] {
  const n = sketches.count;
  const parents = Int32Array.from({ length: n }, (_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at] as number] as number;
      at = parents[at] as number;
    }
    return at;
  };
  const tried = (a: number, b: number) => {
    const [one, other] = [root(a), root(b)];
    if (one === other || sketches.similarity(a, b) < NEAR || !also(a, b)) return;
    parents[Math.max(one, other)] = Math.min(one, other);
  };
  const keys = new Float64Array(n);
  for (let band = 0; band < BANDS; band++) {
    // Hash and place in one number of 52 bits: sorting brings equal hashes together, places in order.
    for (let i = 0; i < n; i++) keys[i] = sketches.band(i, band) * 2 ** 20 + i;
    keys.sort();
    let first = -1;
    for (let k = 1; k < n; k++) {
      const [held, own] = [keys[k - 1] as number, keys[k] as number];
      if (Math.floor(held / 2 ** 20) !== Math.floor(own / 2 ** 20)) {
        first = -1;
        continue;
      }
      const [before, place] = [held % 2 ** 20, own % 2 ** 20];
      if (first < 0) first = before;
      tried(first, place);
      if (before !== first) tried(before, place);
    }
  }
  const groups = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const own = groups.get(root(i));
    if (own === undefined) groups.set(root(i), [i]);
    else own.push(i);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Places of so many texts fit into the keys of `nearDuplicateGroups`. */
export const MOST_TEXTS = 2 ** 20;
