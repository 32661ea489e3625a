import { expect, it } from 'vitest';
import { difficultyProfile, meanOfTenths } from './profile.ts';
import type { DifficultyRow, ScoreRow } from './scores.ts';

const difficulties = Array.from(
  { length: 25 },
  (_, i): DifficultyRow => ({
    id: `p${i}`,
    row: i,
    difficulty: 0.2 + 0.04 * i,
    spread: null,
    n: 2,
    rank: i + 1,
  }),
);
/** The easiest are longer on the chosen side, the hardest shorter. */
const lengths = new Map(
  difficulties.map(({ id }, i) => [id, { chosen: 10 - Math.sign(i - 12), rejected: 10 }]),
);
const scores = difficulties.flatMap(({ id, row, difficulty }) =>
  [0, 1].map(
    (seed): ScoreRow => ({
      id,
      row,
      part: 0,
      seed,
      checkpoint: 1,
      step: 1,
      chosenLogProb: 0,
      rejectedLogProb: 0,
      // The start model finds the chosen side likelier in the easy half.
      refChosenLogProb: row < 12 ? -1 : -2,
      refRejectedLogProb: row < 12 ? -2 : -1,
      // The second seed turns the order of the hard ones round.
      loss: seed === 1 && row >= 17 ? 2 - difficulty : difficulty,
      evenTokenMargin: 0,
    }),
  ),
);

it('says what pairs from easy to hard are like', () => {
  const profile = difficultyProfile(difficulties, scores, lengths);
  expect(profile.pairs).toBe(25);
  // 0.2 + 0.04 i > ln 2 from i = 13 on.
  expect(profile.aboveLn2).toBeCloseTo(12 / 25, 12);
  expect(profile.tenths.map(({ pairs }) => pairs).reduce((a, b) => a + b)).toBe(25);
  expect(profile.tenths[0]?.lengthLead).toBe(1);
  expect(profile.tenths.at(-1)?.lengthLead).toBe(-1);
  expect(profile.tenths[0]?.referenceLead).toBe(1);
  expect(profile.tenths.at(-1)?.referenceLead).toBe(-1);
  expect(meanOfTenths(profile.tenths, ({ lossNats }) => lossNats)).toBeCloseTo(profile.lossNats, 12);
  expect(profile.agreementHard).toBeCloseTo(-1, 12);
  expect(profile.agreement).toBeGreaterThan(0.5);
  // Both seeds have the same margins: their sides are beyond doubt, unless margins do not differ from 0.
  const { learned = 0, unclear = 0, against = 0 } = profile.suspicions ?? {};
  expect(learned + unclear + against).toBeCloseTo(1, 12);
});

it('with one seed knows no agreement, and with few pairs has fewer parts', () => {
  const few = difficulties.slice(0, 3);
  const profile = difficultyProfile(
    few,
    scores.filter(({ seed }) => seed === 0),
    new Map(),
  );
  expect(profile.agreement).toBeNull();
  expect(profile.suspicions).toBeNull();
  expect(profile.tenths).toHaveLength(3);
  expect(profile.tenths[0]?.lengthLead).toBe(0);
});
