import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { countMarkdown } from './markdown.ts';

const O3_MINI = fileURLToPath(
  new URL('../../../../shared/data/arena_hard/v2.0.answer.o3-mini.jsonl', import.meta.url),
);

describe('countMarkdown', () => {
  // Each of these was counted by Python's re with the official expressions.
  it.each([
    ['# a\n## b\n####### c\n#d', 2, 0, 0],
    ['1. one\n 23. two\n- x\n* y\n+ z\n-w\n1.x', 0, 5, 0],
    ['**a** __b__ **c\nd** ****', 0, 0, 3],
    ['text # no\n\n\n  - after blank lines', 0, 1, 0],
    ['a\r# not a line start\u2028# nor here', 0, 0, 0],
    ['#\u0085x\n#\ufeffx', 1, 0, 0],
    ['\u0661. Arabic digit', 0, 1, 0],
    ['```\n# in code\n- x\n```\n# out', 1, 0, 0],
    // What a block holds is taken out wherever it stands.
    ['```x```\n# x\nx# b', 2, 0, 0],
    ['``````# a', 0, 0, 0],
    ['', 0, 0, 0],
  ])('%j: %i headers, %i items, %i bold', (text, headers, lists, bold) => {
    expect(countMarkdown(text)).toEqual({ headers, lists, bold });
  });

  it.skipIf(!existsSync(O3_MINI))(
    'counts what is published for all answers of o3-mini (needs ../shared/data)',
    () => {
      const rows = readFileSync(O3_MINI, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
      expect(rows).toHaveLength(750);
      for (const { uid, messages, metadata } of rows) {
        expect({ uid, ...countMarkdown(messages.at(-1).content.answer) }).toEqual({
          uid,
          headers: sum(metadata.header_count),
          lists: sum(metadata.list_count),
          bold: sum(metadata.bold_count),
        });
      }
    },
  );
});
