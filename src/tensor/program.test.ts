import { describe, expect, it } from 'vitest';
import { matmul } from './matmul.ts';
import { compile } from './program.ts';
import { sumLast } from './shape-ops.ts';
import { input } from './value.ts';

describe('a program that needs more memory than there is', () => {
  it("is told as that, from the engine's own words", async () => {
    // The product, 16 TB, is never whole anywhere but in the engine.
    const [a, b] = [input('a', ['N', 1]), input('b', [1, 'M'])];
    const program = await compile(
      { inputs: { a, b }, outputs: { sum: sumLast(matmul(a, b)) } },
      { threads: 1 },
    );
    const [N, M] = [2_000_000, 2_000_000];
    const feeds = {
      a: { data: new Float32Array(N), shape: [N, 1] },
      b: { data: new Float32Array(M), shape: [1, M] },
    };
    const run = program.run(feeds, (length) => new Float32Array(length));
    await expect(run).rejects.toMatchObject({ kind: 'machine', code: 'out-of-memory' });
    await program.dispose();
  });
});
