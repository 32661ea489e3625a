import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankRanges } from './rank-ranges.ts';

describe('rank ranges', () => {
  it('are single ranks where all arms are told apart, and all ranks where none are', () => {
    const all: [string, string][] = [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'c'],
    ];
    expect(rankRanges(['b', 'c', 'a'], all)).toEqual([
      { best: 2, worst: 2 },
      { best: 3, worst: 3 },
      { best: 1, worst: 1 },
    ]);
    expect(rankRanges(['a', 'b', 'c'], [])).toEqual(Array(3).fill({ best: 1, worst: 3 }));
    expect(rankRanges(['a'], [])).toEqual([{ best: 1, worst: 1 }]);
    expect(rankRanges([], [])).toEqual([]);
  });

  it('of a middle arm that touches both ends', () => {
    expect(rankRanges(['a', 'b', 'c'], [['a', 'c']])).toEqual([
      { best: 1, worst: 2 },
      { best: 1, worst: 3 },
      { best: 2, worst: 3 },
    ]);
  });

  it('widens where others would put an arm above one that it was not told apart from', () => {
    // a beats c and d, c and d beat b, but a and b were not told apart.
    const apart: [string, string][] = [
      ['a', 'c'],
      ['a', 'd'],
      ['c', 'b'],
      ['d', 'b'],
    ];
    const [a, b] = rankRanges(['a', 'b', 'c', 'd'], apart);
    expect(a).toEqual({ best: 1, worst: 3 });
    expect(b).toEqual({ best: 3, worst: 4 });
  });

  it('two arms that were not told apart always have a rank in common', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const twos = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b] as const));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(-1, 0, 1), { minLength: 10, maxLength: 10 }), (told) => {
        const apart = twos.flatMap(([a, b], i) =>
          told[i] === 0 ? [] : [told[i] === 1 ? ([a, b] as const) : ([b, a] as const)],
        );
        const ranges = rankRanges(names, apart);
        for (const [i, [a, b]] of twos.entries()) {
          if (told[i] !== 0) continue;
          const [x, y] = [ranges[names.indexOf(a)]!, ranges[names.indexOf(b)]!];
          expect(Math.max(x.best, y.best)).toBeLessThanOrEqual(Math.min(x.worst, y.worst));
        }
      }),
      { seed: 10, numRuns: 500 },
    );
  });
});
