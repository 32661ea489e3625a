import { describe, expect, it } from 'vitest';
import type { ParsedPair } from './format-rule.ts';
import { answers, assistant, context, parse, parseAll, refusal, user } from './formats.fixture.ts';
import { detectFormat, formatRule } from './formats.ts';
import type { Message } from './pair.ts';
import { RATINGS_RULE, type RatingsRule } from './ratings.ts';
import type { Row } from './shape.ts';

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
  const pairs = (row: Row) =>
    parseAll(row, 'argilla').map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected }));
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
    expect(typeof columns === 'function' ? [...columns(row)].sort() : []).toEqual(
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
