import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mean } from 'simple-statistics';
import { describe, expect, test } from 'vitest';
import { spearman } from './correlation.ts';
import { jaccard } from './overlap.ts';

/** The published difficulties of argilla/dpo-mix-7k (glorgao/SelectiveDPO at 637fac5). */
const FOLDER = fileURLToPath(
  new URL('../../../shared/data/selective_dpo_paper/curriculum-lens/', import.meta.url),
);

interface Scores {
  readonly ids: readonly string[];
  readonly columns: readonly (readonly number[])[];
  readonly difficulty: readonly number[];
}

function read(size: string): Scores {
  const [, ...lines] = readFileSync(`${FOLDER}qwen-2.5-${size}-argilla_learning_order.csv`, 'utf8')
    .trim()
    .split(/\r?\n/);
  const rows = lines.map((line) => line.split(','));
  return {
    ids: rows.map((row) => row[0]!),
    columns: rows.map((row) => row.slice(1, 16).map(Number)),
    difficulty: rows.map((row) => Number(row[16])),
  };
}

describe.skipIf(!existsSync(FOLDER))('published difficulties of Selective DPO (needs ../shared/data)', () => {
  const sizes = ['0.5b', '3b', '7b', '14b'] as const;
  type Size = (typeof sizes)[number];
  const scores = Object.fromEntries(
    existsSync(FOLDER) ? sizes.map((size) => [size, read(size)]) : [],
  ) as Record<Size, Scores>;

  /** Difficulties of `size` in the order of 7B's ids. */
  function aligned(size: Size): number[] {
    const byId = new Map(scores[size].ids.map((id, i) => [id, scores[size].difficulty[i]!]));
    return scores['7b'].ids.map((id) => byId.get(id)!);
  }

  /** Ids of the easiest int(n · share). */
  function easy(size: Size, share: number): Set<string> {
    const difficulty = aligned(size);
    const order = difficulty.map((_, i) => i).sort((i, j) => difficulty[i]! - difficulty[j]!);
    return new Set(order.slice(0, Math.trunc(order.length * share)).map((i) => scores['7b'].ids[i]!));
  }

  test.each(sizes)('%s: learning_order is the mean of the 15 raw columns', (size) => {
    const { ids, columns, difficulty } = scores[size];
    expect(ids.length).toBe(6668);
    const error = columns.reduce(
      (most, row, i) => Math.max(most, Math.abs(mean(row as number[]) - difficulty[i]!)),
      0,
    );
    expect(error).toBeLessThan(1e-12);
  });

  test.each([
    ['0.5b', 0.688],
    ['3b', 0.737],
    ['7b', 0.736],
    ['14b', 0.745],
  ] as const)('%s: share of pairs below ln 2 is %f', (size, share) => {
    const { difficulty } = scores[size];
    expect(difficulty.filter((loss) => loss < Math.LN2).length / difficulty.length).toBeCloseTo(share, 3);
  });

  test.each([
    ['0.5b', '3b', 0.871, 0.729],
    ['0.5b', '7b', 0.858, 0.714],
    ['0.5b', '14b', 0.701, 0.632],
    ['3b', '7b', 0.906, 0.774],
    ['3b', '14b', 0.782, 0.692],
    ['7b', '14b', 0.902, 0.807],
  ] as const)('%s and %s: Spearman %f, Jaccard of the easiest half %f', (a, b, rho, j) => {
    expect(Math.abs(spearman(aligned(a), aligned(b))! - rho)).toBeLessThan(1e-3);
    expect(Math.abs(jaccard(easy(a, 0.5), easy(b, 0.5))! - j)).toBeLessThan(1e-3);
  });

  // Fig. 11: easy = the lowest 63.7 / 71.2 / 81.3 % for 3B / 7B / 14B.
  const cut = { '3b': 0.637, '7b': 0.712, '14b': 0.813 } as const;
  test.each([
    ['3b', '7b', 95.879, 72.119],
    ['3b', '14b', 98.046, 48.079],
    ['7b', '3b', 85.781, 90.89],
    ['7b', '14b', 99.368, 63.352],
    ['14b', '3b', 76.812, 93.344],
    ['14b', '7b', 87.014, 97.594],
  ] as const)(
    'Fig. 11, oracle %s, classifier %s: %f %% of easy, %f %% of difficult',
    (oracle, other, easyShare, hardShare) => {
      const truth = easy(oracle, cut[oracle]);
      const called = easy(other, cut[other]);
      const both = [...truth].filter((id) => called.has(id)).length;
      const n = scores['7b'].ids.length;
      const neither = n - truth.size - called.size + both;
      expect(Math.abs((100 * both) / truth.size - easyShare)).toBeLessThan(1e-3);
      expect(Math.abs((100 * neither) / (n - truth.size) - hardShare)).toBeLessThan(1e-3);
    },
  );
});
