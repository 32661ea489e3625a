import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hhMessages } from '../pairs/format-hh.ts';
import type { Text } from '../pairs/pair.ts';
import { readPairs } from '../pairs/read.ts';
import { encodePair, encodePrompt } from './encode.ts';
import { plainCompletion, plainPrompt } from './plain.ts';
import { renderPair, renderPrompt } from './render.ts';
import { CHATML, tinyTokenizer } from './tiny.fixture.ts';

const data = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const message = (role: string) => (content: string) => ({ role, content });
const [user, assistant, system] = [message('user'), message('assistant'), message('system')];
const conversation = {
  prompt: [user('Why?'), assistant('Why not?'), user('No reason.')],
  chosen: [assistant('Good.')],
  rejected: [assistant('Bad.')],
};
const hh = {
  prompt: '\n\nHuman: Why?\n\nAssistant: Why not?\n\nHuman: No reason.\n\nAssistant:',
  chosen: ' Good.',
  rejected: ' Bad.',
};

describe('renderPair', () => {
  it('leaves strings as they are', () => {
    const texts = { prompt: 'a ', chosen: ' b', rejected: '\nc' };
    expect(renderPair(texts, tinyTokenizer({ chatTemplate: CHATML }))).toEqual({
      ...texts,
      templated: false,
    });
    expect(renderPair(hh, tinyTokenizer())).toEqual({ ...hh, templated: false });
  });

  it('writes messages in the form of hh-rlhf for a model without a template', () => {
    expect(renderPair(conversation, tinyTokenizer())).toEqual({ ...hh, templated: true });
    expect(plainPrompt([system('Be kind.'), user('Hi')])).toBe('Be kind.\n\nHuman: Hi\n\nAssistant:');
    expect(plainCompletion([assistant('a'), user('b'), assistant('c')])).toBe(
      ' a\n\nHuman: b\n\nAssistant: c',
    );
    expect(() => plainPrompt([message('tool')('x')])).toThrow(/got "tool"/);
  });

  it('renders the whole conversation and splits it before the answer, which ends with its end of turn', () => {
    const tokenizer = tinyTokenizer({ chatTemplate: CHATML });
    const expected = {
      prompt:
        '<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nWhy not?<|im_end|>\n' +
        '<|im_start|>user\nNo reason.<|im_end|>\n<|im_start|>assistant\n',
      chosen: 'Good.<|im_end|>',
      rejected: 'Bad.<|im_end|>',
      templated: true,
    };
    expect(renderPair(conversation, tokenizer)).toEqual(expected);
    expect(renderPair(hh, tokenizer)).toEqual(expected);
    expect(renderPrompt(conversation.prompt, tokenizer)).toBe(expected.prompt);
    expect(renderPrompt(hh.prompt, tokenizer)).toBe(expected.prompt);
    expect(renderPrompt('plain', tokenizer)).toBe('plain');
  });

  it('moves the boundary before the header when only the generation prompt opens a thought', () => {
    const thinking =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + ':' + m.content + '<|im_end|>' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant:<think>' }}{% endif %}";
    const pair = { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] };
    expect(renderPair(pair, tinyTokenizer({ chatTemplate: thinking }))).toEqual({
      prompt: '<|im_start|>user:q<|im_end|>',
      chosen: '<|im_start|>assistant:a<|im_end|>',
      rejected: '<|im_start|>assistant:b<|im_end|>',
      templated: true,
    });
  });

  it('names templates without a boundary, templates that refuse, and templates that do not parse', () => {
    const pair = { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] };
    const render = (chatTemplate: string) => () => renderPair(pair, tinyTokenizer({ chatTemplate }));
    const counting = '{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}';
    expect(render(counting)).toThrow(
      /tokenizer_config.json: the chat template renders the prompt differently/,
    );
    expect(render("{{ raise_exception('no system role') }}")).toThrow(
      /no system role .*got "user, assistant"/,
    );
    expect(render('{% for %}')).toThrow(/does not parse/);
  });

  it('does not depend on the day', () => {
    const dated = "{{ strftime_now('%d %b %Y') }}{% for m in messages %}|{{ m.content }}{% endfor %}";
    expect(renderPrompt([user('q')], tinyTokenizer({ chatTemplate: dated }))).toBe('26 Jul 2024|q');
  });

  it('refuses a mixture of text and messages', () => {
    const mixed: { prompt: Text; chosen: Text; rejected: Text } = { ...conversation, prompt: 'q' };
    expect(() => renderPair(mixed, tinyTokenizer())).toThrow(/text, messages, messages/);
  });
});

// The project that collected these templates writes them with indentation and takes it out before use.
const compact = (jinja: string) => jinja.replaceAll('    ', '').replaceAll('\n', '');

