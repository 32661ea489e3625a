import { describe, expect, test } from 'vitest';
import { alpacaForm, alpacaJudgment } from './judgment.ts';

const where = { file: 'f', line: 3, row: 2 };
const official = {
  instruction: 'Say hello.',
  output_1: 'hello',
  generator_1: 'base',
  output_2: 'h\u{1f600}',
  generator_2: 'mine',
  preference: 1.25,
  raw_completion: { any: 1 },
};
const slim = { index: 7, pos: 7, model: 'mine', preference: 2, len_1: 5, len_2: 3, top_logprobs: null };

describe('alpacaJudgment', () => {
  test('the official form: lengths of the outputs in code points', () => {
    expect(alpacaForm(official)).toBe('official');
    expect(alpacaJudgment(official, where)).toEqual({
      ...{ model: 'mine', baseline: 'base', index: null, identity: expect.any(String), preference: 1.25 },
      ...{ lengthModel: 2, lengthBaseline: 5 },
    });
  });

  test('the slim form', () => {
    expect(alpacaForm(slim)).toBe('slim');
    expect(alpacaJudgment(slim, where)).toEqual({
      ...{ model: 'mine', baseline: null, index: 7, identity: 'index 7', preference: 2 },
      ...{ lengthModel: 3, lengthBaseline: 5 },
    });
  });

  test.each([
    [0, 1.5],
    [1, 1],
    [2, 2],
    [null, null],
    [undefined, null],
    [0.999, null],
    [2.5, null],
    [-1, null],
    [Number.POSITIVE_INFINITY, null],
  ])('preference %s is read as %s', (preference, read) => {
    expect(alpacaJudgment({ ...slim, preference }, where).preference).toBe(read);
  });

  test.each([
    ['preference', '1.5'],
    ['preference', true],
    ['model', ''],
    ['model', 7],
    ['index', -1],
    ['index', 1.5],
    ['len_2', '12'],
    ['len_1', -1],
  ])('%s = %j is refused by name', (column, value) => {
    expect(() => alpacaJudgment({ ...slim, [column]: value }, where)).toThrow(
      new RegExp(`^f, line 3, row 2: ${column}`),
    );
  });

  test('missing lengths are no length, missing names an error', () => {
    const { len_1: _, ...bare } = slim;
    expect(alpacaJudgment(bare, where).lengthBaseline).toBeNull();
    expect(alpacaJudgment({ ...official, output_2: null }, where).lengthModel).toBeNull();
    expect(() => alpacaJudgment({ preference: 1 }, where)).toThrow(/generator_2 or model/);
    expect(() => alpacaJudgment([1], where)).toThrow(/the row of a judgment/);
  });

  test('the same texts are the same comparison, other texts another', () => {
    const identity = (row: object) => alpacaJudgment(row, where).identity;
    expect(identity({ ...official, preference: 2 })).toBe(identity(official));
    expect(identity({ ...official, output_2: 'other' })).not.toBe(identity(official));
    expect(identity({ ...official, instruction: undefined })).toBeNull();
  });

  test('other rows have no form', () => {
    for (const row of [null, 1, [], {}, { preference: 1 }, { model: 'a' }])
      expect(alpacaForm(row)).toBeNull();
  });
});
