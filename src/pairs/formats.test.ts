import { describe, expect, it } from 'vitest';
import { hhCompletion, hhMessages } from './format-hh.ts';
import { answers, assistant, parse, refusal, system, user } from './formats.fixture.ts';
import type { PairTexts, Row } from './shape.ts';

describe('explicit prompts', () => {
  const messages: PairTexts = { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] };
  const same: [name: string, row: Row][] = [
    ['lists of messages', { ...messages }],
    ['one message a side', { prompt: [user('q')], chosen: assistant('a'), rejected: assistant('b') }],
    ['text a side', { prompt: [user('q')], chosen: 'a', rejected: 'b' }],
    [
      'whole conversations after a prompt of messages',
      { prompt: [user('q')], chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] },
    ],
    [
      'whole conversations after a prompt string (ultrafeedback_binarized)',
      { prompt: 'q', chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] },
    ],
    [
      'a prompt string with completions of messages',
      { prompt: 'q', chosen: [assistant('a')], rejected: assistant('b') },
    ],
  ];
  it.each(same)('%s', (_, row) => expect(parse(row, 'explicit')).toEqual(messages));

  it('keeps strings as they are', () => {
    const row = { prompt: 'q ', chosen: ' a', rejected: '\nb' };
    expect(parse(row, 'explicit')).toEqual(row);
  });

  it('keeps a system message that ultrafeedback carries before the prompt', () => {
    const row = {
      prompt: 'q',
      chosen: [system('s'), user('q'), assistant('a')],
      rejected: [system('s'), user('q'), assistant('b')],
    };
    expect(parse(row, 'explicit').prompt).toEqual([system('s'), user('q')]);
  });

  it('refuses what does not agree', () => {
    const wrong = {
      prompt: 'other',
      chosen: [user('q'), assistant('a')],
      rejected: [user('q'), assistant('b')],
    };
    expect(refusal(wrong, 'explicit')).toMatchObject({ cause: 'bad-row' });
    const parted = { prompt: [user('p')], chosen: [user('q'), assistant('a')], rejected: [assistant('b')] };
    expect(refusal(parted, 'explicit').message).toContain('begins with an answer');
    const mixed = { prompt: 'p', chosen: 'a', rejected: [assistant('b')] };
    expect(refusal(mixed, 'explicit').message).toContain('column chosen');
    const noText = { prompt: [user('p')], chosen: [{ role: 'assistant', content: null }], rejected: 'b' };
    expect(refusal(noText, 'explicit').message).toBe('column chosen[0].content: need text, got null');
  });
});

describe('implicit prompts', () => {
  it('are the longest common prefix at a message boundary', () => {
    const start = [system('s'), user('q'), assistant('a'), user('r')];
    const row = {
      chosen: [...start, assistant('same start, good')],
      rejected: [...start, assistant('same start')],
    };
    expect(parse(row, 'implicit')).toEqual({
      prompt: start,
      chosen: [assistant('same start, good')],
      rejected: [assistant('same start')],
    });
  });

  it('leave the last message to equal conversations', () => {
    const row = { chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('a')] };
    expect(parse(row, 'implicit').prompt).toEqual([user('q')]);
  });

  it('step back to an answer when the conversations part at a question', () => {
    const row = {
      chosen: [user('q'), assistant('a'), user('x'), assistant('b')],
      rejected: [user('q'), assistant('a'), user('y'), assistant('c')],
    };
    expect(parse(row, 'implicit').prompt).toEqual([user('q')]);
  });

  it('refuse conversations without a common start', () => {
    for (const row of [
      { chosen: [user('q'), assistant('a')], rejected: [user('r'), assistant('a')] },
      { chosen: [], rejected: [] },
      { chosen: [assistant('a')], rejected: [assistant('b')] },
    ]) {
      expect(refusal(row, 'implicit').cause).toBe('no-prompt-boundary');
    }
  });
});

describe('hh-rlhf', () => {
  const prompt = '\n\nHuman: Why?\n\nAssistant: Why not?\n\nHuman: No reason.\n\nAssistant:';

  it('cuts at the last common Assistant marker and keeps the space', () => {
    const row = {
      chosen: `${prompt} To be honest`,
      rejected: `${prompt} To be sure\n\nHuman: x\n\nAssistant: y`,
    };
    expect(parse(row, 'hh-rlhf')).toEqual({
      prompt,
      chosen: ' To be honest',
      rejected: ' To be sure\n\nHuman: x\n\nAssistant: y',
    });
  });

  it('does not cut inside a marker that only one side has', () => {
    const row = {
      chosen: '\n\nHuman: a\n\nAssistant: b\n\nAss',
      rejected: '\n\nHuman: a\n\nAssistant: b\n\nAssistant: c',
    };
    expect(parse(row, 'hh-rlhf').chosen).toBe(' b\n\nAss');
  });

  it('refuses plain strings', () => {
    expect(refusal({ chosen: 'good', rejected: 'bad' }, 'hh-rlhf')).toMatchObject({
      cause: 'no-prompt-boundary',
      message: expect.stringContaining('no prompt boundary'),
    });
  });

  it('becomes messages and refuses to guess', () => {
    expect(hhMessages(prompt)).toEqual([user('Why?'), assistant('Why not?'), user('No reason.')]);
    expect(hhMessages('\n\nHuman:  two spaces \n\nAssistant:')).toEqual([user(' two spaces ')]);
    for (const irregular of [
      'Human: a\n\nAssistant:',
      '\n\nHuman: a',
      '\n\nHuman: a\n\nHuman: b\n\nAssistant:',
      '\n\nAssistant: a\n\nHuman: b\n\nAssistant:',
      '\n\nHuman: a\n\nAssistant: b\n\nAssistant:',
      '\n\nHuman:a\n\nAssistant:',
      '\n\nAssistant:',
    ]) {
      expect(hhMessages(irregular)).toBeNull();
    }
    expect(hhCompletion(' a')).toEqual([assistant('a')]);
    expect(hhCompletion('a')).toEqual([assistant('a')]);
    expect(hhCompletion(' a\n\nHuman: b\n\nAssistant: c')).toEqual([
      assistant('a'),
      user('b'),
      assistant('c'),
    ]);
    expect(hhCompletion(' a\n\nHuman: b')).toEqual([assistant('a\n\nHuman: b')]);
  });
});

