import { describe, expect, it } from 'vitest';
import { scratchRows } from '../scratch.fixture.ts';
import { arenaHard } from './arena-hard.ts';
import { groupBattles, groupJudgments } from './groups.ts';
import type { ArenaJudgment } from './judgments.ts';
import { readArenaHard } from './read.ts';

const { save, dir } = scratchRows();

const row = (more: object = {}) => ({
  question_id: 'q1',
  model: 'm',
  judge: 'j',
  games: [{ score: 'A>B' }, { score: 'A>B' }],
  ...more,
});
const battle = (more: object = {}) => ({
  question_id: 'q1',
  model_a: 'gpt-4-0314',
  model_b: 'm',
  winner: 'model_a',
  ...more,
});
const judged = (rows: readonly object[], options = {}) =>
  readArenaHard({ kind: 'judgments', verdicts: [save(rows)] }, options);
const fought = (rows: readonly object[], options = {}) =>
  readArenaHard({ kind: 'battles', verdicts: [save(rows)] }, options);

describe('version and baseline', () => {
  it('rows without a category are v0.1 against gpt-4-0314, with 95 %', async () => {
    const { version, models } = await judged([row()]);
    expect(version).toBe('v0.1');
    expect(models.map(({ model, isBaseline, level }) => [model, isBaseline, level])).toEqual([
      ['gpt-4-0314', true, 0.95],
      ['m', false, 0.95],
    ]);
    // So are the questions of v0.1 in the newer form.
    expect((await judged([row({ category: 'arena-hard-v0.1' })])).version).toBe('v0.1');
  });

  it('rows of its categories are v2.0, each category against its own baseline, with 90 %', async () => {
    const { version, models, notes } = await judged([
      row({ uid: 'a', category: 'hard_prompt', games: [{ score: 'B>A' }, { score: 'A>B' }] }),
      row({ uid: 'b', category: 'creative_writing' }),
    ]);
    expect(version).toBe('v2.0');
    expect(models.map(({ model, category, winRate, level }) => [model, category, winRate, level])).toEqual([
      ['m', 'hard_prompt', 100, 0.9],
      ['o3-mini-2025-01-31', 'hard_prompt', 50, 0.9],
      ['gemini-2.0-flash-001', 'creative_writing', 50, 0.9],
      ['m', 'creative_writing', 50, 0.9],
    ]);
    expect(notes).toEqual([]);
  });

  it('takes categories from the question file where rows carry none', async () => {
    const questions = save([
      { uid: 'a', category: 'hard_prompt' },
      { uid: 'b', category: 'creative_writing' },
    ]);
    const verdicts = [
      save([row({ question_id: 'a' }), row({ question_id: 'b' }), row({ question_id: 'c' })]),
    ];
    const { version, models, notes } = await readArenaHard({ kind: 'judgments', verdicts, questions });
    expect(version).toBe('v2.0');
    expect([...new Set(models.map(({ category }) => category))]).toEqual([
      'hard_prompt',
      'creative_writing',
      null,
    ]);
    expect(notes.join()).toMatch(/Rows without a category/);
  });

  it('what the rows name as the baseline holds; a second one is an error', async () => {
    expect((await judged([row({ baseline: 'own' })])).models.map(({ model }) => model)).toContain('own');
    await expect(judged([row({ baseline: 'own' }), row({ baseline: 'other' })])).rejects.toThrow(
      /several baselines/,
    );
    await expect(judged([row({ baseline: 'own' })], { baseline: 'other' })).rejects.toThrow(
      /several baselines/,
    );
    await expect(judged([row({ category: 'hard_prompt' }), row({ category: 'cooking' })])).rejects.toThrow(
      /no baseline for the category cooking/,
    );
  });

  it('battles without the baseline, or of v2.0 between others, are errors', async () => {
    await expect(fought([battle({ model_a: 'x' })])).rejects.toThrow(/--baseline/);
    const between = battle({ model_a: 'x' });
    await expect(fought([battle(), between], { version: 'v2.0', baseline: 'gpt-4-0314' })).rejects.toThrow(
      /not against gpt-4-0314/,
    );
    expect((await fought([battle({ winner: 'tie' }), between])).models.map(({ model }) => model)).toEqual([
      'x',
      'gpt-4-0314',
      'm',
    ]);
  });
});

