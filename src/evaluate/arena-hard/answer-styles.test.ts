import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchRows } from '../scratch.fixture.ts';
import { readAnswerStyles } from './answer-styles.ts';
import { readArenaHard } from './read.ts';

const { dir, save } = scratchRows();
const models = new Set(['m', 'gpt-4-0314']);

/** The form of the newer program. */
const message = (uid: string, answer: string, more: object = {}) => ({
  uid,
  model: 'm',
  messages: [
    { role: 'user', content: '?' },
    { role: 'assistant', content: { answer } },
  ],
  ...more,
});
/** The form of the older one. */
const choice = (id: string, content: string, more: object = {}, turn: object = {}) => ({
  question_id: id,
  model_id: 'm',
  choices: [{ index: 0, turns: [{ content, ...turn }] }],
  ...more,
});
const metadata = {
  token_len: 12,
  header_count: { h1: 1, h2: 2 },
  list_count: { ordered: 3, unordered: 0 },
  bold_count: { '**': 4, __: 1 },
};
const styleOf = async (row: object, options = {}) => {
  const { unit, styles } = await readAnswerStyles([save([row])], { models, ...options });
  return { unit, ...styles.get('m')!.get('q')! };
};

describe('answers', () => {
  it('metadata count where they are there, under either name', async () => {
    const expected = { unit: 'token_len', tokens: 12, headers: 3, lists: 3, bold: 5 };
    expect(await styleOf(message('q', 'text', { metadata }))).toEqual(expected);
    expect(await styleOf(choice('q', 'text', { conv_metadata: metadata }))).toEqual(expected);
    expect(await styleOf({ uid: 'q', model: 'm', metadata })).toEqual(expected);
  });

  it('without metadata marks are counted in the text, and lengths come from the turn or are characters / 4', async () => {
    const text = '# a\n- b\n**c**';
    const marks = { headers: 1, lists: 1, bold: 1 };
    expect(await styleOf(message('q', text))).toEqual({ unit: 'characters / 4', tokens: 13 / 4, ...marks });
    expect(await styleOf(choice('q', text, {}, { token_len: 6 }))).toEqual({
      unit: 'token_len',
      tokens: 6,
      ...marks,
    });
    expect(await styleOf(choice('q', text), { countTokens: () => 99 })).toEqual({
      unit: 'tokenizer',
      tokens: 99,
      ...marks,
    });
    // A character outside the basic plane is one.
    expect((await styleOf(message('q', '𠮷野家!'))).tokens).toBe(1);
  });

  it('all lengths are of one kind', async () => {
    const mixed = [message('q', 'abcdefgh', { metadata }), message('r', 'abcd')];
    const { unit, styles } = await readAnswerStyles([save(mixed)], { models });
    expect(unit).toBe('characters / 4');
    expect([...styles.get('m')!.values()].map(({ tokens }) => tokens)).toEqual([2, 1]);
    const bare = [{ uid: 'q', model: 'm', metadata }, message('r', 'abcd')];
    await expect(readAnswerStyles([save(bare)], { models })).rejects.toThrow(
      /line 1.*neither text nor token_len/,
    );
  });

  it('a folder stands for its JSON Lines files; other models are skipped, repeated answers are counted', async () => {
    mkdirSync(join(dir, 'answers'));
    save([message('q', 'x'), message('q', 'longer')], 'answers/m.jsonl');
    save([message('q', 'x', { model: 'other' })], 'answers/other.jsonl');
    save([{ no: 'answer' }], 'answers/notes.txt');
    const { styles, replaced } = await readAnswerStyles([join(dir, 'answers')], { models });
    expect([...styles.keys()]).toEqual(['m']);
    expect({ replaced, tokens: styles.get('m')!.get('q')!.tokens }).toEqual({ replaced: 1, tokens: 6 / 4 });
    mkdirSync(join(dir, 'empty'));
    await expect(readAnswerStyles([join(dir, 'empty')], { models })).rejects.toThrow(/no .jsonl file/);
    await expect(readAnswerStyles([join(dir, 'nowhere')], { models })).rejects.toThrow(/no such file/);
  });

  it.each([
    ['no text', { uid: 'q', model: 'm' }, /no text/],
    ['no name', { uid: 'q', messages: [] }, /no model/],
    [
      'broken counts',
      message('q', 'x', { metadata: { ...metadata, header_count: 'many' } }),
      /header_count is no count/,
    ],
    [
      'a negative length',
      message('q', 'x', { metadata: { ...metadata, token_len: -1 } }),
      /token_len is no count/,
    ],
    ['an infinite length', message('q', 'x', { metadata: { ...metadata, token_len: Infinity } }), /no count/],
  ])('%s is an error with its line', async (_, row, expected) => {
    await expect(readAnswerStyles([save([row])], { models })).rejects.toThrow(expected);
  });
});

