import { describe, expect, test } from 'vitest';
import type { Duel, DuelVerdict } from '../../judge/duel.ts';
import { duelResults, gradeResults, type JudgedModel } from './results.ts';

const duel = (id: string, model: string, opponent: string): Duel => ({
  id,
  conversation: [{ role: 'user', content: id }],
  model,
  opponent,
});
const verdict = (id: string, win: number, repeat = 0): DuelVerdict => ({ id, repeat, win, games: [] });

function judged(model: string, wins: readonly number[], arm?: string): JudgedModel {
  return {
    model,
    ...(arm === undefined ? {} : { arm }),
    duels: wins.map((_, i) => duel(`q${i}`, 'x'.repeat(3 + i), 'yyyy')),
    verdicts: wins.map((win, i) => verdict(`q${i}`, win)),
    unanswered: 1,
    endedShare: 0.5,
  };
}

describe('duelResults', () => {
  const options = { seed: 1, judgeModel: null };

  test('training seeds of an arm are one row: the mean over seeds, a question one cluster', () => {
    const one = [1, 1, 0, 0.5];
    const two = [1, 0, 0, 0.5];
    const { models, pairs } = duelResults(
      [
        judged('selected-42', one, 'selected'),
        judged('full', [0, 0, 1, 1]),
        judged('selected-43', two, 'selected'),
      ],
      options,
    );
    expect(models.map(({ model }) => model).sort()).toEqual(['full', 'selected']);
    const arm = models.find(({ model }) => model === 'selected');
    expect(arm?.members).toEqual(['selected-42', 'selected-43']);
    expect(arm?.winRate).toMatchObject({ value: 4 / 8, n: 4 });
    expect(arm).toMatchObject({
      verdicts: 8,
      withoutVerdict: 0,
      unanswered: 2,
      endedShare: 0.5,
      noise: null,
    });
    expect(arm?.lengths).toMatchObject({ n: 8, meanLength: { model: 4.5, opponent: 4 } });
    expect(pairs).toHaveLength(1);
  });

  test('two equal seeds are as sure as one, not twice as sure', () => {
    const wins = [1, 0, 1, 1, 0.5, 0, 1, 0];
    const alone = duelResults([judged('a', wins)], options).models[0];
    const twice = duelResults([judged('a-1', wins, 'a'), judged('a-2', wins, 'a')], options).models[0];
    expect(twice?.winRate).toEqual(alone?.winRate);
    expect(twice?.lengthControlled).toEqual(alone?.lengthControlled);
  });

  test('repeats within seeds are the judge’s noise; seeds are not', () => {
    const own = (model: string, second: number): JudgedModel => ({
      ...judged(model, [1, 0], 'a'),
      verdicts: [verdict('q0', 1), verdict('q1', 0), verdict('q0', second, 1), verdict('q1', 0, 1)],
    });
    const { models, overall } = duelResults([own('a-1', 1), own('a-2', 1)], options);
    expect(models[0]?.noise).toMatchObject({ repeats: 2, duels: 4, agreement: 1, winRateError: 0 });
    expect(overall.noise).toEqual(models[0]?.noise);
    const noisy = duelResults([own('a-1', 1), own('a-2', 0)], options).models[0];
    expect(noisy?.noise).toMatchObject({ duels: 4, agreement: 0.75 });
  });

  test('nothing judged is told as nothing', () => {
    const { models, pairs } = duelResults([{ ...judged('a', []), duels: [] }], options);
    expect(models[0]).toMatchObject({ winRate: null, rank: null, lengths: null, lengthControlled: null });
    expect(pairs).toEqual([]);
  });
});

test('gradeResults: seeds of an arm are one row too', () => {
  const grade = (id: string, turn: 1 | 2, rating: number | null) => ({
    id,
    turn,
    repeat: 0,
    rating,
    said: null,
    key: 'k',
    template: 't',
  });
  const graded = (model: string, ratings: readonly (number | null)[]) => ({
    model,
    arm: 'a',
    unanswered: 0,
    meanLengthChars: model === 'a-1' ? 10 : 20,
    endedShare: null,
    grades: ratings.map((rating, i) => grade(`q${i >> 1}`, i % 2 === 0 ? 1 : 2, rating)),
  });
  const { models } = gradeResults([graded('a-1', [8, 6, 4, null]), graded('a-2', [10, 8, 6, 4])], {
    seed: 1,
    judgeModel: 'j',
  });
  expect(models).toHaveLength(1);
  expect(models[0]).toMatchObject({
    members: ['a-1', 'a-2'],
    ratings: 7,
    withoutVerdict: 1,
    turns: [7, 6],
    meanLengthChars: 15,
    endedShare: null,
  });
  // The mean over questions of each question's mean.
  expect(models[0]?.mean?.value).toBeCloseTo((8 + 14 / 3) / 2, 10);
});
