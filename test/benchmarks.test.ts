import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { csvParse } from 'd3-dsv';
import { describe, expect, it } from 'vitest';
import { tinyFiles } from '../src/text/tiny.fixture.ts';
import { makeFolder, scratch, winnow, winnowOk, writeRows } from './tiny-world.ts';

const dir = scratch('benchmarks');
const DATA = join(import.meta.dirname, '..', '..', 'shared', 'data');
const save = (name: string, rows: readonly unknown[]) => writeRows(join(dir, name), rows);

/** Forty questions; two models, of which `strong` wins more and writes more. */
const QUESTIONS = Array.from({ length: 40 }, (_, i) => `q${i}`);
const LABELS = ['A>>B', 'A>B', 'A=B', 'B>A', 'B>>A'];
const judgments = save(
  'judgments.jsonl',
  QUESTIONS.flatMap((uid, i) =>
    ['strong', 'weak'].map((model, m) => ({
      uid,
      category: i < 30 ? 'hard_prompt' : 'creative_writing',
      model,
      judge: 'j',
      games: [
        { score: LABELS[(i + (m === 0 ? 2 : 0)) % 5] },
        i === 7 ? null : { score: LABELS[(2 * i + (m === 0 ? 0 : 3)) % 5] },
      ],
    })),
  ),
);
const answers = (model: string, words: number) => {
  const rows = QUESTIONS.map((uid, i) => ({
    uid,
    model,
    messages: [
      { role: 'assistant', content: { answer: `${'- **word**\n'.repeat(words + ((i * words) % 7))}end` } },
    ],
  }));
  return save(`answers-${model}.jsonl`, rows);
};
const scores = save(
  'scores.jsonl',
  QUESTIONS.flatMap((_, i) =>
    [1, 2].map((turn) => ({
      question_id: i,
      model: 'm',
      judge: ['gpt-4', 'single-v1'],
      turn,
      score: i === 3 ? -1 : ((i * 3 + turn) % 10) + 1,
    })),
  ),
);

const told = async (...args: string[]) => JSON.parse((await winnowOk([...args, '--json'])).stdout);

