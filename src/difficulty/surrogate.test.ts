import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.ts';
import { learnSurrogate, type SurrogatePair, surrogateFeatures } from './surrogate.ts';

/** 300 pairs of random tokens; `group` two a prompt. */
function pairs(seed: number): SurrogatePair[] {
  const random = new Random(seed, 'surrogate test');
  const text = () => Array.from({ length: 1 + random.integer(12) }, () => random.integer(9));
  return Array.from({ length: 300 }, (_, row) => {
    const [prompt, chosen, rejected] = [text(), text(), text()];
    const logProb = (tokens: readonly number[]) => -tokens.length * (1 + random.uniform());
    const reference = { chosen: logProb(chosen), rejected: logProb(rejected) };
    return { id: `p${row}`, row, prompt, chosen, rejected, reference, group: `g${row >> 1}` };
  });
}

const list = pairs(1);
const options = { share: 0.5, at: 0.5, seed: 4 };
const scoresBy = (of: (pair: SurrogatePair) => number) => new Map(list.map((pair) => [pair.id, of(pair)]));

describe('a surrogate of difficulty', () => {
  test('finds what lengths and a token decide, and says that it may be used', () => {
    const marks = ({ chosen, rejected }: SurrogatePair) =>
      Array.from(chosen).filter((t) => t === 3).length - Array.from(rejected).filter((t) => t === 3).length;
    const found = learnSurrogate(
      list,
      scoresBy((pair) => pair.chosen.length - pair.rejected.length - 6 * Math.sign(marks(pair))),
      options,
    );
    expect(found.learned + found.tested).toBe(300);
    expect(Math.abs(found.learned - 150)).toBeLessThanOrEqual(1);
    expect(found.test.spearman?.low).toBeGreaterThan(0.84);
    expect(found.test.use).toBe('yes');
    expect(found.predicted).toHaveLength(300);
  });

  test('chance has no surrogate: it says no, and its interval holds 0', () => {
    const noise = new Random(2, 'noise');
    const found = learnSurrogate(
      list,
      scoresBy(() => noise.normal()),
      options,
    );
    expect(found.test.use).toBe('no');
    expect(found.test.spearman?.low).toBeLessThan(0);
    expect(found.test.spearman?.high).toBeGreaterThan(0);
  });

  test('scores of a sample are enough; pairs of one prompt are never parted', () => {
    const some = new Map([...scoresBy((pair) => pair.chosen.length)].filter((_, i) => i % 3 === 0));
    const found = learnSurrogate(list, some, options);
    expect(found.learned + found.tested).toBe(100);
    expect(found.predicted).toHaveLength(300);
    const whole = list.map((pair) => ({ ...pair, group: 'one' }));
    expect(() =>
      learnSurrogate(
        whole,
        scoresBy((pair) => pair.chosen.length),
        options,
      ),
    ).toThrow(/too few/);
  });

  test('faults, and features of empty texts are numbers', () => {
    const scores = scoresBy((pair) => pair.row);
    expect(() => learnSurrogate(list, scores, { ...options, share: 1 })).toThrow(/between 0 and 1/);
    expect(() => learnSurrogate(list.slice(0, 30), scores, options)).toThrow(/too few scored pairs/);
    const empty = { id: 'e', row: 0, prompt: [], chosen: [], rejected: [], group: '' };
    const features = surrogateFeatures({ ...empty, reference: { chosen: 0, rejected: 0 } }, [3]);
    expect(features.every(Number.isFinite)).toBe(true);
  });
});