describe('style control from files', () => {
  const questions = Array.from({ length: 30 }, (_, i) => `q${i}`);
  const verdicts = [
    save(
      questions.map((question_id, i) => ({
        question_id,
        model: 'm',
        judge: 'j',
        games: [{ score: i % 3 === 0 ? 'A>B' : 'B>A' }, { score: i % 4 === 0 ? 'B>A' : 'A>B' }],
      })),
    ),
  ];
  const answered = (ids: readonly string[]) =>
    save(
      ids.flatMap((id, i) => [
        message(id, 'word '.repeat(5 + (i % 7))),
        message(id, 'word '.repeat(6 + (i % 5)), { model: 'gpt-4-0314' }),
      ]),
    );

  it('gives a controlled value beside the plain one, says in what unit, and warns of few models', async () => {
    const result = await readArenaHard(
      { kind: 'judgments', verdicts, answers: [answered(questions)] },
      { styleControl: 'style' },
    );
    const row = result.models.find(({ model }) => model === 'm')!;
    expect(row.styleControlled!.winRate).toBeGreaterThan(50);
    expect(row.styleControlled!.atEqualStyle.low!).toBeLessThan(row.styleControlled!.atEqualStyle.high!);
    expect(row.meanTokens).toBeCloseTo((5 * (5 + 85 / 30)) / 4, 9);
    expect(result.lengthUnit).toBe('characters / 4');
    expect(result.notes.join()).toMatch(
      /All battles are alike in headers, lists, bold.*mean style of the battles/,
    );
  });

  it('a question without an answer is an error that names it', async () => {
    const files = { kind: 'judgments', verdicts } as const;
    await expect(
      readArenaHard({ ...files, answers: [answered(questions.slice(1))] }, { styleControl: 'style' }),
    ).rejects.toThrow(/2 of 60 battles have no style.*q0/);
    await expect(readArenaHard(files, { styleControl: 'length' })).rejects.toThrow(/--answers/);
    // Without style control, answers that lack some questions still give mean lengths.
    const { models: rows } = await readArenaHard({ ...files, answers: [answered(questions.slice(1))] });
    expect(rows.every(({ meanTokens }) => meanTokens !== null)).toBe(true);
  });

  it('styles that battles carry serve where there are no answers', async () => {
    const battles = save(
      questions.map((question_id, i) => ({
        question_id,
        model_a: 'gpt-4-0314',
        model_b: 'm',
        winner: i % 3 === 0 ? 'model_a' : 'model_b',
        conv_metadata: {
          sum_assistant_a_tokens: 100 + i,
          sum_assistant_b_tokens: 140 - 2 * i,
          header_count_a: { h1: 1, h2: 0 },
          header_count_b: { h1: i % 2, h2: 1 },
          list_count_a: i % 5,
          list_count_b: 2,
          bold_count_a: 0,
          bold_count_b: i % 3,
        },
      })),
    );
    const { models: rows, styleCoefficients } = await readArenaHard(
      { kind: 'battles', verdicts: [battles] },
      { styleControl: 'style' },
    );
    expect(rows.find(({ model }) => model === 'm')!.styleControlled!.winRate).toBeGreaterThan(50);
    expect(styleCoefficients.map(({ coefficient }) => coefficient === null)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});
