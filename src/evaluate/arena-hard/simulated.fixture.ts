import { Random } from '../../base/random.ts';
import type { Battle } from './battles.ts';
import type { ArenaGroup } from './groups.ts';
import type { Style } from './style.ts';

export interface World {
  readonly seed: number;
  readonly questions: number;
  /** True log-odds against the baseline, at equal style. */
  readonly strengths: Readonly<Record<string, number>>;
  /** How much a relative difference in length moves the judge, in log-odds. */
  readonly lengthTaste: number;
  /** Log of how much longer than the baseline's a model's answers are. */
  readonly longer: Readonly<Record<string, number>>;
  readonly tieShare: number;
}

/** Golden numbers of NumPy and scikit-learn were made of this one. */
export const GOLDEN_WORLD: World = {
  seed: 1,
  questions: 60,
  strengths: { x: -0.5, y: 0.2, z: 1 },
  lengthTaste: 2,
  longer: { x: 0.3, y: -0.2, z: 0.6 },
  tieShare: 0.15,
};

/** Judged answers whose truth is known: each model twice against the baseline on each question, styles in the rows. */
export function simulated(world: World, baseline = 'base'): ArenaGroup {
  const { seed, questions, strengths, lengthTaste, longer, tieShare } = world;
  const random = new Random(seed, 'arena-world');
  const style = (factor: number): Style => ({
    tokens: Math.max(1, Math.round(400 * Math.exp(factor + 0.4 * random.normal()))),
    headers: random.integer(4),
    lists: random.integer(12),
    bold: random.integer(9),
  });
  const battles: Battle[] = [];
  for (let number = 0; number < questions; number++) {
    const question = `q${number}`;
    const ofBaseline = style(0);
    for (const [model, strength] of Object.entries(strengths)) {
      const own = style(longer[model] ?? 0);
      const relative = (own.tokens - ofBaseline.tokens) / (own.tokens + ofBaseline.tokens);
      const wins = 1 / (1 + Math.exp(-strength - lengthTaste * relative));
      for (let game = 0; game < 2; game++) {
        const shareOfA = random.uniform() < tieShare ? 0.5 : random.uniform() < wins ? 0 : 1;
        const styles = [ofBaseline, own] as const;
        battles.push({ question, a: baseline, b: model, shareOfA, category: null, styles });
      }
    }
  }
  return { category: null, baseline, battles, games: null };
}
