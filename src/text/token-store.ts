/** Tokens of one block. */
const BLOCK = 2 ** 16;

/**
 * Gives lists of token ids a place in a few large blocks. An `Int32Array` that owns its memory costs about 250 bytes
 * beside its numbers, as much as 60 tokens; a part of a block costs 100.
 */
export function tokenStore(): (ids: readonly number[]) => Int32Array {
  let block = new Int32Array(0);
  let used = 0;
  return (ids) => {
    if (ids.length > BLOCK) return new Int32Array(ids);
    if (used + ids.length > block.length) {
      block = new Int32Array(BLOCK);
      used = 0;
    }
    block.set(ids, used);
    used += ids.length;
    return block.subarray(used - ids.length, used);
  };
}
