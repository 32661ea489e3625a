import type { NamedWorld } from './replicate.ts';

/**
 * Style and correctness disagree, and the tasks are beyond a small model: it answers 29 % of them rightly (s; m 49 %).
 * What the first study's U40 is, and harder.
 */
export const CONFLICT_HARD: NamedWorld = {
  name: 'conflict, hard',
  source: 'mixed',
  conflict: 1.25,
  hardness: 1,
};
/** The first study's main world, U40. */
export const CONFLICT: NamedWorld = { name: 'conflict', source: 'mixed', conflict: 1, hardness: 0.5 };
/** The first study's U0: style says nothing of quality. */
export const NEUTRAL: NamedWorld = { name: 'neutral', source: 'mixed', conflict: 0, hardness: 0.5 };
/** Good answers are the adorned ones. */
export const ALIGNED: NamedWorld = { name: 'aligned', source: 'mixed', conflict: -1, hardness: 0.5 };
/** Two samples of the base model, ranked by the judge. */
export const ON_POLICY: NamedWorld = { name: 'on-policy', source: 'on-policy', conflict: 0, hardness: 0.5 };

/** Levels of hardness that the sweep takes. */
const HARDNESS = [0.2, 0.5, 0.8] as const;

function mixed(hardness: number): NamedWorld[] {
  return [-1, 0, 0.5, 1, 1.25].map((conflict) => ({
    name: `mixed c${conflict} h${hardness}`,
    source: 'mixed',
    conflict,
    hardness,
  }));
}

/**
 * The sweep: fixed before it was run, but for its last five worlds. Worlds of one kind at several hardnesses, then
 * label noise. A world that the other studies use is in it under its own settings, by the sweep's name.
 */
export const SWEEP: readonly NamedWorld[] = [
  ...HARDNESS.flatMap(mixed),
  ...[-0.4, -0.2, 0, 0.5].map(
    (conflict): NamedWorld => ({
      name: `near-miss c${conflict} h0.5`,
      source: 'near-miss',
      conflict,
      hardness: 0.5,
    }),
  ),
  ...HARDNESS.map(
    (hardness): NamedWorld => ({
      name: `on-policy h${hardness}`,
      source: 'on-policy',
      conflict: 0,
      hardness,
    }),
  ),
  ...[-1, 0, 1].map(
    (conflict): NamedWorld => ({
      name: `mixed c${conflict} h0.5 n0.2`,
      source: 'mixed',
      conflict,
      hardness: 0.5,
      labelNoise: 0.2,
    }),
  ),
  { name: 'on-policy h0.5 n0.2', source: 'on-policy', conflict: 0, hardness: 0.5, labelNoise: 0.2 },
  // Added after six cells had shown no gain: hard families alone, most of them beyond the model.
  ...mixed(1),
];
