import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../base/fuzz.fixture.ts';
import { builtInGrading } from './grading-templates.ts';
import { fillTemplate, type JudgeTemplate, promptText } from './template.ts';
import { readJudgeTemplate } from './template-files.ts';
import { builtInTemplate, builtInTemplates } from './template-own.ts';
import { findLabel, pairLabel, ratingOf } from './verdict.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-template-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(name: string, text: string, options = {}): Promise<JudgeTemplate> {
  const file = join(folder, name);
  writeFileSync(file, text);
  return readJudgeTemplate(file, options);
}

const OWN = `kind: pairwise
prompt: |-
  Ask: {prompt}
  One: {answer_a}
  Two: {answer_b}
patterns: ['\\[\\[([AB<>=]+)\\]\\]']
`;
const filled = (template: JudgeTemplate, more = {}) =>
  fillTemplate(template, { prompt: 'P', answer_a: 'A', answer_b: 'B', ...more }).at(-1)?.content;

describe('Winnow’s own templates', () => {
  it('are there, and each fits its judge', () => {
    expect(builtInTemplates()).toEqual([
      'grading',
      'grading-ja',
      'grading-reference',
      'grading-reference-ja',
      'grading-turn-2',
      'grading-turn-2-ja',
      'grading-turn-2-reference',
      'grading-turn-2-reference-ja',
      'pairwise-five',
      'pairwise-three',
      'preference',
    ]);
    for (const language of ['en', 'ja'] as const) {
      const templates = builtInGrading(language);
      expect(Object.values(templates).map(({ turn, usesReference }) => [turn, usesReference])).toEqual([
        [1, false],
        [1, true],
        [2, false],
        [2, true],
      ]);
    }
    expect(() => builtInTemplate('pairwise-six')).toThrow(/no template pairwise-six.*grading-turn-2/);
  });

  it.each(['pairwise-five', 'pairwise-three', 'grading', 'grading-ja'])(
    '%s: the verdict that it asks for is the one that is found, also when it is asked again',
    (name) => {
      const { verdict, again, messages } = builtInTemplate(name);
      const text = messages
        .map(({ parts }) => parts.filter((part) => typeof part === 'string').join(''))
        .join('\n');
      const labels = name.startsWith('grading')
        ? ['5', '7.5', '10']
        : name === 'pairwise-five'
          ? ['A>>B', 'A>B', 'A=B', 'B>A', 'B>>A']
          : ['A', 'B', 'C'];
      for (const label of labels) {
        expect(findLabel(`I say [[1]] and [[A]] no: [[${label}]]`, verdict)).toBe(label);
        expect(name.startsWith('grading') ? ratingOf(label) : pairLabel(label)).not.toBeNull();
        if (!name.startsWith('grading')) {
          expect(text).toContain(`[[${label}]]`);
          expect(again).toContain(`[[${label}]]`);
        }
      }
      expect(again).not.toBeNull();
    },
  );

  it('frame each text with a code that no text can know', () => {
    const template = builtInTemplate('pairwise-five');
    const codes = [filled(template), filled(template, { answer_a: 'A2' })].map(
      (text) => /<answer A (\w{8})>\n/.exec(text as string)?.[1] as string,
    );
    expect(new Set(codes).size).toBe(2);
    for (const code of codes) expect(code).toMatch(/^[0-9a-f]{8}$/);
    expect(filled(template)).toBe(filled(template));
  });

  it('are read from files that a user can copy: the file alone gives the same template', async () => {
    for (const name of builtInTemplates()) {
      const own = builtInTemplate(name);
      const copy = await read(`${name}.yaml`, readFileSync(own.file, 'utf8'));
      expect({ ...copy, file: own.file }).toEqual(own);
    }
  });

  it('hold no word of the benchmarks’ prompts beyond their labels', () => {
    for (const name of builtInTemplates())
      expect(readFileSync(builtInTemplate(name).file, 'utf8')).not.toMatch(
        /impartial judge|\[User Question\]|User Prompt\|>|leaderboard|公平な判断者/,
      );
  });
});