describe('winnow arena-hard', () => {
  it('gives the same numbers as a table, as JSON and as CSV', async () => {
    const data = await told('arena-hard', '--judgments', judgments);
    expect(data).toMatchObject({ version: 'v2.0', seed: 42, resamples: 100, styleControl: null });
    const csv = csvParse((await winnowOk(['arena-hard', '--judgments', judgments, '--csv'])).stdout);
    expect(
      csv.map(({ model, category, winRate, low, n, dropped }) => [model, category, winRate, low, n, dropped]),
    ).toEqual(
      data.models.map((row: Record<string, unknown>) =>
        ['model', 'category', 'winRate', 'low', 'n', 'dropped'].map((key) => String(row[key])),
      ),
    );
    const { stdout } = await winnowOk(['arena-hard', '--judgments', judgments]);
    for (const { model, category, winRate } of data.models) {
      const line = stdout
        .split('\n')
        .find((one) => one.startsWith(`${model} `) && one.includes(` ${category} `));
      expect(line).toContain(winRate.toFixed(2));
    }
    expect(stdout).toContain('hard_prompt: 4 games without a usable verdict are left out');
  });

  it('v0.1 on the same rows: one group, the baseline named, another seed another interval', async () => {
    const args = ['arena-hard', '--judgments', judgments, '--version', 'v0.1', '--baseline', 'base'];
    const one = await told(...args);
    const other = await told(...args, '--seed', '7');
    expect(one.models.map(({ model }: { model: string }) => model).toSorted()).toEqual([
      'base',
      'strong',
      'weak',
    ]);
    const strong = (result: typeof one) =>
      result.models.find(({ model }: { model: string }) => model === 'strong');
    expect(strong(one)).toMatchObject({ category: null, level: 0.95, games: 79, dropped: 1 });
    expect(strong(other).winRate).toBe(strong(one).winRate);
    expect(strong(other).low).not.toBe(strong(one).low);
  });

  it('style control, with lengths by characters or by a tokenizer', async () => {
    const files = [answers('strong', 9), answers('weak', 4), answers('base', 5)];
    const args = [
      'arena-hard',
      '--judgments',
      judgments,
      '--version',
      'v0.1',
      '--baseline',
      'base',
      '--answers',
      ...files,
    ];
    const data = await told(...args, '--style-control');
    expect(data.styleCoefficients.map(({ feature }: { feature: string }) => feature)).toEqual([
      'tokens',
      'headers',
      'lists',
      'bold',
    ]);
    expect(data.lengthUnit).toBe('characters / 4');
    for (const { styleControlled } of data.models) expect(styleControlled.winRate).toBeGreaterThan(0);

    const tokenizer = makeFolder(dir, 'tokenizer');
    const { tokenizer: json, config } = tinyFiles();
    writeFileSync(join(tokenizer, 'tokenizer.json'), JSON.stringify(json));
    writeFileSync(join(tokenizer, 'tokenizer_config.json'), JSON.stringify(config));
    const counted = await told(...args, '--style-control', 'length', '--tokenizer', tokenizer);
    expect(counted.lengthUnit).toBe('tokenizer');
    // A token of this tokenizer is a byte.
    expect(counted.models[0].meanTokens).toBeCloseTo(4 * data.models[0].meanTokens, 9);
    const { stdout } = await winnowOk([...args, '--style-control']);
    expect(stdout).toMatch(/Style-controlled %.*At equal style %/);
    expect(stdout).toContain('Tokens are estimated as characters / 4');
  });

  it.each([
    ['neither judgments nor battles', [], /--judgments or --battles/],
    ['both', ['--judgments', 'x', '--battles', 'y'], /--judgments or --battles/],
    ['no such file', ['--judgments', 'nowhere.jsonl'], /nowhere\.jsonl.*no such file/],
    ['an unknown version', ['--judgments', judgments, '--version', 'v3'], /v0\.1, v2\.0/],
    ['style control without answers', ['--judgments', judgments, '--style-control'], /--answers/],
    ['a tokenizer without answers', ['--judgments', judgments, '--tokenizer', dir], /--answers/],
    ['a seed that is none', ['--judgments', judgments, '--seed', 'x'], /--seed must be/],
    ['two forms', ['--judgments', judgments, '--json', '--csv'], /exclude each other/],
  ])('%s: exit code 2 and what to do', async (_, args, message) => {
    const { code, stdout, stderr } = await winnow(['arena-hard', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/unexpected failure/);
  });
});

describe('winnow mt-bench', () => {
  const questions = save(
    'questions.jsonl',
    QUESTIONS.map((_, i) => ({
      question_id: i,
      category: i % 2 === 0 ? 'writing' : 'math',
      turns: ['?', '?'],
    })),
  );

  it('gives the same numbers as a table, as JSON and as CSV', async () => {
    const data = await told('mt-bench', '--judgments', scores, '--questions', questions);
    expect(data.models).toMatchObject([{ model: 'm', n: 78, questions: 39, dropped: 2, duplicates: 0 }]);
    const csv = csvParse(
      (await winnowOk(['mt-bench', '--judgments', scores, '--questions', questions, '--csv'])).stdout,
    );
    expect(csv.map(({ category, mean }) => [category, mean])).toEqual([
      ['', String(data.models[0].mean)],
      ...data.categories.map((row: { category: string; mean: number }) => [row.category, String(row.mean)]),
    ]);
    const { stdout } = await winnowOk(['mt-bench', '--judgments', scores, '--questions', questions]);
    expect(stdout).toContain(data.models[0].mean.toFixed(3));
    expect(stdout).toMatch(/writing\s+math/);
    expect(stdout).toContain('2 rows without a score are left out');
  });

  it('several files are one', async () => {
    const [two, one] = [
      await told('mt-bench', '--judgments', scores, scores),
      await told('mt-bench', '--judgments', scores),
    ];
    expect(two.models[0]).toMatchObject({ mean: one.models[0].mean, n: 156, duplicates: 80 });
  });

  it.each([
    ['no file', [], /--judgments/],
    ['judgments of another benchmark', ['--judgments', judgments], /question_id/],
    ['two forms', ['--judgments', scores, '--json', '--csv'], /exclude each other/],
  ])('%s: exit code 2 and what to do', async (_, args, message) => {
    const { code, stdout, stderr } = await winnow(['mt-bench', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

describe.skipIf(!existsSync(DATA))('published judgments (needs ../shared/data)', () => {
  const arena = join(DATA, 'arena_hard');
  const row = (data: { models: { model: string }[] }, model: string) =>
    data.models.find((one) => one.model === model);

  it('Arena-Hard v0.1: gpt-4-0613 has 37.90, and the published interval about', async () => {
    const data = await told('arena-hard', '--battles', join(arena, 'v0.1.battles.gpt-4-0613.jsonl'));
    // (385 + 173 / 2) / 1244; the leaderboard has 37.9 and 35.6 to 40.36 from its own 100 resamples.
    expect(row(data, 'gpt-4-0613')).toMatchObject({
      n: 1244,
      winRate: expect.closeTo((100 * 471.5) / 1244, 9),
      low: expect.closeTo(35.6, 0),
      high: expect.closeTo(40.36, 0),
    });
    expect(row(data, 'gpt-4-0314')).toMatchObject({ winRate: 50, low: 50, high: 50, isBaseline: true });
  });

  it('its style control, against the official formulas with scikit-learn', async () => {
    const data = await told(
      'arena-hard',
      '--battles',
      join(arena, 'v0.1.battles.gpt-4-0613.jsonl'),
      '--style-control',
      '--answers',
      ...['gpt-4-0314', 'gpt-4-0613'].map((model) => join(arena, `v0.1.answer.${model}.jsonl`)),
    );
    // The official matrix in NumPy with lengths as characters / 4, LogisticRegression of scikit-learn 1.9.1, tol = 1e-12.
    expect(row(data, 'gpt-4-0613')).toMatchObject({
      styleControlled: { winRate: expect.closeTo(37.36729869607939, 5) },
    });
    const golden = [0.30399752576, 0.244988018163, 0.122383916642, -0.150656009674];
    data.styleCoefficients.forEach(({ coefficient }: { coefficient: number }, j: number) => {
      expect(coefficient).toBeCloseTo(golden[j] as number, 6);
    });
  });

  it('108 judgments of a weak judge: every game is counted or told to be dropped', async () => {
    const file = join(arena, 'v0.1.judgment.by-gpt-3.5-turbo-0125.Athene-V2-Chat.jsonl');
    const data = await told('arena-hard', '--judgments', file);
    // By an independent script over the file: 11.5 of 564.
    expect(row(data, 'Nexusflow__Athene-V2-Chat')).toMatchObject({
      games: 214,
      dropped: 2,
      n: 564,
      winRate: expect.closeTo((100 * 11.5) / 564, 9),
    });
  });

  it('MT-Bench: llama2_7b 4.76 / 3.18, llama2_chat_7b 6.71 / 5.68', async () => {
    const data = await told(
      'mt-bench',
      '--judgments',
      join(DATA, 'mt_bench', 'judgment.don-tpanic.gpt-4_single.jsonl'),
    );
    expect(row(data, 'llama2_7b')).toMatchObject({ turn1: 4.7625, turn2: 3.175, mean: 3.96875 });
    expect(row(data, 'llama2_chat_7b')).toMatchObject({ turn1: 6.70625, turn2: 5.675, mean: 6.190625 });
  });
});
