/**
 * Memory for the tensors of one step: taken in order, given back all at once. The typed arrays are reused, so
 * a long training neither waits for the garbage collector nor grows.
 */
export class Arena {
  readonly #chunks: Float32Array[] = [];
  #chunk = 0;
  #used = 0;
  readonly #chunkLength: number;

  constructor(chunkLength = 1 << 20) {
    this.#chunkLength = chunkLength;
  }

  /** An array of `length` elements with whatever was in it before. */
  readonly allocate = (length: number): Float32Array => {
    for (;;) {
      const chunk = this.#chunks[this.#chunk];
      if (chunk === undefined) {
        this.#chunks.push(new Float32Array(Math.max(length, this.#chunkLength)));
        this.#used = 0;
      } else if (this.#used + length <= chunk.length) {
        const start = this.#used;
        // 64-byte steps keep every tensor on a cache line of its own.
        this.#used += Math.ceil(length / 16) * 16;
        return chunk.subarray(start, start + length);
      } else if (this.#used === 0) {
        this.#chunks[this.#chunk] = new Float32Array(length);
      } else {
        this.#chunk++;
        this.#used = 0;
      }
    }
  };

  mark(): { chunk: number; used: number } {
    return { chunk: this.#chunk, used: this.#used };
  }

  /** Gives back all that was taken since `mark` (default: everything). */
  release(mark: { chunk: number; used: number } = { chunk: 0, used: 0 }): void {
    this.#chunk = mark.chunk;
    this.#used = mark.used;
  }
}