describe('sharegpt', () => {
  it('maps roles and the system column', () => {
    const row = {
      conversations: [
        { from: 'human', value: 'q' },
        { from: 'gpt', value: 'a' },
        { from: 'human', value: 'r' },
      ],
      system: 's',
      chosen: { from: 'gpt', value: 'x' },
      rejected: { from: 'gpt', value: 'y' },
    };
    expect(parse(row, 'sharegpt')).toEqual({
      prompt: [system('s'), user('q'), assistant('a'), user('r')],
      chosen: [assistant('x')],
      rejected: [assistant('y')],
    });
    expect(refusal({ ...row, chosen: { from: 'toString', value: 'x' } }, 'sharegpt').message).toBe(
      'column chosen.from: need human, gpt, system, got "toString"',
    );
    expect(refusal({ ...row, chosen: { from: 'human', value: 'x' } }, 'sharegpt').message).toContain(
      'need gpt',
    );
  });
});

describe('alpaca', () => {
  it('joins instruction and input, with system and history before them', () => {
    const row = {
      instruction: 'i',
      input: 'j',
      system: 's',
      history: [['h', 'g']],
      chosen: 'a',
      rejected: 'b',
    };
    expect(parse(row, 'alpaca')).toEqual({
      prompt: [system('s'), user('h'), assistant('g'), user('i\nj')],
      ...answers,
    });
    expect(parse({ instruction: 'i', input: '', chosen: 'a', rejected: assistant('b') }, 'alpaca')).toEqual({
      prompt: [user('i')],
      ...answers,
    });
    expect(refusal({ ...row, history: [['h']] }, 'alpaca').message).toContain('column history[0]');
  });

  it('reads the older form, whose output is both answers', () => {
    expect(parse({ instruction: 'i', output: ['a', 'b'] }, 'alpaca')).toEqual({
      prompt: [user('i')],
      ...answers,
    });
  });
});

describe('axolotl', () => {
  it('messages beside chosen and rejected, in any of its shapes', () => {
    const texts = { prompt: [system('s'), user('q')], ...answers };
    const messages = [system('s'), user('q')];
    expect(parse({ messages, chosen: assistant('a'), rejected: assistant('b') }, 'messages')).toEqual(texts);
    expect(parse({ conversation: messages, chosen: 'a', rejected: [assistant('b')] }, 'messages')).toEqual(
      texts,
    );
    expect(parse({ messages: 'q', chosen: 'a', rejected: 'b' }, 'messages').prompt).toEqual([user('q')]);
    const whole = { chosen: [...messages, assistant('a')], rejected: [...messages, assistant('b')] };
    expect(parse({ messages, ...whole }, 'messages')).toEqual(texts);
    expect(parse({ messages: whole.chosen, ...whole }, 'messages')).toEqual(texts);
  });

  it('orca rows: question or input, with a system text', () => {
    const texts = { prompt: [system('s'), user('q')], ...answers };
    expect(parse({ system: 's', question: 'q', chosen: 'a', rejected: 'b' }, 'orca')).toEqual(texts);
    expect(parse({ system: 's', input: 'q', chosen: 'a', rejected: 'b' }, 'orca')).toEqual(texts);
    expect(parse({ question: 'q', chosen_response: 'a', rejected_response: 'b' }, 'orca').prompt).toEqual([
      user('q'),
    ]);
    expect(refusal({ question: 'q', chosen: 'a', rejected: null }, 'orca').message).toContain(
      'column rejected',
    );
  });
});

describe('openai', () => {
  it('input, preferred_output and non_preferred_output', () => {
    const row = {
      input: { messages: [user('q')], tools: [], parallel_tool_calls: true },
      preferred_output: [assistant('a')],
      non_preferred_output: [{ role: 'assistant', content: [{ type: 'text', text: 'b' }], weight: 1 }],
    };
    expect(parse(row, 'openai')).toEqual({ prompt: [user('q')], ...answers });
    const tools = [{ type: 'function', function: { name: 'f' } }];
    expect(refusal({ ...row, input: { ...row.input, tools } }, 'openai').cause).toBe('tools');
    const calls = [{ role: 'assistant', content: null, tool_calls: [{ id: '1' }] }];
    expect(refusal({ ...row, preferred_output: calls }, 'openai').cause).toBe('tool-calls');
    const picture = [user('q'), { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }];
    expect(refusal({ ...row, input: { messages: picture } }, 'openai').cause).toBe('media');
  });
});
