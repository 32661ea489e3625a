import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codePoints } from './code-points.ts';

test('codePoints counts as Python’s len', () => {
  expect(codePoints('')).toBe(0);
  expect(codePoints('aé漢\u{1f600}')).toBe(4);
  expect(codePoints('\ud83d')).toBe(1);
  expect(codePoints('\ude00\ud83d')).toBe(2);
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '漢', '\u{1f600}', '\ud83d', '\ude00')), (pieces) => {
      const text = pieces.join('');
      expect(codePoints(text)).toBe([...text].length);
    }),
  );
});