describe('what is counted and what is dropped', () => {
  it('n, games, dropped, ties', async () => {
    const { models, notes } = await judged([
      row({ games: [{ score: 'A>>B' }, { score: 'A=B' }] }),
      row({ question_id: 2, games: [{ score: null }, { score: 'A>B' }] }),
      row({ question_id: 3, games: [null] }),
    ]);
    // 3 lost, half a tie, 1 won of 5.
    expect(models.find(({ model }) => model === 'm')).toMatchObject({
      n: 5,
      games: 3,
      dropped: 3,
      tiesShare: 1 / 5,
      winRate: expect.closeTo(100 * (1.5 / 5), 9),
    });
    expect(notes).toContain('3 games without a usable verdict are left out');
  });

  it('expanded battles are counted as they are', async () => {
    const rows = [
      ...new Array(3).fill(battle()),
      battle({ winner: 'model_b' }),
      battle({ winner: 'tie (bothbad)' }),
    ];
    const { models } = await fought(rows);
    expect(models.find(({ model }) => model === 'm')).toMatchObject({
      n: 5,
      games: null,
      dropped: null,
      winRate: expect.closeTo(30, 9),
      tiesShare: 1 / 5,
    });
  });

  it('repeated judgments and several judges are told', async () => {
    const { notes, models } = await judged([row(), row(), row({ judge: 'k' })]);
    expect(models.find(({ model }) => model === 'm')?.games).toBe(6);
    expect(notes.join('; ')).toMatch(/2 judges are pooled: j, k; 1 judgments repeat/);
  });

  it('a model without any verdict is in the table, without numbers', async () => {
    const { models, notes } = await judged([row(), row({ model: 'silent', games: [null, null] })]);
    expect(models.at(-1)).toMatchObject({
      model: 'silent',
      n: 0,
      winRate: null,
      low: null,
      tiesShare: null,
      dropped: 2,
    });
    expect(notes).toContain('silent has no game with a verdict');
    // Nobody has one: no number anywhere.
    for (const version of ['v0.1', 'v2.0'] as const) {
      const none = await judged([row({ games: [null, null] })], { version });
      expect(none.models.map(({ winRate }) => winRate)).toEqual([null, null]);
    }
  });

  it('limits are told', async () => {
    const { models, notes } = await judged([row({ games: [{ score: 'B>A' }, { score: 'A>>B' }] })]);
    expect(models[0]).toMatchObject({ model: 'm', winRate: 100, rating: null });
    expect(notes).toContain('m has no finite rating: 100 is the limit');
  });

  it('the same seed gives the same numbers', () => {
    const judgments = Array.from(
      { length: 40 },
      (_, i): ArenaJudgment => ({
        question: `q${i}`,
        model: 'm',
        baseline: null,
        category: null,
        judge: null,
        labels: [['A>B', 'B>A', 'A=B'][i % 3], 'A>B'],
      }),
    );
    const grouped = groupJudgments(judgments, 3, {});
    expect(arenaHard(grouped, { seed: 1 })).toEqual(arenaHard(grouped, { seed: 1 }));
    expect(arenaHard(grouped, { seed: 1 }).models).not.toEqual(arenaHard(grouped, { seed: 2 }).models);
    expect(() => groupBattles([], {})).not.toThrow();
  });
});

describe('rows that are none', () => {
  it.each([
    ['no games', row({ games: undefined }), /two games/],
    ['three games', row({ games: [{}, {}, {}] }), /two games/],
    ['no model', row({ model: undefined }), /no model/],
    ['no question', row({ question_id: undefined }), /no uid or question_id/],
    ['a model as a list', row({ model: [] }), /model names nothing/],
    ['a model against itself', row({ baseline: 'm' }), /itself/],
    ['a number', 7 as unknown as object, /not a judgment/],
  ])('%s: names file and line', async (_, bad, message) => {
    const error = await judged([row(), bad]).catch((thrown: Error) => thrown as Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/\.jsonl, line 2/);
  });

  it.each([
    ['an unknown winner', battle({ winner: 'model_c' }), /no winner/],
    ['no winner', battle({ winner: null }), /no winner/],
    ['a model against itself', battle({ model_b: 'gpt-4-0314' }), /itself/],
    ['broken styles', battle({ conv_metadata: { sum_assistant_a_tokens: 'many' } }), /no count/],
  ])('battles, %s', async (_, bad, message) => {
    await expect(fought([battle(), bad])).rejects.toThrow(message);
  });

  it('an empty file, one of the other kind, and a missing one', async () => {
    await expect(judged([])).rejects.toThrow(/no judgment/);
    await expect(judged([battle()])).rejects.toThrow(/--battles/);
    await expect(fought([row()])).rejects.toThrow(/--judgments/);
    await expect(readArenaHard({ kind: 'battles', verdicts: [`${dir}/none.jsonl`] })).rejects.toThrow(
      /no such file/,
    );
  });
});