describe.skipIf(!existsSync(`${data}tokenizers/chat_templates`))(
  'real chat templates (needs ../shared/data)',
  () => {
    const prompt = '<s>[INST] Why? [/INST] Why not?</s>[INST] No reason. [/INST]';
    const llama3 = (role: string, text = '') => `<|start_header_id|>${role}<|end_header_id|>\n\n${text}`;
    const cases: [
      name: string,
      specials: string[],
      config: Record<string, string>,
      prompt: string,
      chosen: string,
    ][] = [
      ['mistral-instruct', [], {}, prompt, ' Good.</s>'],
      [
        'zephyr',
        [],
        {},
        '<|user|>\nWhy?</s>\n<|assistant|>\nWhy not?</s>\n<|user|>\nNo reason.</s>\n<|assistant|>\n',
        'Good.</s>',
      ],
      [
        'llama-3-instruct',
        ['<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
        {},
        `<s>${llama3('user', 'Why?<|eot_id|>')}${llama3('assistant', 'Why not?<|eot_id|>')}` +
          `${llama3('user', 'No reason.<|eot_id|>')}${llama3('assistant')}`,
        'Good.<|eot_id|>',
      ],
      [
        'gemma-it',
        ['<start_of_turn>', '<end_of_turn>'],
        {},
        '<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\nWhy not?<end_of_turn>\n' +
          '<start_of_turn>user\nNo reason.<end_of_turn>\n<start_of_turn>model\n',
        'Good.<end_of_turn>',
      ],
      [
        'qwen2.5-instruct',
        ['<|im_start|>', '<|im_end|>'],
        { eos_token: '<|im_end|>' },
        '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' +
          '<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nWhy not?<|im_end|>\n' +
          '<|im_start|>user\nNo reason.<|im_end|>\n<|im_start|>assistant\n',
        'Good.<|im_end|>',
      ],
      ['llama-2-chat', [], {}, prompt.replaceAll('</s>[INST]', ' </s><s>[INST]'), ' Good. </s>'],
    ];
    it.each(cases)(
      '%s: boundary, one BOS in front, one end of turn',
      (name, specials, config, rendered, chosen) => {
        const file = readFileSync(`${data}tokenizers/chat_templates/${name}.jinja`, 'utf8');
        const chatTemplate = name === 'qwen2.5-instruct' ? file : compact(file);
        const tokenizer = tinyTokenizer({ chatTemplate, specials: ['<s>', '</s>', ...specials], config });
        const pair = renderPair(conversation, tokenizer);
        expect(pair).toMatchObject({ prompt: rendered, chosen });
        const ids = encodePair(pair, tokenizer);
        expect(ids.prompt[0]).toBe(tokenizer.bosId);
        expect(ids.prompt[1]).not.toBe(tokenizer.bosId);
        const ends = new Set(tokenizer.endTokens.values());
        expect(ids.chosen.filter((id) => ends.has(id))).toEqual([ids.chosen.at(-1)]);
        expect(tokenizer.decode(ids.chosen, { special: true })).toBe(chosen);
        expect(ids.boundaryMerges).toBe(0);
        expect(encodePrompt(renderPrompt(conversation.prompt, tokenizer), tokenizer)).toEqual(ids.prompt);
      },
    );

    it('every one of them has a boundary', () => {
      const folder = `${data}tokenizers/chat_templates/`;
      const names = readdirSync(folder).filter((name) => name.endsWith('.jinja'));
      expect(names.length).toBe(18);
      for (const name of names) {
        const file = readFileSync(folder + name, 'utf8');
        const tokenizer = tinyTokenizer({ chatTemplate: name.startsWith('qwen2.5') ? file : compact(file) });
        const pair = renderPair(conversation, tokenizer);
        const { prompt, chosen } = encodePair(pair, tokenizer);
        expect(prompt.slice(0, 2).filter((id) => id === tokenizer.bosId)).toEqual([256]);
        expect(tokenizer.decode(chosen)).toContain('Good.');
      }
    });

    it('gemma-it puts the system message into the first turn; llama-3 refuses two users in a row', () => {
      const load = (name: string) =>
        tinyTokenizer({
          chatTemplate: compact(readFileSync(`${data}tokenizers/chat_templates/${name}.jinja`, 'utf8')),
        });
      expect(renderPrompt([system('S'), user('U')], load('gemma-it'))).toContain('user\nS\n\nU<end_of_turn>');
      expect(() => renderPrompt([user('a'), user('b')], load('llama-3-instruct'))).toThrow(/must alternate/);
    });
  },
);

describe.skipIf(!existsSync(`${data}hh_rlhf_test`))('hh-rlhf prompts (needs ../shared/data)', () => {
  it('come back byte for byte from their messages', async () => {
    const { pairs } = await readPairs(`${data}hh_rlhf_test/helpful-base.test.jsonl.gz`);
    const regular = pairs.flatMap(({ prompt }) => {
      const messages = hhMessages(prompt as string);
      return messages === null ? [] : [{ prompt, messages }];
    });
    expect(regular.length).toBe(pairs.length - 7);
    for (const { prompt, messages } of regular) expect(plainPrompt(messages)).toBe(prompt);
  });
});
