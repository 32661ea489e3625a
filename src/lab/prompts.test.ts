import { expect, test } from 'vitest';
import { labJudge } from './gold.ts';
import { makeBaseText, makePrompts, type Part, partOf } from './prompts.ts';
import { FAMILIES } from './tasks.ts';

const draw = (part: Part, label: string, count = 1800, seed = 1) => makePrompts({ seed, count, label, part });

test('equal shares of the families, no prompt twice', () => {
  const { prompts, short } = draw('training', 'pairs', 1805);
  expect(short).toEqual({});
  expect(prompts).toHaveLength(1805);
  expect(new Set(prompts.map(({ prompt }) => prompt)).size).toBe(1805);
  for (const { name } of FAMILIES) {
    const share = prompts.filter(({ family }) => family === name).length;
    expect(share === 100 || share === 101).toBe(true);
  }
});

test('the same seed and label draw the same, others draw others', () => {
  expect(draw('training', 'pairs')).toEqual(draw('training', 'pairs'));
  expect(draw('training', 'pairs')).not.toEqual(draw('training', 'other'));
  expect(draw('training', 'pairs')).not.toEqual(draw('training', 'pairs', 1800, 2));
});

test('the parts are disjoint whatever the seed, and base texts come from the training part', () => {
  const texts = (part: Part, seed: number) =>
    new Set(draw(part, 'x', 3600, seed).prompts.map(({ prompt }) => prompt));
  const trained = new Set([
    ...texts('training', 1),
    ...makeBaseText({ seed: 3, count: 20_000 }).map(({ prompt }) => prompt),
  ]);
  const tuning = texts('tuning', 2);
  const evaluation = texts('evaluation', 3);
  expect([...trained].some((prompt) => tuning.has(prompt))).toBe(false);
  expect([...trained].some((prompt) => evaluation.has(prompt))).toBe(false);
  expect([...tuning].some((prompt) => evaluation.has(prompt))).toBe(false);
  for (const prompt of trained) expect(partOf(prompt)).toBe('training');
});

test('the parts hold 70, 10 and 20 hundredths of the questions', () => {
  const count = { training: 0, tuning: 0, evaluation: 0 };
  for (let i = 0; i < 20_000; i++) count[partOf(`rev6 ${String(i).padStart(6, '0')}=`)]++;
  expect(count.training / 20_000).toBeCloseTo(0.7, 1);
  expect(count.tuning / 20_000).toBeCloseTo(0.1, 1);
  expect(count.evaluation / 20_000).toBeCloseTo(0.2, 1);
});

test('excluded prompts are not drawn', () => {
  const first = draw('evaluation', 'x', 900);
  const exclude = new Set(first.prompts.map(({ prompt }) => prompt));
  const second = makePrompts({ seed: 1, count: 900, label: 'x', part: 'evaluation', exclude });
  expect(second.prompts.some(({ prompt }) => exclude.has(prompt))).toBe(false);
});

test('an exhausted family gives what it has, and that is said', () => {
  const { prompts, short } = draw('tuning', 'x', 18 * 150);
  // sum3 and mul1 have 1,000 questions each, so about 100 in the tuning part.
  expect(Object.keys(short).sort()).toEqual(['mul1', 'sum3']);
  const missing = Object.values(short).reduce((sum, n) => sum + n, 0);
  expect(prompts).toHaveLength(18 * 150 - missing);
  const all = Array.from({ length: 1000 }, (_, i) => `sum3 ${String(i).padStart(3, '0')}=`);
  const drawn = prompts.filter(({ family }) => family === 'sum3').map(({ prompt }) => prompt);
  expect(drawn.sort()).toEqual(all.filter((prompt) => partOf(prompt) === 'tuning'));
});

test('base texts are right, half styled, and weigh the levels as told', () => {
  const count = 20_000;
  const texts = makeBaseText({ seed: 7, count });
  expect(texts).toEqual(makeBaseText({ seed: 7, count }));
  const grades = texts.map(({ prompt, completion }) => labJudge.grade(prompt, completion, true));
  expect(grades.every(({ correct }) => correct)).toBe(true);
  const style = grades.reduce((sum, grade) => sum + grade.style, 0) / count;
  // Standard error of a mean of two half-weight coins: √(⅛ / 20,000) = .0025.
  expect(Math.abs(style - 0.5)).toBeLessThan(0.01);
  const shareOfHard = texts.filter(({ level }) => level === 2).length / count;
  expect(Math.abs(shareOfHard - (4 * 0.5) / (14 + 4 * 0.5))).toBeLessThan(0.01);
  const easyOnly = makeBaseText({ seed: 7, count: 500, levelWeights: [1, 0, 0] });
  expect(easyOnly.every(({ level }) => level === 0)).toBe(true);
  expect(() => makeBaseText({ seed: 7, count: 1, levelWeights: [0, 0, 0] })).toThrow(/not all zero/);
});
