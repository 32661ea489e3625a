import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readChatTemplate } from './template-files.ts';
import { modelFolder } from './tiny.fixture.ts';

const NAMED = 'additional_chat_templates';

function found(
  chatTemplate: unknown,
  files: Readonly<Record<string, unknown>>,
  named: readonly string[] = [],
) {
  const dir = modelFolder(files);
  if (named.length > 0) mkdirSync(join(dir, NAMED));
  for (const name of named) writeFileSync(join(dir, NAMED, `${name}.jinja`), name);
  const template = readChatTemplate(dir, chatTemplate === undefined ? {} : { chat_template: chatTemplate });
  return template && [template.text, template.file.slice(dir.length + 1).replaceAll('\\', '/')];
}

describe('readChatTemplate', () => {
  const jinja = { 'chat_template.jinja': 'J' };
  const processor = { 'chat_template.json': { chat_template: 'P' } };
  const list = [
    { name: 'tool_use', template: 'T' },
    { name: 'default', template: 'D' },
  ];

  it('prefers files of their own, then tokenizer_config.json, then the file of processors', () => {
    expect(found('C', { ...jinja, ...processor }, ['default', 'rag'])).toEqual(['J', 'chat_template.jinja']);
    expect(found('C', processor, ['default', 'rag'])).toEqual(['default', `${NAMED}/default.jinja`]);
    expect(found('C', processor)).toEqual(['C', 'tokenizer_config.json']);
    expect(found(undefined, processor)).toEqual(['P', 'chat_template.json']);
    expect(found(null, {})).toBeNull();
    expect(found(undefined, { 'chat_template.json': {} })).toBeNull();
  });

  it('takes the template named default', () => {
    expect(found(list, {})).toEqual(['D', 'tokenizer_config.json']);
    expect(found(undefined, { 'chat_template.json': { chat_template: list } })).toEqual([
      'D',
      'chat_template.json',
    ]);
  });

  it.each([
    ['a list without it', list.slice(0, 1), {}, [], /named "default".*got \["tool_use"\]/],
    ['an empty list', [], {}, [], /named "default"/],
    ['a number', 7, {}, [], /neither text nor a list.*got 7/],
    ['a list of other things', [null, 'x', { name: 'default' }], {}, [], /"default"/],
    ['named files without it', 'C', {}, ['rag'], /additional_chat_templates.*got \["rag.jinja"\]/],
    ['a processor file of other things', undefined, { 'chat_template.json': [1] }, [], /chat_template.json/],
  ])('refuses %s', (_, chatTemplate, files, named, message) => {
    expect(() => found(chatTemplate, files, named)).toThrow(message);
    expect(() => found(chatTemplate, files, named)).toThrow(
      expect.objectContaining({ code: 'bad-template', kind: 'input' }),
    );
  });
});
