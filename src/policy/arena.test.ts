import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from './arena.ts';

const lengths = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 30 });

/** Writes a number of its own into every array, then reads all of them again. */
function holdApart(arrays: readonly Float32Array[]): void {
  arrays.forEach((array, i) => {
    array.fill(i + 1);
  });
  arrays.forEach((array, i) => {
    expect(array.every((value) => value === i + 1)).toBe(true);
  });
}

const place = (array: Float32Array) => ({ buffer: array.buffer, byteOffset: array.byteOffset });

describe('arena', () => {
  it('no two live arrays overlap, however marks and releases nest', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 150 }) }) },
      { weight: 1, arbitrary: fc.constant('mark' as const) },
      { weight: 1, arbitrary: fc.constant('release' as const) },
      { weight: 1, arbitrary: fc.constant('release all' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const arena = new Arena(64);
        let live: Float32Array[] = [];
        const marks: { mark: ReturnType<Arena['mark']>; live: number }[] = [];
        for (const action of steps) {
          if (action === 'mark') marks.push({ mark: arena.mark(), live: live.length });
          else if (action === 'release') {
            const last = marks.pop();
            arena.release(last?.mark);
            live = live.slice(0, last?.live ?? 0);
          } else if (action === 'release all') {
            arena.release();
            live = [];
            marks.length = 0;
          } else {
            const array = arena.allocate(action.take);
            expect(array).toHaveLength(action.take);
            live.push(array);
          }
          holdApart(live);
        }
      }),
      { seed: 30 },
    );
  });

  it('does not grow: after a release the same steps get the same memory', () => {
    fc.assert(
      fc.property(lengths, (steps) => {
        const arena = new Arena(64);
        const round = () => {
          arena.release();
          return steps.map((length) => place(arena.allocate(length)));
        };
        // The first round may put a larger chunk in the place of a smaller one.
        round();
        const second = round();
        const third = round();
        third.forEach(({ buffer, byteOffset }, i) => {
          expect(buffer).toBe(second[i]?.buffer);
          expect(byteOffset).toBe(second[i]?.byteOffset);
        });
      }),
      { seed: 31 },
    );
  });

  it('gives back what was taken since the mark, and keeps what was taken before', () => {
    const arena = new Arena(64);
    const before = arena.allocate(10).fill(7);
    const mark = arena.mark();
    const scratch = place(arena.allocate(20));
    arena.allocate(500);
    arena.release(mark);
    const again = arena.allocate(20);
    expect(again.buffer).toBe(scratch.buffer);
    expect(again.byteOffset).toBe(scratch.byteOffset);
    again.fill(1);
    arena.allocate(500).fill(2);
    expect(before.every((value) => value === 7)).toBe(true);
  });

  it('an array larger than a chunk is whole, also as the first and in the place of a smaller chunk', () => {
    const arena = new Arena(16);
    const arrays = [arena.allocate(100), arena.allocate(3), arena.allocate(1000), arena.allocate(16)];
    expect(arrays.map(({ length }) => length)).toEqual([100, 3, 1000, 16]);
    holdApart(arrays);
    arena.release();
    arena.allocate(4);
    arena.release();
    const large = arena.allocate(5000);
    expect(large).toHaveLength(5000);
    holdApart([large, arena.allocate(5000), arena.allocate(1)]);
  });

  it('small arrays share a chunk, each on a cache line of its own', () => {
    const arena = new Arena(1024);
    const arrays = [1, 16, 17, 5].map((length) => arena.allocate(length));
    expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(1);
    expect(arrays.map(({ byteOffset }) => byteOffset / 64)).toEqual([0, 1, 2, 4]);
  });
});
