import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { parseRules } from './rules.ts';

const fault = (text: string): WinnowError => {
  try {
    parseRules(text, 'rules.yaml');
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('a file of rules', () => {
  it('gives rules in order, with the lines of each and of its predicate', () => {
    const text = `# for the team
- name: safety
  when: >-
    meta.source = 'safety'
    and chosen_chars > 3
  action: keep
  because: Refusals stay.

- {name: all, when: true, action: review}
`;
    const { rules, sha256 } = parseRules(text, 'rules.yaml');
    expect(rules).toEqual([
      {
        name: 'safety',
        when: "meta.source = 'safety' and chosen_chars > 3",
        action: 'keep',
        weight: null,
        because: 'Refusals stay.',
        line: 2,
        whenLine: 3,
      },
      { name: 'all', when: 'true', action: 'review', weight: null, because: null, line: 9, whenLine: 9 },
    ]);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(parseRules('', 'rules.yaml').rules).toEqual([]);
    expect(parseRules('# nothing yet\n', 'rules.yaml').rules).toEqual([]);
  });

  it.each([
    ['- name: a\n  when: x: y\n  action: keep\n', 'rules-yaml', 2],
    ['rules:\n  - name: a\n', 'rules-yaml', 1],
    ['- name: a\n  when: "true"\n  action: keep\n- text\n', 'rules-value', 4],
    ['- name: a\n  when: "true"\n  action: delete\n', 'rules-value', 3],
    ['- name: a\n  when: "true"\n', 'rules-value', 1],
    ['- name: a\n  action: keep\n', 'rules-value', 1],
    ['- name: a\n  when: 3\n  action: keep\n', 'rules-value', 2],
    ['- when: "true"\n  action: keep\n', 'rules-value', 1],
    ['- name: a\n  when: "true"\n  action: keep\n  weight: 0.5\n', 'rules-value', 4],
    ['- name: a\n  when: "true"\n  action: weight\n', 'rules-value', 3],
    ['- name: a\n  when: "true"\n  action: weight\n  weight: 0\n', 'rules-value', 4],
    ['- name: a\n  when: "true"\n  action: weight\n  weight: heavy\n', 'rules-value', 4],
    [
      '- name: a\n  when: "true"\n  action: keep\n\n- name: a\n  when: "false"\n  action: drop\n',
      'rules-value',
      5,
    ],
    ['- name: a\n  when: "true"\n  action: keep\n  because: [x]\n', 'rules-value', 4],
  ])('%j: %s in line %i', (text, code, line) => {
    const error = fault(text);
    expect(error).toMatchObject({ kind: 'input', code, exitCode: 2 });
    expect(error.fields).toMatchObject({ file: 'rules.yaml', line });
    expect(error.fields.remedy).toBeTypeOf('string');
  });
});
