/** v0.1: the benchmark of 2024, Bradley–Terry against gpt-4-0314. v2.0: that of 2025, means against two baselines. */
export type ArenaVersion = 'v0.1' | 'v2.0';

/** What one game said. */
export interface Verdict {
  /** 1: answer A is better; ½: a tie; 0: answer B is better. */
  readonly shareOfA: number;
  /** ≫ or ≪: counted several times. */
  readonly strong: boolean;
}

const WRITTEN: Readonly<Record<string, Verdict>> = {
  'A>>B': { shareOfA: 1, strong: true },
  'A>B': { shareOfA: 1, strong: false },
  'A=B': { shareOfA: 0.5, strong: false },
  'B>A': { shareOfA: 0, strong: false },
  'B>>A': { shareOfA: 0, strong: true },
};

/** Ways to write the same that a judge was not asked for. */
const TURNED: Readonly<Record<string, Verdict>> = {
  'A<<B': { shareOfA: 0, strong: true },
  'A<B': { shareOfA: 0, strong: false },
  'B=A': { shareOfA: 0.5, strong: false },
  'B<A': { shareOfA: 1, strong: false },
  'B<<A': { shareOfA: 1, strong: true },
};

/**
 * The verdict behind a label, or null where it is none. The official program of v0.1 knows the five labels that the
 * judge is asked for; that of v2.0 also takes them written the other way round.
 */
export function verdictOf(label: unknown, version: ArenaVersion): Verdict | null {
  if (typeof label !== 'string') return null;
  const known = version === 'v0.1' ? WRITTEN : { ...WRITTEN, ...TURNED };
  return Object.hasOwn(known, label) ? (known[label] as Verdict) : null;
}
