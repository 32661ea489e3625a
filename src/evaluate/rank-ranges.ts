/** The ranks that an arm may have, 1 the best. */
export interface RankRange {
  readonly best: number;
  readonly worst: number;
}

/**
 * best = 1 + #{arms that are better beyond doubt},  worst = k − #{arms that are worse beyond doubt}
 *
 * From the pairs [better, worse] that a comparison could tell apart, with its errors held over all pairs, these are
 * simultaneous confidence ranges of the ranks. Two arms that could not be told apart always have a rank in common: where
 * others would put one wholly above the other, their ranges are widened until they meet.
 * *Reference:* Al Mohamad, Goeman and van Zwet 2022, Biometrics 78(1) (ranges from pairwise tests).
 * One arm has rank 1. No pair told apart: all arms have ranks 1 to k.
 */
export function rankRanges(
  names: readonly string[],
  apart: readonly (readonly [better: string, worse: string])[],
): RankRange[] {
  const ranges = names.map((name) => ({
    best: 1 + apart.filter(([, worse]) => worse === name).length,
    worst: names.length - apart.filter(([better]) => better === name).length,
  }));
  const told = new Set(apart.flatMap(([better, worse]) => [`${better}\n${worse}`, `${worse}\n${better}`]));
  const widened = ranges.map((range) => ({ ...range }));
  for (const [i, above] of ranges.entries()) {
    for (const [j, below] of ranges.entries()) {
      if (i === j || told.has(`${names[i]}\n${names[j]}`) || above.worst >= below.best) continue;
      const upper = widened[i] as { worst: number };
      upper.worst = Math.max(upper.worst, below.best);
    }
  }
  return widened;
}