describe('placeholders', () => {
  it('are filled in one pass: a text that names one stays as it is', async () => {
    const template = await read('own.yaml', OWN);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{prompt}', '{answer_a}', '{answer_b}', '{{', '}}', '$&', '$1', 'x', '\n'), {
          maxLength: 6,
        }),
        fc.array(fc.constantFrom('{prompt}', '{answer_b}', '{', '}', '$`', 'y'), { maxLength: 6 }),
        (one, two) => {
          const [a, b] = [one.join(''), two.join('')];
          expect(filled(template, { answer_a: a, answer_b: b, prompt: b })).toBe(
            `Ask: ${b}\nOne: ${a}\nTwo: ${b}`,
          );
        },
      ),
      seeded(200),
    );
  });

  it('braces written twice are braces; single ones that are no placeholder stay', async () => {
    const template = await read('braces.yaml', OWN.replace('Ask:', '{{prompt}} { "a": 1 } {}'));
    expect(filled(template)).toBe('{prompt} { "a": 1 } {} P\nOne: A\nTwo: B');
  });

  it.each([
    ['{answer_b}', 'two', /lacks {answer_b} \(need "{prompt}, {answer_a}, {answer_b}"/],
    ['{prompt}', '', /lacks {prompt}/],
    ['{answer_a}', '{anser_a}', /line 2: .*unknown placeholder {anser_a}/],
    ['{answer_a}', '{answer_a} {answer}', /no use for {answer}/],
    ['kind: pairwise', 'kind: pairwse', /at kind/],
    ['kind: pairwise', 'kind: pairwise\ntemperature: 0', /not as it should be/],
    ['patterns:', 'pattern:', /not as it should be/],
    ["patterns: ['\\[\\[([AB<>=]+)\\]\\]']", '', /does not say how its verdict is found/],
    ["'\\[\\[([AB<>=]+)\\]\\]'", "'(?P<x>a)'", /no regular expression of JavaScript/],
    ["'\\[\\[([AB<>=]+)\\]\\]'", '', /not as it should be at patterns/],
    ['prompt: |-', 'prompt: [', /line \d+: this is not valid YAML/],
  ])('%s → %s is told with the file', async (from, to, message) => {
    expect(OWN).toContain(from);
    const name = 'faulty.yaml';
    await expect(read(name, OWN.replace(from, to))).rejects.toThrow(message);
    await expect(read(name, OWN.replace(from, to))).rejects.toMatchObject({
      code: 'judge-template',
      exitCode: 2,
      fields: { file: join(folder, name) },
    });
  });

  it('two turns need all four texts', async () => {
    const text = 'kind: grading\npatterns: [x]\nprompt: "{prompt_2} {answer_2} {prompt_1}"\n';
    await expect(read('turns.yaml', text)).rejects.toThrow(/lacks {answer_1}/);
    expect(
      (await read('turns.yaml', text.replace('{prompt_1}', '{prompt_1}{answer_1}{reference_2}')))
        .usesReference,
    ).toBe(true);
  });

  it('another wording has another hash', async () => {
    const one = await read('own.yaml', OWN);
    expect((await read('own.yaml', OWN.replace('Ask', 'Question'))).hash).not.toBe(one.hash);
    expect((await read('own.yaml', OWN.replace('AB<>=', 'AB<>'))).hash).not.toBe(one.hash);
    expect((await read('other.yaml', `# a comment\n${OWN}`)).hash).toBe(one.hash);
  });
});

