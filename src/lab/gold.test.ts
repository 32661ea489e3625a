import fc from 'fast-check';
import { expect, test } from 'vitest';
import { winner } from '../judge/judge.ts';
import { parseAnswer, styledAnswer, styleOf } from './answer.ts';
import { goldJudgeFor, labJudge } from './gold.ts';

test.each([
  ['013479', true, { score: 2, correct: true, style: 0 }],
  ['>013479', true, { score: 2.5, correct: true, style: 0.5 }],
  ['013479!', true, { score: 2.5, correct: true, style: 0.5 }],
  ['>013479!', true, { score: 3, correct: true, style: 1 }],
  ['>013497!', true, { score: 1, correct: false, style: 1 }],
  ['013497', true, { score: 0, correct: false, style: 0 }],
  ['13479', true, { score: 0, correct: false, style: 0 }],
  ['>>013479!', true, { score: 1, correct: false, style: 1 }],
  [' 013479', true, { score: 0, correct: false, style: 0 }],
  ['', true, { score: 0, correct: false, style: 0 }],
  ['>!', true, { score: 1, correct: false, style: 1 }],
  ['>013479!', false, { score: 0, correct: false, style: 0 }],
])('sort6 491037= %s, ended %s', (answer, ended, grade) => {
  expect(labJudge.grade('sort6 491037=', answer, ended)).toEqual(grade);
});

test('a right plain answer beats a wrong adorned one', () => {
  const grade = (answer: string) => labJudge.grade('mul1 47*8=', answer, true);
  expect(winner(grade('376'), grade('>375!'))).toBe(1);
  expect(winner(grade('376'), grade('>376'))).toBe(0);
  expect(winner(grade('>376'), grade('376!'))).toBe(0.5);
});

test('refuses prompts of other worlds, saying what it needs', () => {
  expect(() => labJudge.grade('What is 2 + 2?', '4', true)).toThrow(/only prompts of the lab.*sort6 491037=/);
});

test('is found by its name', () => {
  expect(goldJudgeFor('lab')).toBe(labJudge);
  expect(goldJudgeFor('gpt')).toBeNull();
});

test('marks are read as they were written', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\d{0,6}$/), fc.boolean(), fc.boolean(), (answer, opening, closing) => {
      const parsed = { answer, opening, closing };
      expect(parseAnswer(styledAnswer(parsed))).toEqual(parsed);
      expect(styleOf(parsed)).toBe((opening ? 0.5 : 0) + (closing ? 0.5 : 0));
    }),
  );
});
