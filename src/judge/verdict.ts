/** How a verdict stands in a judge's words. */
export interface VerdictRule {
  /** Tried in order; the first that matches at all decides. The first group, or else the match, is the label. */
  readonly patterns: readonly RegExp[];
  /** Which match counts; `only`: all must be equal. */
  readonly take: 'first' | 'last' | 'only';
  /** Labels are read in upper case. */
  readonly upperCase: boolean;
}

/** What the judge wrote as its verdict; null where it wrote none. */
export function findLabel(text: string, { patterns, take, upperCase }: VerdictRule): string | null {
  const searched = upperCase ? text.toUpperCase() : text;
  for (const pattern of patterns) {
    const found = [...searched.matchAll(pattern)]
      .map((match) => (match[1] ?? match[0]).trim())
      .filter((label) => label !== '');
    if (found.length === 0) continue;
    if (take === 'only' && new Set(found).size > 1) return null;
    return found.at(take === 'first' ? 0 : -1) as string;
  }
  return null;
}

export interface PairLabel {
  /** The share of the answer called A: 1, ½ or 0. */
  readonly winA: number;
  /** ≫ or ≪. */
  readonly strong: boolean;
}

/** Five-way labels as Arena-Hard has them, either way round; A, B and C (a tie) as MT-Bench has them. */
const PAIR_LABELS: ReadonlyMap<string, PairLabel> = new Map(
  (
    [
      [1, true, ['A>>B', 'B<<A']],
      [1, false, ['A>B', 'B<A', 'A']],
      [0.5, false, ['A=B', 'B=A', 'C']],
      [0, false, ['B>A', 'A<B', 'B']],
      [0, true, ['B>>A', 'A<<B']],
    ] as const
  ).flatMap(([winA, strong, labels]) => labels.map((label) => [label, { winA, strong }] as const)),
);

/** null for what is no label. */
export function pairLabel(label: string): PairLabel | null {
  return PAIR_LABELS.get(label) ?? null;
}

const LEAST_RATING = 1;
const MOST_RATING = 10;

/** A rating of 1 … 10; null for anything else. FastChat takes any number, also a year in brackets. */
export function ratingOf(label: string): number | null {
  if (!/^\d+(\.\d+)?$/.test(label)) return null;
  const rating = Number(label);
  return rating >= LEAST_RATING && rating <= MOST_RATING ? rating : null;
}
