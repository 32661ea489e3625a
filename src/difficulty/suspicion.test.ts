import { describe, expect, it } from 'vitest';
import type { ScoreRow } from './scores.ts';
import { suspicions } from './suspicion.ts';

const BETA = 0.1;

/** A score with this margin. */
function score(id: string, seed: number, margin: number, checkpoint = 1): ScoreRow {
  return {
    id,
    row: 0,
    part: 0,
    seed,
    checkpoint,
    step: checkpoint,
    chosenLogProb: margin / BETA,
    rejectedLogProb: 0,
    refChosenLogProb: 0,
    refRejectedLogProb: 0,
    loss: 0,
    evenTokenMargin: 0,
  };
}

describe('suspicions', () => {
  it('tells what seeds agree on from what they do not', () => {
    const scores = [
      ...[1.0, 1.2].map((margin, seed) => score('learned', seed, margin)),
      ...[-1.1, -0.9].map((margin, seed) => score('against', seed, margin)),
      ...[0.3, -0.3].map((margin, seed) => score('unclear', seed, margin)),
    ];
    const rows = suspicions(scores, BETA);
    // s² = (2 · 0.1² + 2 · 0.1² + 2 · 0.3²) / 3
    const deviation = Math.sqrt((2 * 0.01 + 2 * 0.01 + 2 * 0.09) / 3);
    expect(rows?.map(({ id, suspicion }) => [id, suspicion])).toEqual([
      ['learned', 'learned'],
      ['against', 'against'],
      ['unclear', 'unclear'],
    ]);
    expect(rows?.[1]?.z).toBeCloseTo((-1 * Math.SQRT2) / deviation, 6);
  });

  it('takes the last checkpoint alone', () => {
    const scores = [0, 1].flatMap((seed) => [
      score('a', seed, -5, 1),
      score('a', seed, 2 + 0.1 * seed, 2),
      score('b', seed, 0.1 * seed, 2),
    ]);
    expect(suspicions(scores, BETA)?.[0]).toMatchObject({ id: 'a', suspicion: 'learned' });
  });

  it('one seed cannot tell', () => {
    expect(suspicions([score('a', 0, 1), score('b', 0, -1)], BETA)).toBeNull();
  });
});
