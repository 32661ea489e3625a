import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { jsonText, oddValue, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { fillTemplate } from './template.ts';
import { readJudgeTemplate } from './template-files.ts';

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-template-')));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A template that can be filled, or an input error that names the file. */
async function readOrRefused(name: string, content: string | Uint8Array, options = {}): Promise<void> {
  const file = join(folder, name);
  writeFileSync(file, content);
  try {
    const template = await readJudgeTemplate(file, options);
    const texts = { prompt: 'P', answer_a: 'A', answer_b: 'B', answer: 'C', reference: 'R' };
    const turns = {
      prompt_1: '1',
      answer_1: '2',
      prompt_2: '3',
      answer_2: '4',
      reference_1: '5',
      reference_2: '6',
    };
    expect(fillTemplate(template, { ...texts, ...turns }).length).toBeGreaterThan(0);
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    expect(error.kind).toBe('input');
    expect(error.message.startsWith(file)).toBe(true);
    expect(error.message.length).toBeLessThan(2_000);
  }
}

const own = {
  kind: 'pairwise',
  system: 'S',
  prompt: '{prompt} {answer_a} {answer_b}',
  patterns: ['(A)'],
  take: 'last',
  again: 'x',
};
const arena = {
  prompt_template: '{QUESTION}{ANSWER_A}{ANSWER_B}',
  regex_patterns: ['(A)'],
  system_prompt: 's',
};
const fastChat = {
  name: 'n',
  type: 'single',
  system_prompt: 's',
  prompt_template: '{question}{answer}',
  output_format: '[[rating]]',
};

describe('a template file of anything', () => {
  it('values of any kind in the place of any other', async () => {
    const yaml = fc.oneof(replacedWithin(own, oddValue), replacedWithin(arena, oddValue));
    await fc.assert(
      fc.asyncProperty(yaml, (value) => readOrRefused('a.yaml', jsonText(value))),
      seeded(200),
    );
    await fc.assert(
      fc.asyncProperty(replacedWithin(fastChat, oddValue), (value) =>
        readOrRefused('a.jsonl', jsonText(value), { name: 'n' }),
      ),
      seeded(100),
    );
  });

  it('texts of braces, marks and line ends', async () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '{{',
      '}}',
      '{prompt}',
      '{answer_a}',
      '{answer_b}',
      '{x}',
      '<|im_start|>',
      '<|im_end|>',
      'user\n',
      'system\n',
      'kind: pairwise\n',
      'prompt: ',
      'prompt_template: ',
      '|-\n  ',
      '- ',
      '&a ',
      '*a',
      '\n',
      '\r\n',
      '\t',
      '%',
      ': ',
      '"',
      "'",
      '#',
      '日',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 30 }),
        fc.constantFrom('a.yaml', 'a.txt', 'a.jsonl'),
        (pieces, name) => readOrRefused(name, pieces.join(''), { name: 'n' }),
      ),
      seeded(400),
    );
  });

  it('bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom('a.yaml', 'a.txt', 'a.jsonl'),
        (bytes, name) => readOrRefused(name, bytes, { name: 'n' }),
      ),
      seeded(200),
    );
  });
});
