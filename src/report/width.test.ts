import { expect, test } from 'vitest';
import { displayWidth, padEnd, padStart, wrap } from './width.ts';

test('Japanese characters take two columns', () => {
  expect(displayWidth('勝率 %')).toBe(6);
  expect(displayWidth('ペア')).toBe(4);
  expect(displayWidth('か\u3099')).toBe(2); // a combining mark takes none
  expect(displayWidth('“a” –')).toBe(5);
  expect(padEnd('全件', 6)).toBe('全件  ');
  expect(padStart('全件', 6)).toBe('  全件');
  expect(padStart('too long', 3)).toBe('too long');
});

test('wraps at spaces and between Japanese characters, loses nothing', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
  const text = '選別は大部分が偶然に左右され、やり直すと別のペアが選ばれます（n=600）。';
  const lines = wrap(text, 20);
  expect(lines.join('')).toBe(text);
  for (const line of lines) {
    expect(displayWidth(line)).toBeLessThanOrEqual(22);
    expect(line).not.toMatch(/^[、。）]/);
    expect(line).not.toMatch(/（$/);
  }
  expect(wrap('', 10)).toEqual([]);
});