describe('the benchmarks’ forms', () => {
  const chatMl =
    '<|im_start|>system\nBe fair.\n<|im_end|>\n<|im_start|>user\n{\n  {"i": """{instruction}"""}\n}\nm {output_1} M {output_2}\n<|im_end|>\n';

  it('AlpacaEval’s: braces of its JSON stay', async () => {
    const template = await read('clf.txt', chatMl);
    expect(template).toMatchObject({ kind: 'preference', name: 'clf' });
    expect(filled(template)).toBe('{\n  {"i": """P"""}\n}\nm A M B');
    await expect(read('clf.txt', chatMl.replace('{output_2}', '2'))).rejects.toThrow(/lacks {output_2}/);
    await expect(read('clf.txt', chatMl.replace('system', 'system name=x'))).rejects.toThrow(/unknown role/);
  });

  it('Arena-Hard’s: the first form wants all verdicts equal, the later takes the last', async () => {
    const old = await read(
      'judge_config.yaml',
      'system_prompt: Judge {well}.\nprompt_template: ["Q {question_1} A {answer_1} B {answer_2}"]\nregex_pattern: \\[\\[([AB<>=]+)\\]\\]\n',
    );
    expect(filled(old)).toBe('Q P A A B B');
    expect(fillTemplate(old, { prompt: '', answer_a: '', answer_b: '' })[0]?.content).toBe('Judge {well}.');
    expect(findLabel('[[A>B]] … [[A>B]]', old.verdict)).toBe('A>B');
    expect(findLabel('[[A>B]] … [[B>A]]', old.verdict)).toBeNull();
    expect(findLabel('[[a>b]]', old.verdict)).toBeNull();
    await expect(read('a.yaml', 'prompt_template: "{QUESTION}{ANSWER_A}{ANSWER_B}"')).rejects.toThrow(
      /lacks regex_patterns/,
    );
    await expect(read('a.yaml', 'prompt_template: "{QUESTION}"\nregex_patterns: [x]')).rejects.toThrow(
      /lacks {ANSWER_A} and {ANSWER_B}/,
    );
  });

  it('FastChat’s: a line that is none is told', async () => {
    await expect(read('prompts.jsonl', '{"name":"x"}\n', { name: 'x' })).rejects.toMatchObject({
      fields: { line: 1 },
    });
    await expect(read('prompts.jsonl', '{"name":\n')).rejects.toMatchObject({ code: 'bad-json-line' });
  });

  it.each([
    ['none.yaml', '', /holds no template/],
    ['none.txt', 'just text', /holds no template/],
    ['list.yaml', '- a\n- b\n', /holds no template/],
  ])('%s is none', async (name, text, message) => {
    await expect(read(name, text)).rejects.toThrow(message);
    await expect(readJudgeTemplate(join(folder, 'absent.yaml'))).rejects.toMatchObject({
      code: 'file-missing',
    });
  });
});

describe('verdicts', () => {
  it('labels mirror: swapping A and B swaps the win', () => {
    const swap = (label: string) => label.replaceAll(/[AB]/g, (side) => (side === 'A' ? 'B' : 'A'));
    for (const label of [
      'A>>B',
      'A>B',
      'A=B',
      'B>A',
      'B>>A',
      'A<B',
      'A<<B',
      'B<A',
      'B<<A',
      'B=A',
      'A',
      'B',
      'C',
    ]) {
      const [one, two] = [pairLabel(label), pairLabel(swap(label))];
      expect((one?.winA ?? 9) + (two?.winA ?? 9)).toBe(1);
      expect(one?.strong).toBe(two?.strong);
      expect(one?.strong).toBe(/>>|<</.test(label));
    }
    for (const other of ['', 'A>>>B', 'A>A', 'D', '=', 'a>b']) expect(pairLabel(other)).toBeNull();
  });

  it('patterns are tried in their order; first, last or only', () => {
    const rule = (take: 'first' | 'last' | 'only') => ({
      patterns: [/\[\[(\w)\]\]/g, /\[(\w)\]/g],
      take,
      upperCase: false,
    });
    const text = '[Z] [[A]] [[B]]';
    expect(findLabel(text, rule('first'))).toBe('A');
    expect(findLabel(text, rule('last'))).toBe('B');
    expect(findLabel(text, rule('only'))).toBeNull();
    expect(findLabel('[Z]', rule('only'))).toBe('Z');
    expect(findLabel('none', rule('last'))).toBeNull();
    expect(findLabel('', rule('last'))).toBeNull();
  });

  it('ratings are 1 to 10', () => {
    expect(['1', '10', '7.5', '8.'].map(ratingOf)).toEqual([1, 10, 7.5, null]);
    expect(['0', '11', '-1', '', 'ten', '1e1', 'NaN'].map(ratingOf)).toEqual(Array(7).fill(null));
  });

  it('a single message is the prompt as it is', () => {
    expect(promptText([{ role: 'user', content: '[User]\nhi' }])).toBe('[User]\nhi');
  });
});
