import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lengthBatches } from './batches.ts';

describe('lengthBatches', () => {
  it('sorts by length, keeps equal lengths in order, and keeps both limits', () => {
    expect(lengthBatches([5, 1, 3, 1, 9], { tokenBudget: 9, maxRows: 2 })).toEqual([[1, 3], [2], [0], [4]]);
    expect(lengthBatches([2, 2, 2], { tokenBudget: 4, maxRows: 8 })).toEqual([[0, 1], [2]]);
    expect(lengthBatches([], { tokenBudget: 4, maxRows: 8 })).toEqual([]);
  });

  it('gives a row that is longer than the budget a batch of its own', () => {
    expect(lengthBatches([9, 1], { tokenBudget: 4, maxRows: 8 })).toEqual([[1], [0]]);
  });

  it('covers every index exactly once within the budget', () => {
    const limits = fc.record({
      tokenBudget: fc.integer({ min: 1, max: 500 }),
      maxRows: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(fc.nat(300)), limits, (lengths, { tokenBudget, maxRows }) => {
        const batches = lengthBatches(lengths, { tokenBudget, maxRows });
        expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const batch of batches) {
          const longest = Math.max(...batch.map((index) => lengths[index] ?? 0));
          expect(batch.length).toBeLessThanOrEqual(maxRows);
          if (batch.length > 1) expect(batch.length * longest).toBeLessThanOrEqual(tokenBudget);
        }
        const sorted = batches.flat().map((index) => lengths[index] ?? 0);
        expect(sorted).toEqual([...sorted].sort((a, b) => a - b));
      }),
      { seed: 8 },
    );
  });

  it('names limits that are none', () => {
    expect(() => lengthBatches([1], { tokenBudget: 0, maxRows: 1 })).toThrow(/tokenBudget/);
    expect(() => lengthBatches([1], { tokenBudget: 1, maxRows: 1.5 })).toThrow(/maxRows/);
  });
});
