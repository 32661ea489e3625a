import { describe, expect, it } from 'vitest';
import type { GoldJudge } from '../judge/judge.ts';
import { type Answer, gradeAnswers, gradeByReward, type RewardedAnswer } from './answers.ts';

const answer = (id: string, text: string, ended = true): Answer => ({
  id,
  prompt: `prompt of ${id}`,
  text,
  tokens: text.length,
  ended,
});

/** Judges by length; wants the prompt's last letter in the answer, an end, and likes exclamation marks. */
const judge: GoldJudge = {
  name: 'length',
  grade: (prompt, text, ended) => ({
    score: ended ? text.length : 0,
    correct: ended && text.includes(prompt.at(-1) as string),
    style: text.endsWith('!') ? 1 : 0.25,
  }),
};

describe('graded answers', () => {
  it('each stands against the start model’s answer to the same prompt, in the order of the answers', () => {
    const start = [answer('a', 'a..'), answer('b', 'bbb'), answer('c', 'c')];
    const graded = gradeAnswers([answer('c', 'cc!'), answer('a', 'xy'), answer('b', 'b!!')], start, judge);
    expect(graded).toEqual([
      { id: 'c', win: 1, correct: 1, style: 1, reward: null },
      { id: 'a', win: 0, correct: 0, style: 0.25, reward: null },
      { id: 'b', win: 0.5, correct: 1, style: 1, reward: null },
    ]);
  });

  it('the judge hears of each side whether it ended', () => {
    expect(gradeAnswers([answer('a', 'aaaa', false)], [answer('a', 'a')], judge)[0]).toMatchObject({
      win: 0,
      correct: 0,
    });
    expect(gradeAnswers([answer('a', 'a')], [answer('a', 'aaaa', false)], judge)[0]).toMatchObject({
      win: 1,
      correct: 1,
    });
  });

  it('the start model against itself wins half of everything', () => {
    const start = [answer('a', 'a..'), answer('b', '', false)];
    expect(gradeAnswers(start, start, judge).map(({ win }) => win)).toEqual([0.5, 0.5]);
  });

  it('an answer without an opponent is an error that names it', () => {
    expect(() => gradeAnswers([answer('z', 'z')], [answer('a', 'a')], judge)).toThrow(/ z$/);
  });
});

describe('answers with rewards', () => {
  const rewarded = (id: string, text: string, reward: number): RewardedAnswer => ({ id, text, reward });
  const start = [rewarded('a', 'x', -1), rewarded('b', 'x', 0.25), rewarded('c', 'x', 3)];

  it('the higher one wins, equal ones share; nothing is said of right and style', () => {
    const graded = gradeByReward(
      [rewarded('c', 'y', 3), rewarded('a', 'y', -0.9), rewarded('b', 'y', -2)],
      start,
    );
    expect(graded).toEqual([
      { id: 'c', win: 0.5, correct: null, style: null, reward: 3 },
      { id: 'a', win: 1, correct: null, style: null, reward: -0.9 },
      { id: 'b', win: 0, correct: null, style: null, reward: -2 },
    ]);
  });

  it('the same text ties, whatever the last bit of its reward', () => {
    const [graded] = gradeByReward([rewarded('a', 'x', -1 + 1e-7)], start);
    expect(graded).toMatchObject({ win: 0.5, reward: -1 });
  });

  it('an exchange of sides exchanges the wins', () => {
    const other = [rewarded('a', 'y', -2), rewarded('b', 'y', 0.5), rewarded('c', 'x', 3)];
    const wins = gradeByReward(other, start).map(({ win }) => win);
    expect(gradeByReward(start, other).map(({ win }) => win)).toEqual(wins.map((win) => 1 - win));
    expect(wins).toEqual([0, 1, 0.5]);
  });

  it('a reward that is no number is no half success', () => {
    expect(gradeByReward([rewarded('a', 'y', Number.NaN)], start)[0]?.win).toBeNaN();
  });
});
