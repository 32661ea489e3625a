import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { auc } from './auc.ts';

const flags = (text: string) => [...text].map((letter) => letter === '+');

describe('area under the ROC curve', () => {
  const positives = [3, 5, 5, 7, 8, 1, 4.5];
  const negatives = [2, 5, 1, 3, 0, 4.5, 2.5, 6];
  const scores = [...positives, ...negatives];
  const labels = [...positives.map(() => true), ...negatives.map(() => false)];

  it('agrees with scikit-learn, and its error with DeLong’s components', () => {
    // roc_auc_score of scikit-learn 1.9.1; error from the m × n matrix of ψ by numpy: √(var(row means)/m + var(column means)/n)
    const found = auc(scores, labels)!;
    expect(found).toMatchObject({ positives: 7, negatives: 8 });
    expect(found.value).toBeCloseTo(0.7232142857142857, 12);
    expect(found.standardError).toBeCloseTo(0.13935982678545322, 12);
    expect(found.low).toBeCloseTo(0.7232142857142857 - 1.959963984540054 * 0.13935982678545322, 10);
    expect(found.high).toBeCloseTo(0.7232142857142857 + 1.959963984540054 * 0.13935982678545322, 10);
  });

  it('one case a cluster is no cluster; a case twice in one cluster keeps value and error', () => {
    const plain = auc(scores, labels)!;
    const names = scores.map((_, i) => `case ${i}`);
    expect(auc(scores, labels, { clusters: names })).toEqual(plain);
    const twice = auc([...scores, ...scores], [...labels, ...labels], { clusters: [...names, ...names] })!;
    expect(twice.value).toBeCloseTo(plain.value, 12);
    expect(twice.standardError).toBeCloseTo(plain.standardError!, 12);
    expect(auc([...scores, ...scores], [...labels, ...labels])!.standardError).toBeLessThan(
      0.75 * plain.standardError!,
    );
  });

  it('swapping labels or turning scores round mirrors it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.boolean(), fc.integer({ min: 0, max: 4 })), {
          minLength: 1,
          maxLength: 30,
        }),
        (rows) => {
          const [x, up, clusters] = [rows.map(([a]) => a), rows.map(([, b]) => b), rows.map(([, , c]) => c)];
          const one = auc(x, up, { clusters });
          const swapped = auc(
            x,
            up.map((label) => !label),
            { clusters },
          );
          const turned = auc(
            x.map((score) => -score),
            up,
            { clusters },
          );
          for (const other of [swapped, turned]) {
            if (one === null) expect(other).toBeNull();
            else {
              expect(other!.value).toBeCloseTo(1 - one.value, 10);
              expect(other!.standardError ?? -1).toBeCloseTo(one.standardError ?? -1, 7);
            }
          }
        },
      ),
      { seed: 7 },
    );
  });

  it('covers the truth about as often as it says, with cases in clusters', () => {
    // x ~ N(1, 1) against N(0, 1): AUC = Φ(1/√2); half of the variance is shared within a cluster.
    const truth = 0.7602499389065233;
    const trials = 400;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const random = new Random(trial, 'auc');
      const rows = Array.from({ length: 60 }, (_, c) => {
        const shared = random.normal() * Math.SQRT1_2;
        return [true, false, c % 2 === 0].map((up) => ({
          up,
          c,
          x: (up ? 1 : 0) + shared + random.normal() * Math.SQRT1_2,
        }));
      }).flat();
      const { low, high } = auc(
        rows.map(({ x }) => x),
        rows.map(({ up }) => up),
        {
          clusters: rows.map(({ c }) => c),
        },
      )!;
      if (low! <= truth && truth <= high!) covered++;
    }
    // ± 3 standard errors of 400 trials are 0.033.
    expect(covered / trials).toBeGreaterThan(0.917);
    expect(covered / trials).toBeLessThan(0.983);
  });

  it('says what it cannot know', () => {
    expect([auc([], []), auc([1], [true]), auc([1, 2], [false, false])]).toEqual([null, null, null]);
    expect(auc([1, 2], flags('+-'))).toMatchObject({ value: 0, standardError: null, low: null });
    expect(auc([3, 4, 1, 2], flags('++--'))).toMatchObject({
      value: 1,
      standardError: 0,
      low: null,
      high: null,
    });
    expect(auc([1, 1, 1, 1], flags('++--'))).toMatchObject({ value: 0.5 });
    expect(() => auc([Number.NaN, 1], flags('+-'))).toThrow(/NaN/);
  });
});
