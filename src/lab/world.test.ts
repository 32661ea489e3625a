import { describe, expect, test } from 'vitest';
import { type Author, candidatesFor } from './candidates.ts';
import { describeWorld, kindOf } from './describe.ts';
import { labJudge } from './gold.ts';
import { type LabPrompt, makePrompts } from './prompts.ts';
import { type LabPair, makePairs } from './world.ts';

const { prompts } = makePrompts({ seed: 1, count: 3600, label: 'pairs', part: 'training' });
const u40 = { seed: 1, conflict: 1 };
const u0 = { seed: 1, conflict: 0 };

/** Scores of both sides, graded anew from the texts alone. */
function regrade({ prompt, chosen, rejected }: LabPair): [number, number] {
  return [labJudge.grade(prompt, chosen, true).score, labJudge.grade(prompt, rejected, true).score];
}

function expectNear(share: number, probability: number, n: number): void {
  const standardError = Math.sqrt((probability * (1 - probability)) / n);
  expect(Math.abs(share - probability)).toBeLessThan(4 * standardError + 1e-9);
}

describe('candidates', () => {
  test.each<[Author, number, number, number]>([
    ['expert', 0.95, 0.1, 1],
    ['middle', 0.5, 0.5, 1],
    ['weak', 0.2, 0.9, 1],
    ['expert', 0.95, 0.3, 0.5],
    ['weak', 0.2, 0.7, 0.5],
    ['expert', 0.95, 0.5, 0],
    ['weak', 0.2, 0.5, 0],
  ])('%s is right at %d and styled at %d under conflict %d', (source, right, style, conflict) => {
    const grades = prompts.map(
      (prompt) => candidatesFor(prompt, { seed: 2, conflict }).find((one) => one.author === source)?.grade,
    );
    const n = grades.length;
    expectNear(grades.filter((grade) => grade?.correct).length / n, right, n);
    // Two marks for each answer.
    expectNear(grades.reduce((sum, grade) => sum + (grade?.style ?? 0), 0) / n, style, 2 * n);
  });

  test('conflict moves style alone', () => {
    for (const prompt of prompts.slice(0, 300)) {
      const rightAt = (conflict: number) =>
        candidatesFor(prompt, { seed: 2, conflict }).map(({ grade }) => grade.correct);
      expect(rightAt(0)).toEqual(rightAt(1));
    }
  });

  test('a base answer takes part, unless it is empty or did not end', () => {
    const sources = (text: string, ended: boolean) =>
      candidatesFor(prompts[0] as LabPrompt, u40, [{ text, ended }]).map(({ author }) => author);
    expect(sources('>7', true)).toEqual(['expert', 'middle', 'weak', 'base']);
    expect(sources('>7', false)).toEqual(['expert', 'middle', 'weak']);
    expect(sources('', true)).toEqual(['expert', 'middle', 'weak']);
  });
});

