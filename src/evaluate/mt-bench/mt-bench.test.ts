import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readCategories } from '../judged-rows.ts';
import { scratchRows } from '../scratch.fixture.ts';
import { readTurnScores } from './judgments.ts';
import { mtBench } from './mt-bench.ts';

const { save } = scratchRows();

const row = (question: number | string, turn: unknown, score: unknown, more: object = {}) => ({
  question_id: question,
  model: 'm',
  judge: ['gpt-4', 'single-v1'],
  turn,
  score,
  ...more,
});
const read = (...rows: readonly unknown[]) => readTurnScores([save(rows)]);

describe('MT-Bench', () => {
  it('turns, and the mean over all rows: not the mean of the turns where a row was dropped', async () => {
    const { models, notes } = mtBench(
      await read(row(81, 1, 8), row(81, 2, 4), row(82, 1, 6), row(82, 2, -1)),
    );
    expect(models).toEqual([
      {
        model: 'm',
        n: 3,
        questions: 2,
        turn1: 7,
        turn2: 4,
        mean: 6,
        low: 6,
        high: 6,
        dropped: 1,
        duplicates: 0,
      },
    ]);
    expect(notes).toEqual(['1 rows without a score are left out']);
  });

  it('−1, null, texts and infinities are no scores; half points and 0 are', async () => {
    const none = [-1, null, '7', '[[7]]', true, Infinity, undefined];
    const { models, notes } = mtBench(
      await read(...none.map((score, i) => row(i, 1, score)), row(90, 1, 7.5), row(91, 1, 0)),
    );
    expect(models[0]).toMatchObject({ n: 2, dropped: none.length, mean: 3.75 });
    expect(notes).toContain('1 scores lie outside 1 to 10; they count');
  });

  it('one turn only: the other is null, and so is everything of a model without a score', async () => {
    const { models } = mtBench(await read(row(1, 1, 5), row(1, 1, -1, { model: 'silent' })));
    expect(models).toMatchObject([
      { model: 'm', turn1: 5, turn2: null, mean: 5, low: 5, high: 5 },
      { model: 'silent', n: 0, turn1: null, turn2: null, mean: null, low: null, high: null, dropped: 1 },
    ]);
  });

  it('repeated rows count and are told; another judge’s is no repetition', async () => {
    const { models, notes, judges } = mtBench(
      await read(
        row(1, 1, 4),
        row('1', 1, 10),
        row(1, 1, 7, { judge: ['gpt-4', 'single-math-v1'] }),
        row(1, 1, 7, { judge: ['other'] }),
      ),
    );
    expect(models[0]).toMatchObject({ n: 4, mean: 7, duplicates: 2, questions: 1 });
    expect(judges).toEqual(['gpt-4', 'other']);
    expect(notes.join('; ')).toMatch(/2 judges are pooled: gpt-4, other.*2 rows repeat/);
  });

  it('the interval draws questions: two equal turns are no more evidence than one', async () => {
    const scores = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 10));
    const one = mtBench(await read(...scores.map((score, i) => row(i, 1, score)))).models[0]!;
    const both = mtBench(await read(...scores.flatMap((score, i) => [row(i, 1, score), row(i, 2, score)])))
      .models[0]!;
    expect({ low: both.low, high: both.high, mean: both.mean }).toEqual({
      low: one.low,
      high: one.high,
      mean: one.mean,
    });
    expect(both.low!).toBeLessThan(both.mean!);
    expect(both.high!).toBeGreaterThan(both.mean!);
  });

  it('by category, in the order of the question file; what it does not know stands apart', async () => {
    const questions = save([
      { question_id: 2, category: 'writing' },
      { question_id: '1', category: 'math' },
    ]);
    const categories = await readCategories(questions);
    const scores = await read(row(1, 1, 3), row('1', 2, 5), row(2, 1, 9), row(3, 1, 1));
    const { categories: rows, models, notes } = mtBench(scores, { categories });
    expect(rows.map(({ category, mean, n }) => [category, mean, n])).toEqual([
      ['writing', 9, 1],
      ['math', 4, 2],
      [null, 1, 1],
    ]);
    expect(models[0]!.mean).toBe(4.5);
    expect(notes).toEqual(['1 questions are not in the question file: they have no category']);
  });

  it('later turns count in the mean alone, and are told', async () => {
    const { models, notes } = mtBench(await read(row(1, 1, 4), row(1, 3, 8)));
    expect(models[0]).toMatchObject({ turn1: 4, turn2: null, mean: 6 });
    expect(notes.join()).toMatch(/third or later turn/);
  });

  it.each([
    ['no turn', row(1, undefined, 5), /no turn/],
    ['a half turn', row(1, 1.5, 5), /no turn/],
    ['no model', { ...row(1, 1, 5), model: undefined }, /no model/],
    ['a score beyond any scale', row(1, 1, 1e300), /on no scale/],
    ['two answers', { question_id: 1, model_1: 'a', model_2: 'b', g1_winner: 'tie', turn: 1 }, /_single/],
    ['a list', [1], /not a judgment/],
  ])('%s is an error with its line', async (_, bad, message) => {
    const error = await read(row(1, 1, 5), bad).then(
      () => new Error('read'),
      (thrown: Error) => thrown,
    );
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/, line 2: /);
  });
});

const DATA = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));

describe.skipIf(!existsSync(DATA))('published judgments of MT-Bench (needs ../shared/data)', () => {
  it('don-tpanic’s five models', async () => {
    const files = [`${DATA}mt_bench/judgment.don-tpanic.gpt-4_single.jsonl`];
    const { models, notes } = mtBench(await readTurnScores(files));
    const turns = Object.fromEntries(models.map(({ model, turn1, turn2 }) => [model, [turn1, turn2]]));
    // Published as 4.76 / 3.18 and 6.71 / 5.68; the sums are of 80 whole or half points.
    expect(turns.llama2_7b).toEqual([381 / 80, 254 / 80]);
    expect(turns.llama2_chat_7b).toEqual([536.5 / 80, 454 / 80]);
    expect(models.every(({ n, dropped }) => n === 160 && dropped === 0)).toBe(true);
    expect(notes).toEqual([]);
  });

  it('Japanese MT-Bench: first turns only, question ids as texts, four rows repeated', async () => {
    const files = [`${DATA}ja_mt_bench/judgment.gpt-4_single.jsonl`];
    const categories = await readCategories(`${DATA}ja_mt_bench/question_full.jsonl`);
    const { models, categories: rows, notes } = mtBench(await readTurnScores(files), { categories });
    // Sums and counts by an independent script over the file.
    expect(models.map(({ turn1, turn2, mean, n }) => [turn1, turn2, mean, n])).toEqual(
      [
        [385, 81],
        [361, 82],
        [341, 81],
        [327, 80],
        [318, 80],
        [248, 80],
        [208, 80],
      ].map(([sum, n]) => [sum! / n!, null, sum! / n!, n]),
    );
    expect(models.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(4);
    expect(rows).toHaveLength(7 * 8);
    expect(notes.join()).toMatch(/4 rows repeat/);
  });
});
