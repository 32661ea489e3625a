import { describe, expect, it } from 'vitest';
import { hhCompletion, hhMessages } from './format-hh.ts';
import type { ParsedPair } from './format-rule.ts';
import { detectFormat, formatRule, type PairFormat } from './formats.ts';
import type { Message } from './pair.ts';
import { RATINGS_RULE, type RatingsRule } from './ratings.ts';
import { type PairTexts, type Row, RowRefused } from './shape.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });

const context = { row: 0, ratings: RATINGS_RULE };

function parse(row: Row, format: PairFormat): PairTexts {
  expect(detectFormat(row)).toBe(format);
  const parsed = formatRule(format).parse(row, context);
  if (Array.isArray(parsed)) throw new Error('one pair was expected');
  return parsed as PairTexts;
}

function refusal(row: Row, format: PairFormat): { cause: string; message: string; remedy: string } {
  try {
    formatRule(format).parse(row, context);
  } catch (error) {
    if (error instanceof RowRefused) return error.refusal;
    throw error;
  }
  throw new Error('the row was not refused');
}

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

describe('prompts with a system column', () => {
  it('become messages, or get a leading system message', () => {
    const asked = [system('s'), user('q')];
    const texts = { prompt: asked, chosen: [assistant('a')], rejected: [assistant('b')] };
    for (const column of ['system', 'system_prompt']) {
      expect(parse({ [column]: 's', prompt: 'q', chosen: 'a', rejected: 'b' }, 'explicit')).toEqual(texts);
      expect(parse({ [column]: 's', prompt: [user('q')], chosen: 'a', rejected: 'b' }, 'explicit')).toEqual(
        texts,
      );
      const whole = { chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] };
      expect(parse({ [column]: 's', prompt: 'q', ...whole }, 'explicit')).toEqual(texts);
    }
    expect(parse({ system: 'other', prompt: asked, chosen: 'a', rejected: 'b' }, 'explicit')).toEqual(texts);
    expect(parse({ system: '', prompt: 'q', chosen: 'a', rejected: 'b' }, 'explicit').prompt).toBe('q');
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

const answers: Pick<PairTexts, 'chosen' | 'rejected'> = {
  chosen: [assistant('a')],
  rejected: [assistant('b')],
};

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

describe('ratings', () => {
  const all = (row: Row, ratings: Partial<RatingsRule> = {}) => {
    expect(detectFormat(row)).toBe('ratings');
    const parsed = formatRule('ratings').parse(row, { row: 5, ratings: { ...RATINGS_RULE, ...ratings } });
    return (parsed as ParsedPair[]).map(({ chosen, rejected, extra }) => [
      (chosen as Message[])[0]?.content,
      (rejected as Message[])[0]?.content,
      extra?.score_chosen,
      extra?.score_rejected,
    ]);
  };
  const ultra = {
    instruction: 'q',
    completions: [
      { model: 'm1', response: 'mid', overall_score: 6 },
      { model: 'm2', response: 'low', overall_score: '2.5' },
      { model: 'm3', response: 'top', overall_score: 9 },
      { model: 'm4', response: 'none', overall_score: 'N/A' },
    ],
  };

  it('the best against the worst', () => {
    expect(all(ultra)).toEqual([['top', 'low', 9, 2.5]]);
    const [pair] = formatRule('ratings').parse(ultra, context) as ParsedPair[];
    expect(pair).toMatchObject({
      prompt: [user('q')],
      extra: { model_chosen: 'm3', model_rejected: 'm2', answers_without_score: 1 },
    });
  });

  it('every two that differ enough', () => {
    expect(all(ultra, { pairs: 'all' })).toEqual([
      ['top', 'mid', 9, 6],
      ['top', 'low', 9, 2.5],
      ['mid', 'low', 6, 2.5],
    ]);
    expect(all(ultra, { pairs: 'all', minGap: 3.5 })).toEqual([
      ['top', 'low', 9, 2.5],
      ['mid', 'low', 6, 2.5],
    ]);
  });

  it('the best against one drawn from the worse ones, the same for the same seed', () => {
    const drawn = Array.from({ length: 40 }, (_, seed) => all(ultra, { pairs: 'best-random', seed })[0]?.[1]);
    expect(new Set(drawn)).toEqual(new Set(['mid', 'low']));
    expect(all(ultra, { pairs: 'best-random', seed: 3 })).toEqual(
      all(ultra, { pairs: 'best-random', seed: 3 }),
    );
  });

  it('lists of answers and of scores, and ranks of which 1 is the best', () => {
    expect(all({ prompt: [user('q')], responses: ['x', 'y'], scores: [0.1, 0.2] })).toEqual([
      ['y', 'x', 0.2, 0.1],
    ]);
    expect(all({ prompt: 'q', generations: ['x', 'y'], ratings: [5, 1] })).toEqual([['x', 'y', 5, 1]]);
    const answers = [
      { answer: 'x', rank: 2 },
      { answer: 'y', rank: 1 },
    ];
    expect(all({ prompt: 'q', answers })).toEqual([['y', 'x', -1, -2]]);
  });

  it('refuses rows that state no preference', () => {
    expect(refusal({ prompt: 'q', responses: ['x', 'y'], scores: [1, 1] }, 'ratings').cause).toBe(
      'no-preference',
    );
    expect(refusal({ prompt: 'q', responses: ['x', 'y'], scores: [1, null] }, 'ratings').cause).toBe(
      'no-ratings',
    );
    expect(refusal({ prompt: 'q', responses: ['x', 'y'], scores: [1] }, 'ratings').message).toContain(
      'one score',
    );
  });
});

describe('two answers and a label', () => {
  const texts = { prompt: [user('q')], ...answers };

  it.each<[string, Row]>([
    [
      'PKU-SafeRLHF',
      { prompt: 'q', response_0: 'b', response_1: 'a', better_response_id: 1, safer_response_id: 0 },
    ],
    ['SHP', { history: 'q', human_ref_A: 'a', human_ref_B: 'b', labels: 1, score_A: 9 }],
    ['SHP, the other way', { history: 'q', human_ref_A: 'b', human_ref_B: 'a', labels: 0 }],
    [
      'arena',
      {
        conversation_a: [user('q'), assistant('b')],
        conversation_b: [user('q'), assistant('a')],
        winner: 'model_b',
      },
    ],
    ['response_a', { prompt: 'q', response_a: 'a', response_b: 'b', winner: 'A' }],
    ['response_a with numbers', { instruction: 'q', response_a: 'b', response_b: 'a', preference: 2 }],
  ])('%s', (_, row) => expect(parse(row, 'labelled')).toEqual(texts));

  it('refuses ties and other labels', () => {
    const row = { prompt: 'q', response_a: 'a', response_b: 'b', winner: 'tie (bothbad)' };
    expect(refusal(row, 'labelled').cause).toBe('no-preference');
    expect(refusal({ ...row, winner: 'c' }, 'labelled').message).toContain('got "c"');
  });
});

describe('argilla', () => {
  const pairs = (row: Row) => {
    expect(detectFormat(row)).toBe('argilla');
    return (formatRule('argilla').parse(row, context) as ParsedPair[]).map(
      ({ prompt, chosen, rejected }) => ({
        prompt,
        chosen,
        rejected,
      }),
    );
  };
  const fields = { prompt: 'q', 'response-1': 'b', 'response-2': 'a' };
  const texts = [{ prompt: [user('q')], ...answers }];

  it('2.x as JSON: rankings, ratings and labels', () => {
    const ranking = { ranking: [{ value: ['response-2', 'response-1'], user_id: 'u' }] };
    expect(pairs({ id: '1', fields, metadata: {}, suggestions: {}, responses: ranking })).toEqual(texts);
    const ratings = {
      'response-1-rating': [{ value: 1, user_id: 'u' }],
      'response-2-rating': [
        { value: 4, user_id: 'u' },
        { value: 2, user_id: 'v' },
      ],
    };
    expect(pairs({ id: '1', fields, responses: ratings })).toEqual(texts);
    const label = { better: { value: 'response_2', score: null, agent: 'm' } };
    expect(pairs({ id: '1', fields, suggestions: label, responses: {} })).toEqual(texts);
  });

  it('2.x as a dataset', () => {
    const row = {
      id: '1',
      ...fields,
      'ranking.responses': [
        ['response-1', 'response-2'],
        ['response-2', 'response-1'],
      ],
      'ranking.responses.users': ['u', 'v'],
      'ranking.responses.status': ['draft', 'submitted'],
      'ranking.suggestion': ['response-1', 'response-2'],
      'ranking.suggestion.agent': null,
    };
    expect(pairs(row)).toEqual(texts);
    const { columns } = formatRule('argilla');
    expect(typeof columns === 'function' ? columns(row).sort() : []).toEqual(
      Object.keys(row).slice(1).sort(),
    );
    const suggested = { ...row, 'ranking.responses': null, 'ranking.responses.status': null };
    expect(pairs(suggested)[0]?.chosen).toEqual([assistant('b')]);
  });

  it('1.x as JSON and as a dataset', () => {
    const value = [
      { rank: 2, value: 'response-1' },
      { rank: 1, value: 'response-2' },
    ];
    const responses = [{ user_id: 'u', status: 'submitted', values: { ranking: { value } } }];
    expect(pairs({ fields, responses, suggestions: [], external_id: null })).toEqual(texts);
    const suggestions = [{ question_name: 'ranking', value, agent: null }];
    expect(pairs({ fields, responses: [], suggestions })).toEqual(texts);
    const columns = {
      'ranking-suggestion': null,
      'ranking-suggestion-metadata': {},
      external_id: null,
      metadata: '{}',
    };
    const list = [{ user_id: 'u', value, status: 'submitted' }];
    expect(pairs({ ...fields, ranking: list, ...columns })).toEqual(texts);
    // As `datasets` stores a sequence of structs.
    const transposed = {
      user_id: ['u'],
      value: [{ rank: [2, 1], value: ['response-1', 'response-2'] }],
      status: ['submitted'],
    };
    expect(pairs({ ...fields, ranking: transposed, ...columns })).toEqual(texts);
  });

  it('refuses records without two ranked answers', () => {
    const responses = { ranking: [{ value: ['response-2', 'response-1'], status: 'discarded' }] };
    expect(refusal({ fields, responses, suggestions: {} }, 'argilla').cause).toBe('no-ratings');
    expect(refusal({ fields: { text: 'x' }, responses: {} }, 'argilla').message).toContain('fields.prompt');
  });
});
