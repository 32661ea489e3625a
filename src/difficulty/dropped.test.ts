import { describe, expect, it } from 'vitest';
import { aggregate } from './aggregate.ts';
import { labelDropped } from './dropped.ts';
import { type OutsideEvidence, outsideEvidence, similarity } from './outside-evidence.ts';
import type { ScoreRow } from './scores.ts';

const BETA = 0.5;

/** Scores of a pair, with these margins (after β) under seeds 0, 1, … */
function scoresOf(id: string, row: number, margins: readonly number[]): ScoreRow[] {
  return margins.map((margin, seed) => ({
    id,
    row,
    part: 0,
    seed,
    checkpoint: 1,
    step: 1,
    chosenLogProb: margin / BETA,
    rejectedLogProb: 0,
    refChosenLogProb: 0,
    refRejectedLogProb: 0,
    loss: Math.log1p(Math.exp(-margin)),
    evenTokenMargin: margin / BETA / 2,
  }));
}
const nothing: OutsideEvidence = { ratings: null, agreement: null, conflicts: [], similarity: 0.1 };

/** Twenty learned pairs with margins 2 ± 0.1, and those that are to be labelled. */
function label(
  dropped: Readonly<Record<string, readonly number[]>>,
  outside: Readonly<Record<string, Partial<OutsideEvidence>>> = {},
) {
  const learned = Array.from({ length: 20 }, (_, i) => scoresOf(`learned${i}`, i, [1.9, 2.1]));
  const scores = [
    ...learned,
    ...Object.entries(dropped).map(([id, margins], i) => scoresOf(id, 100 + i, margins)),
  ].flat();
  const evidence = new Map(Object.entries(outside).map(([id, own]) => [id, { ...nothing, ...own }]));
  const kept = new Set(learned.map(([score]) => (score as ScoreRow).id));
  return labelDropped(scores, aggregate(scores), kept, BETA, evidence);
}

describe('labels of dropped pairs', () => {
  it('tells wrong, ambiguous, unstable and too hard apart by margins', () => {
    const { rows, between, easyLoss } = label({
      wrong: [-2.2, -2.3],
      ambiguous: [0.02, -0.03],
      unstable: [0.9, -0.4],
      hard: [-0.6, -0.5],
      slow: [0.5, 0.4],
    });
    expect(between).toBe('seeds');
    expect(easyLoss).toBeCloseTo(Math.log1p(Math.exp(-2)), 2);
    expect(Object.fromEntries(rows.map(({ id, label, reasons }) => [id, [label, ...reasons]]))).toEqual({
      wrong: ['likely wrong', 'against', 'swapped-easy'],
      ambiguous: ['ambiguous', 'near-zero'],
      unstable: ['unstable', 'runs-disagree'],
      hard: ['too hard', 'against'],
      slow: ['too hard', 'not-learned'],
    });
    const wrong = rows.find(({ id }) => id === 'wrong');
    expect(wrong?.swappedLoss).toBeCloseTo((Math.log1p(Math.exp(-2.2)) + Math.log1p(Math.exp(-2.3))) / 2, 12);
    expect(wrong).toMatchObject({ runs: 2, runsAgainst: 2 });
  });
  it('hears the data’s own ratings, contradictions, annotators and equal sides', () => {
    const { rows } = label(
      { rated: [-0.6, -0.5], same: [0.5, 0.4], against: [-0.6, -0.5], twins: [-0.6, -0.5], torn: [0.5, 0.4] },
      {
        rated: { ratings: { column: 'score_chosen', chosen: 3, rejected: 4 } },
        same: { ratings: { column: 'score_chosen', chosen: 3, rejected: 3 } },
        against: { conflicts: [7] },
        twins: { similarity: 0.95 },
        torn: { agreement: 0.5 },
      },
    );
    expect(Object.fromEntries(rows.map(({ id, label, reasons }) => [id, [label, ...reasons]]))).toEqual({
      rated: ['likely wrong', 'rated-against'],
      against: ['likely wrong', 'conflict'],
      twins: ['ambiguous', 'near-equal'],
      same: ['ambiguous', 'rated-equal'],
      torn: ['ambiguous', 'annotators-disagree'],
    });
  });
  it('with one run compares the halves of the tokens', () => {
    const scores = [2, 1.8, -2].flatMap((margin, i) => scoresOf(`p${i}`, i, [margin]));
    const uneven = scores.map((score, i) => ({
      ...score,
      evenTokenMargin: score.evenTokenMargin * (1 + i / 20),
    }));
    const found = labelDropped(uneven, aggregate(uneven), new Set(['p0', 'p1']), BETA);
    expect(found.between).toBe('token-halves');
    // Halves of −2: 2·(−1·1.1) and 2·(−2 + 1.1).
    expect(found.rows[0]).toMatchObject({ label: 'likely wrong', runs: 2, runsAgainst: 2, margin: -2 });
  });
  it('finds evidence in texts and columns', () => {
    const pair = (row: number, chosen: string, rejected: string, meta = {}) => ({
      id: `p${row}`,
      row,
      prompt: 'Why?',
      chosen,
      rejected,
      meta,
    });
    const found = outsideEvidence(
      [
        pair(0, 'Because it is.', 'No idea.', { score_chosen: '2', score_rejected: 5, chosen_tokens: 1 }),
        pair(1, 'No idea', 'because it is', { annotator_agreement: 0.6 }),
        pair(2, 'Other', 'other!', { chosenLength: 1, rejectedLength: 9 }),
      ],
      new Set(['p0', 'p1', 'p2']),
    );
    expect(found.get('p0')).toMatchObject({
      ratings: { column: 'score_chosen', chosen: 2, rejected: 5 },
      conflicts: [1],
    });
    expect(found.get('p1')).toMatchObject({ agreement: 0.6, conflicts: [0], ratings: null });
    expect(found.get('p2')).toMatchObject({ similarity: 1, ratings: null, conflicts: [] });
    expect(similarity('abcdefgh', 'abcdefgx')).toBeCloseTo(3 / 5, 12);
  });
});