describe('pairs', () => {
  test.each([0, 0.5, 1])('are strictly ordered by gold at conflict %d', (conflict) => {
    const pairs = makePairs({ world: { seed: 3, conflict }, prompts });
    for (const pair of pairs) {
      const [chosen, rejected] = regrade(pair);
      expect(chosen).toBeGreaterThan(rejected);
      expect(pair.meta.flipped).toBe(false);
    }
  });

  test('say the truth about themselves', () => {
    const pairs = makePairs({ world: { ...u40, labelNoise: 0.3 }, prompts });
    for (const { prompt, chosen, rejected, meta } of pairs) {
      const [a, b] = [labJudge.grade(prompt, chosen, true), labJudge.grade(prompt, rejected, true)];
      expect([a.correct, b.correct]).toEqual([meta.chosenCorrect, meta.rejectedCorrect]);
      expect([a.style, b.style]).toEqual([meta.chosenStyle, meta.rejectedStyle]);
      expect(a.score < b.score).toBe(meta.flipped);
    }
  });

  test('label noise exchanges sides and changes nothing else; less noise flips a part of what more flips', () => {
    const clean = makePairs({ world: u40, prompts });
    const some = makePairs({ world: { ...u40, labelNoise: 0.1 }, prompts });
    const more = makePairs({ world: { ...u40, labelNoise: 0.3 }, prompts });
    expect(more).toHaveLength(clean.length);
    clean.forEach((pair, i) => {
      const noisy = more[i] as LabPair;
      const sides = noisy.meta.flipped ? [noisy.rejected, noisy.chosen] : [noisy.chosen, noisy.rejected];
      expect(sides).toEqual([pair.chosen, pair.rejected]);
      if (some[i]?.meta.flipped) expect(noisy.meta.flipped).toBe(true);
    });
    expectNear(describeWorld(more).flipped, 0.3, more.length);
    expectNear(describeWorld(some).flipped, 0.1, some.length);
    expect(describeWorld(more).conflict).toBe(describeWorld(clean).conflict);
  });

  test('come in equal shares of the families, in the order of the prompts', () => {
    const pairs = makePairs({ world: u40, prompts, count: 1800 });
    expect(pairs).toHaveLength(1800);
    expect(new Set(Object.values(describeWorld(pairs).byFamily))).toEqual(new Set([100]));
    const places = pairs.map((pair) => prompts.findIndex(({ prompt }) => prompt === pair.prompt));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test('take from other families what one family cannot give', () => {
    const thin = prompts.filter(({ family }, i) => family !== 'max4' || i < 50);
    const pairs = makePairs({ world: u40, prompts: thin, count: 2700 });
    expect(pairs).toHaveLength(2700);
  });

  test('are the same for the same seed', () => {
    expect(makePairs({ world: u40, prompts })).toEqual(makePairs({ world: u40, prompts }));
    expect(makePairs({ world: u40, prompts })).not.toEqual(
      makePairs({ world: { ...u40, seed: 2 }, prompts }),
    );
  });

  test('include the base model on either side', () => {
    const baseAnswers = prompts.map(({ answer }, i) => [
      { text: i % 2 === 0 ? `>${answer}!` : '?', ended: i % 3 > 0 },
    ]);
    const pairs = makePairs({ world: u40, prompts, baseAnswers });
    expect(pairs.some(({ meta }) => meta.chosenAuthor === 'base')).toBe(true);
    expect(pairs.some(({ meta }) => meta.rejectedAuthor === 'base')).toBe(true);
    for (const pair of pairs) expect(regrade(pair)[0]).toBeGreaterThan(regrade(pair)[1]);
  });

  test('refuse what cannot be done', () => {
    expect(() => makePairs({ world: u40, prompts, count: 3600 })).toThrow(/too few prompts.*need 3600/);
    expect(() => makePairs({ world: { seed: 1, conflict: 1.5 }, prompts })).toThrow(
      /conflict is out of range/,
    );
    expect(() => makePairs({ world: { ...u40, labelNoise: Number.NaN }, prompts })).toThrow(/labelNoise/);
    expect(() => makePairs({ world: u40, prompts, baseAnswers: [] })).toThrow(/base answers for each/);
  });
});

test('conflict pairs are common in U40 and rarer than agreement pairs in U0', () => {
  const full = describeWorld(makePairs({ world: u40, prompts }));
  const none = describeWorld(makePairs({ world: u0, prompts }));
  for (const world of [full, none]) {
    expect(world.conflict + world.agreement + world.correctnessOnly + world.styleOnly).toBeCloseTo(1, 12);
  }
  expect(full.conflict).toBeGreaterThan(0.3);
  expect(none.conflict).toBeLessThan(none.agreement);
});

test('the kind of a pair, seen from its right side', () => {
  const pair = (chosen: [boolean, number], rejected: [boolean, number]): LabPair => ({
    prompt: 'max4 3182=',
    chosen: '',
    rejected: '',
    meta: {
      family: 'max4',
      level: 0,
      chosenAuthor: 'expert',
      rejectedAuthor: 'weak',
      chosenCorrect: chosen[0],
      rejectedCorrect: rejected[0],
      chosenStyle: chosen[1],
      rejectedStyle: rejected[1],
      flipped: false,
    },
  });
  expect(kindOf(pair([true, 0], [false, 1]))).toBe('conflict');
  expect(kindOf(pair([false, 1], [true, 0]))).toBe('conflict');
  expect(kindOf(pair([true, 1], [false, 0.5]))).toBe('agreement');
  expect(kindOf(pair([true, 0.5], [false, 0.5]))).toBe('correctnessOnly');
  expect(kindOf(pair([true, 1], [true, 0.5]))).toBe('styleOnly');
  expect(() => describeWorld([])).toThrow(/no pairs/);
});

describe('sources of answers', () => {
  test('near-miss: every pair is a right answer over a wrong one, whatever its style', () => {
    for (const conflict of [-1, 0, 1.25]) {
      const pairs = makePairs({ world: { seed: 5, conflict, source: 'near-miss' }, prompts });
      expect(pairs).toHaveLength(prompts.length);
      for (const { meta } of pairs) expect([meta.chosenCorrect, meta.rejectedCorrect]).toEqual([true, false]);
    }
    const styles = (conflict: number) => {
      const { chosenStyle, rejectedStyle } = describeWorld(
        makePairs({ world: { seed: 5, conflict, source: 'near-miss' }, prompts }),
      );
      return [chosenStyle, rejectedStyle];
    };
    // At the ends of conflict one side has every mark, the other none.
    expect(styles(1.25)).toEqual([0, 1]);
    expect(styles(-1.25)).toEqual([1, 0]);
  });

  test('on-policy: both sides are the base model’s; equal ones make no pair', () => {
    const world = { seed: 5, conflict: 0, source: 'on-policy' } as const;
    const baseAnswers = prompts.map(({ answer }, i) => [
      { text: answer, ended: true },
      { text: i % 2 === 0 ? `>${answer}` : answer, ended: true },
    ]);
    const pairs = makePairs({ world, prompts, baseAnswers });
    expect(pairs).toHaveLength(prompts.length / 2);
    for (const { chosen, rejected, meta } of pairs) {
      expect(chosen).toBe(`>${rejected}`);
      expect([meta.chosenAuthor, meta.rejectedAuthor]).toEqual(['base', 'base']);
    }
    expect(() => makePairs({ world, prompts })).toThrow(/need answers of the base model/);
  });

  test('hardness fills the shares of hard families first', () => {
    const hard = makePrompts({
      seed: 1,
      count: 1500,
      label: 'hard',
      part: 'training',
      hardness: 0.8,
    }).prompts;
    const pairs = makePairs({ world: { seed: 5, conflict: 1, hardness: 0.8 }, prompts: hard, count: 1000 });
    const share = pairs.filter(({ meta }) => meta.level === 2).length / pairs.length;
    expect(share).toBeCloseTo(3.2 / 7.8, 1);
  });

  test.each([
    ['conflict', { conflict: 1.3 }],
    ['hardness', { conflict: 0, hardness: 1.1 }],
    ['labelNoise', { conflict: 0, labelNoise: -0.1 }],
    ['conflict', { conflict: Number.NaN }],
  ])('%s out of range is refused', (name, settings) => {
    expect(() => makePairs({ world: { seed: 1, ...settings }, prompts })).toThrow(new RegExp(name));
  });
});
