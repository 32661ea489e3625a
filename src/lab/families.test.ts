import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../base/random.ts';
import type { TaskFamily } from './family.ts';
import { copyingSlip, nudgeDigit, pickOther, swapNeighbours } from './slips.ts';
import { FAMILIES, promptText, readPrompt } from './tasks.ts';

/** The truth a second time, by other and slower ways than the families compute it. */
const SLOW: Record<string, (question: string) => string> = {
  copy4: (q) => q,
  last5: (q) => q.charAt(4),
  max4: (q) => '9876543210'.split('').find((digit) => q.includes(digit)) as string,
  rev4: slowReverse,
  rev6: slowReverse,
  sort4: countingSort,
  sort6: countingSort,
  find3: (q) => q.charAt(q.indexOf(q.charAt(7)) + 1),
  count6: (q) => String([...q.slice(0, 6)].filter((letter) => letter === q.charAt(7)).length),
  hop2(q) {
    const links = new Map((q.slice(0, 8).match(/../g) ?? []).map((link) => [link[0], link[1]]));
    return links.get(links.get(q.charAt(9))) as string;
  },
  parity8: (q) => (q.replaceAll(/[bc]/g, '').length % 2 === 1 ? '1' : '0'),
  sum3: onFingers,
  sum5: onFingers,
  add1: (q) => columnAddition(q).padStart(4, '0'),
  add2: (q) => columnAddition(q).padStart(3, '0'),
  add3: (q) => columnAddition(q).padStart(4, '0'),
  mul1: (q) => repeatedAddition(q).padStart(3, '0'),
  mul2: (q) => repeatedAddition(q).padStart(4, '0'),
};

function slowReverse(q: string): string {
  let out = '';
  for (const digit of q) out = digit + out;
  return out;
}

function countingSort(q: string): string {
  return '0123456789'.replaceAll(/./g, (digit) => digit.repeat(q.split(digit).length - 1));
}

function onFingers(q: string): string {
  let place = 0;
  for (const digit of q) for (let i = 0; i < Number(digit); i++) place = place === 9 ? 0 : place + 1;
  return '0123456789'.charAt(place);
}

function columnAddition(q: string): string {
  const [a = [], b = []] = q.split('+').map((number) => [...number].reverse().map(Number));
  let [out, carry] = ['', 0];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const column = (a[i] ?? 0) + (b[i] ?? 0) + carry;
    out = (column >= 10 ? column - 10 : column) + out;
    carry = column >= 10 ? 1 : 0;
  }
  return carry + out;
}

function repeatedAddition(q: string): string {
  const [a = 0, b = 0] = q.split('*').map(Number);
  let sum = 0;
  for (let i = 0; i < b; i++) sum += a;
  return String(sum);
}

const EXAMPLES: Record<string, [question: string, answer: string]> = {
  copy4: ['4915', '4915'],
  last5: ['38201', '1'],
  max4: ['3182', '8'],
  rev4: ['4915', '5194'],
  sort4: ['4915', '1459'],
  rev6: ['491037', '730194'],
  sort6: ['491037', '013479'],
  add1: ['047+5', '0052'],
  find3: ['c4a7f1?a', '7'],
  count6: ['abdaca?a', '3'],
  hop2: ['acd1bdc4?a', '4'],
  parity8: ['abcaacba', '0'],
  sum3: ['479', '0'],
  add2: ['47+68', '115'],
  mul1: ['47*8', '376'],
  add3: ['047+380', '0427'],
  sum5: ['47938', '1'],
  mul2: ['47*38', '1786'],
};

test('eighteen families in three levels, each name once', () => {
  expect(FAMILIES).toHaveLength(18);
  expect(new Set(FAMILIES.map(({ name }) => name)).size).toBe(18);
  expect([0, 1, 2].map((level) => FAMILIES.filter((family) => family.level === level).length)).toEqual([
    8, 6, 4,
  ]);
});

describe.each(FAMILIES)('$name', (family: TaskFamily) => {
  test('solves the example', () => {
    const [question, answer] = EXAMPLES[family.name] as [string, string];
    expect(family.solve(question)).toBe(answer);
  });

  test('answers what a slow second computation answers', () => {
    const random = new Random(1, family.name);
    for (let i = 0; i < 2000; i++) {
      const { question, answer } = family.make(random);
      expect(answer, question).toBe(SLOW[family.name]?.(question));
    }
  });

  test('a near miss is never right and looks like an answer', () => {
    const random = new Random(2, family.name);
    for (let i = 0; i < 2000; i++) {
      const { question, answer } = family.make(random);
      const miss = family.nearMiss(random, question, answer);
      expect(miss, question).not.toBe(answer);
      expect(miss, question).toMatch(/^\d+$/);
      expect(miss.length, question).toBe(answer.length);
    }
  });

  test('a prompt is read back as what it was made from', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { question, answer } = family.make(new Random(seed));
        expect(readPrompt(promptText(family, question))).toEqual({ family, question, answer });
      }),
    );
  });

  test('has as many questions as it says', () => {
    const random = new Random(3, family.name);
    const seen = new Set<string>();
    const draws = family.questions <= 20_000 ? 20 * family.questions : 20_000;
    for (let i = 0; i < draws; i++) seen.add(family.make(random).question);
    if (family.questions <= 20_000) expect(seen.size).toBe(family.questions);
    else {
      // Uniform draws repeat themselves about n²/2N times.
      const repeats = draws - seen.size;
      const expected = draws ** 2 / (2 * family.questions);
      expect(Math.abs(repeats - expected)).toBeLessThan(5 * Math.sqrt(expected) + 0.15 * expected);
    }
  });
});

test('near misses of awkward questions', () => {
  const misses = (name: string, question: string) => {
    const family = FAMILIES.find((one) => one.name === name) as TaskFamily;
    const random = new Random(4);
    const answer = family.solve(question) as string;
    for (let i = 0; i < 200; i++) expect(family.nearMiss(random, question, answer)).not.toBe(answer);
  };
  misses('copy4', '7777');
  misses('last5', '00000');
  misses('max4', '9999');
  misses('find3', 'a5b5c5?a');
  misses('hop2', 'acbdc4d4?a');
  misses('count6', 'aaaaaa?a');
  misses('count6', 'aaaaaa?b');
  misses('mul1', '00*0');
  misses('mul2', '00*57');
  misses('add2', '00+00');
});

test.each([
  '',
  'sort6',
  'sort6 491037',
  'sort6 49103=',
  'sort6  491037=',
  'sort7 491037=',
  'find3 a1b2c3?d=',
])('%j is no prompt', (text) => {
  expect(readPrompt(text)).toBeNull();
});

test('slips always change the text and keep its length', () => {
  const digits = fc.stringMatching(/^\d{1,6}$/);
  fc.assert(
    fc.property(digits, fc.integer(), (text, seed) => {
      for (const slip of [nudgeDigit, swapNeighbours, copyingSlip]) {
        const out = slip(new Random(seed), text);
        expect(out).not.toBe(text);
        expect(out).toMatch(new RegExp(`^\\d{${text.length}}$`));
      }
    }),
  );
  expect(pickOther(new Random(1), ['4', '7', '4'], '4')).toBe('7');
});
