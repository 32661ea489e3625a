import { describe, expect, it } from 'vitest';
import type { GoldJudge } from '../judge/judge.ts';
import { type Answer, gradeAnswers } from './answers.ts';

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
      { id: 'c', win: 1, correct: 1, style: 1 },
      { id: 'a', win: 0, correct: 0, style: 0.25 },
      { id: 'b', win: 0.5, correct: 1, style: 1 },
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
