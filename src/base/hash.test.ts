import { describe, expect, it } from 'vitest';
import { hashOf, hashOfList, type Json } from './hash.ts';

describe('hashOfList', () => {
  it('is the hash of the list as one value', () => {
    const lists: Json[][] = [[], [1], [{ b: 'é', a: null }, [], 'x"']];
    for (const list of lists) expect(hashOfList(list)).toBe(hashOf(list));
    expect(hashOfList(new Set([1, 2]))).toBe(hashOf([1, 2]));
  });
});
