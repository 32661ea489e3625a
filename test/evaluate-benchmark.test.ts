import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BenchmarkData } from '../src/report/benchmark-data.ts';
import { FakeJudge } from './fake-judge.ts';

const ROOT = join(import.meta.dirname, '..');
const CLI = join(ROOT, 'dist/cli.mjs');
const BASE_S = join(ROOT, 'assets/lab/base-s');
const BASE_M = join(ROOT, 'assets/lab/base-m');
const KEY = 'sk-test-0123456789abcdef';
const PRICE = ['--price-in', '10', '--price-out', '30'];

let root: string;
let judge: FakeJudge;
let url: string;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'winnow-benchmark-'));
  judge = new FakeJudge();
  url = await judge.listen();
});
afterEach(() => {
  judge.close();
  rmSync(root, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function winnow(...words: readonly string[]): Promise<Ended> {
  const env = { ...process.env, WINNOW_JUDGE_URL: url, WINNOW_JUDGE_KEY: KEY, HF_HUB_OFFLINE: '1' };
  const child = spawn(process.execPath, [CLI, ...words], { env, cwd: root });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (piece) => {
    texts.stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    texts.stderr += piece;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...texts })));
}

function evaluate(...words: readonly string[]): Promise<Ended> {
  return winnow('evaluate', '--out', join(root, 'run'), ...words);
}

function write(name: string, rows: readonly unknown[]): string {
  const path = join(root, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const words = (count: number) => Array.from({ length: count }, (_, i) => `word${i}`).join(' ');

/** Twelve questions; the longer answer wins with the fake judge, and `long` has it in nine. */
function ownFiles() {
  const ids = Array.from({ length: 12 }, (_, i) => `q${i}`);
  return {
    questions: write(
      'own.jsonl',
      ids.map((id) => ({ id, prompt: `Question ${id}`, category: 'talk' })),
    ),
    long: write(
      'long.jsonl',
      ids.map((id, i) => ({ id, model: 'long', answer: words(i < 9 ? 30 + i : 2) })),
    ),
    short: write(
      'short.jsonl',
      ids.map((id, i) => ({ id, model: 'short', answer: words(10 + i) })),
    ),
    other: write(
      'other.jsonl',
      ids.map((id, i) => ({ id, model: 'other', answer: words(i < 9 ? 31 + i : 3) })),
    ),
  };
}

const evaluation = (name: string): BenchmarkData =>
  JSON.parse(readFileSync(join(root, 'run/benchmarks', name, 'judge-1', 'evaluation.json'), 'utf8'));

/** Every file below a folder, as text. */
function allTexts(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('evaluate --benchmark', () => {
  it('judges answers of files in both orders, and says how far length explains it', async () => {
    const { questions, long, short } = ownFiles();
    const flags = [
      '--benchmark',
      questions,
      '--answers',
      long,
      short,
      '--baseline',
      'short',
      '--judge',
      'judge-1',
    ];
    const done = await evaluate(...flags, '--json', ...PRICE);
    expect(done.stderr).toContain('24 questions');
    expect(done.code).toBe(0);
    const data: BenchmarkData = JSON.parse(done.stdout);
    expect(data).toEqual(evaluation('own'));
    const [model] = data.duels?.models ?? [];
    expect(model).toMatchObject({ model: 'long', verdicts: 12, withoutVerdict: 0, unanswered: 0 });
    expect(model?.winRate?.value).toBeCloseTo(9 / 12, 12);
    expect(model?.lengths?.agreement?.value).toBe(1);
    expect(model?.lengthControlled?.winRate).toBeLessThan(0.75);
    expect(model?.position?.opposite).toBe(0);
    expect(data.opponent).toBe('short');
    expect(judge.requests.length).toBe(24);
    expect(data.spending?.usd).toBeCloseTo(
      (10 * judge.charged.prompt + 30 * judge.charged.completion) / 1e6,
      9,
    );
    // The page draws the same, in both languages, and the key is nowhere.
    const page = readFileSync(join(root, 'run/benchmarks/own/judge-1/evaluation.html'), 'utf8');
    expect(page).toContain('75.0%');
    expect(page).toContain('勝率');
    expect(allTexts(root) + done.stdout + done.stderr).not.toContain(KEY);

    // Again: nothing is asked, nothing is paid, and the numbers are the same.
    const again: BenchmarkData = JSON.parse((await evaluate(...flags, '--json', ...PRICE)).stdout);
    expect(judge.requests.length).toBe(24);
    expect(again.spending).toMatchObject({ paid: 0, cached: 24, usd: 0 });
    expect(again.duels).toEqual(data.duels);
  }, 60_000);

  it('ranks no two models whose difference it cannot show, and names the noise of the judge', async () => {
    const { questions, long, short, other } = ownFiles();
    const done = await evaluate(
      ...['--benchmark', questions, '--answers', long, short, other, '--baseline', 'short'],
      ...['--judge', 'judge-1', '--repeats', '2', '--json'],
    );
    const { duels }: BenchmarkData = JSON.parse(done.stdout);
    expect(duels?.models.map(({ rank }) => rank)).toEqual([
      { best: 1, worst: 2 },
      { best: 1, worst: 2 },
    ]);
    expect(duels?.pairs.map(({ separated }) => separated)).toEqual([false]);
    expect(duels?.models[0]?.noise).toMatchObject({ repeats: 2, agreement: 1, winRateError: 0 });
    expect(judge.requests.length).toBe(96);
  }, 60_000);

  it('keeps to its budget, exits with 3, and goes on where more is allowed', async () => {
    const { questions, long, short } = ownFiles();
    const flags = [
      '--benchmark',
      questions,
      '--answers',
      long,
      short,
      '--baseline',
      'short',
      '--judge',
      'judge-1',
    ];
    const few = ['--concurrency', '1', '--judging', 'log-prob', '--orders', 'both', '--json'];
    judge.tellsUsage = true;
    const estimate = await evaluate(...flags, ...few, ...PRICE, '--estimate');
    const { usdMost } = JSON.parse(estimate.stdout).estimate as { usdMost: number };
    expect(judge.requests.length).toBe(0);
    const part = await evaluate(...flags, ...few, ...PRICE, '--budget-usd', String(usdMost / 12));
    expect([part.code, part.stderr]).toEqual([3, expect.stringContaining('budget')]);
    const data: BenchmarkData = JSON.parse(part.stdout);
    expect(data.stopped).not.toBeNull();
    // What was judged of a question that was not asked to its end is in no value.
    expect(data.judgedQuestions).toBeLessThan(12);
    expect(data.duels?.models[0]).toMatchObject({ withoutVerdict: 0, verdicts: data.judgedQuestions });
    expect((10 * judge.charged.prompt + 30 * judge.charged.completion) / 1e6).toBeLessThanOrEqual(
      usdMost / 12,
    );
    const asked = judge.requests.length;
    const whole = await evaluate(...flags, ...few, ...PRICE, '--budget-usd', String(usdMost));
    expect(whole.code).toBe(0);
    expect(judge.requests.length).toBe(24);
    expect(JSON.parse(whole.stdout).spending.cached).toBe(asked);
  }, 60_000);

  it('gives AlpacaEval’s and Arena-Hard’s own values, as their verbs do from the files', async () => {
    const { long, short } = ownFiles();
    const questions = join(root, 'set.json');
    writeFileSync(
      questions,
      JSON.stringify(
        Array.from({ length: 12 }, (_, i) => ({
          id: `q${i}`,
          instruction: `Question q${i}`,
          output: words(10 + i),
          generator: 'old',
        })),
      ),
    );
    const done = await evaluate(
      ...['--benchmark', 'alpaca-eval', '--questions', questions, '--answers', long, '--judge', 'judge-1'],
      '--json',
    );
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('CC BY-NC 4.0')]);
    const { published, judge: by }: BenchmarkData = JSON.parse(done.stdout);
    expect(by.official).toBe(false);
    const file = join(root, 'run/benchmarks/alpaca-eval/judge-1/annotations-long.json');
    const verb = await winnow('alpaca-eval', '--annotations', file, '--json');
    expect(JSON.parse(verb.stdout).models).toEqual(published?.models);

    const arena = await evaluate(
      ...['--benchmark', 'arena-hard', '--questions', questions, '--answers', long, '--baseline', short],
      ...['--judge', 'judge-1', '--json'],
    );
    const data: BenchmarkData = JSON.parse(arena.stdout);
    const judgments = join(root, 'run/benchmarks/arena-hard/judge-1/judgments-long.jsonl');
    const again = await winnow(
      'arena-hard',
      '--judgments',
      judgments,
      '--baseline',
      'short',
      '--version',
      'v0.1',
      '--json',
    );
    expect(JSON.parse(again.stdout).models).toEqual(data.published?.models);
    expect(data.published?.models.find(({ model }) => model === 'long')).toMatchObject({ games: 24 });
  }, 60_000);

  it('grades both turns of MT-Bench, with references where they are needed', async () => {
    const questions = write('mt.jsonl', [
      { question_id: 1, category: 'math', turns: ['1+1?', 'Twice that?'] },
      { question_id: 2, category: 'writing', turns: ['A poem', 'Shorter'] },
    ]);
    const references = write('references.jsonl', [
      { question_id: 1, model_id: 'ref', choices: [{ turns: ['REFERENCE-ONE', 'REFERENCE-TWO'] }] },
    ]);
    const answers = write('answers.jsonl', [
      { question_id: 1, model_id: 'one', choices: [{ turns: ['2', '4'] }] },
      { question_id: 2, model_id: 'one', choices: [{ turns: ['Roses', 'Rose'] }] },
    ]);
    judge.answer = ({ messages }) =>
      messages.some(({ content }) => content.includes('REFERENCE-ONE')) ? 'Rating: [[9]]' : 'Rating: [[5]]';
    const done = await evaluate(
      ...['--benchmark', 'mt-bench', '--questions', questions, '--references', references],
      ...['--answers', answers, '--judge', 'judge-1', '--json'],
    );
    expect([done.code, done.stderr]).toEqual([0, expect.any(String)]);
    const data: BenchmarkData = JSON.parse(done.stdout);
    expect(data.grades?.models[0]).toMatchObject({ model: 'one', ratings: 4, turns: [7, 7] });
    expect(data.grades?.models[0]?.mean?.value).toBeCloseTo(7, 12);
    const file = join(root, 'run/benchmarks/mt-bench/judge-1/judgments-one.jsonl');
    const verb = await winnow('mt-bench', '--judgments', file, '--json');
    expect(JSON.parse(verb.stdout).models).toEqual(data.published?.models);
  }, 60_000);

  it('generates with the embedded engine, resumes from its units, and asks a gold judge', async () => {
    const prompts = write('lab.jsonl', [
      { prompt: 'sort6 491037=' },
      { prompt: 'copy4 1234=' },
      { prompt: 'sum5 13194=' },
    ]);
    const small = ['--max-new-tokens', '16', '--temperature', '1', '--seed', '3'];
    const first = await evaluate(
      '--benchmark',
      prompts,
      '--model',
      BASE_M,
      '--judge',
      'none',
      ...small,
      '--json',
    );
    expect(first.code).toBe(0);
    const [{ file }] = JSON.parse(first.stdout).models as [{ file: string }];
    const flags = ['--benchmark', prompts, '--model', BASE_S, '--judge', 'lab', '--baseline', file, ...small];
    const done = await evaluate(...flags, '--json');
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('Answering')]);
    const data: BenchmarkData = JSON.parse(done.stdout);
    expect(data.duels?.models[0]).toMatchObject({ model: 'lab/base-s', verdicts: 3, unanswered: 0 });
    expect(data.spending).toBeNull();
    const again = await evaluate(...flags, '--json');
    expect(again.stderr).toContain('all there already');
    expect(JSON.parse(again.stdout).duels).toEqual(data.duels);
  }, 120_000);

  it('lets a server answer, turn by turn', async () => {
    const questions = write('mt.jsonl', [
      { question_id: 1, category: 'writing', turns: ['First', 'Second'] },
    ]);
    judge.answer = ({ messages, body }) =>
      body.model === 'served' ? `answer ${messages.length}` : 'Rating: [[8]]';
    const done = await evaluate(
      ...['--benchmark', 'mt-bench', '--questions', questions, '--server-url', url],
      ...['--server-models', 'served', '--judge', 'judge-1', '--json'],
    );
    expect([done.code, done.stderr]).toEqual([0, expect.any(String)]);
    const [line] = readFileSync(join(root, 'run/benchmarks/mt-bench/answers-served.jsonl'), 'utf8').split(
      '\n',
    );
    const texts = JSON.parse(line as string).turns.map(({ text }: { text: string }) => text);
    expect(texts).toEqual(['answer 1', 'answer 3']);
  }, 60_000);

  it('warns of a judge of the model’s own family', async () => {
    const { questions, short } = ownFiles();
    const qwen = write(
      'qwen.jsonl',
      Array.from({ length: 12 }, (_, i) => ({ id: `q${i}`, model: 'Qwen2.5-0.5B', answer: words(20) })),
    );
    const done = await evaluate(
      ...['--benchmark', questions, '--answers', qwen, short, '--baseline', 'short', '--judge', 'qwen3-32b'],
    );
    expect(done.stdout).toContain('of one family (qwen)');
  }, 60_000);

  it('tells bad input before anything is asked', async () => {
    const { questions, long, short } = ownFiles();
    const cases: [string[], RegExp][] = [
      [['--benchmark', join(root, 'none.jsonl'), '--answers', long, '--judge', 'j'], /no such file/],
      [['--benchmark', questions, '--answers', long, '--judge', 'j'], /nothing to compare/],
      [['--benchmark', questions, '--answers', long, long, '--judge', 'j', '--baseline', short], /one name/],
      [
        ['--benchmark', questions, '--answers', long, '--judge', 'j', '--baseline', 'shrt'],
        /neither one of the models nor a file/,
      ],
      [['--benchmark', questions, '--answers', long, short, '--baseline', 'short'], /no judge is named/],
      [['--benchmark', questions, '--judge', 'j'], /no model to judge/],
      [
        [
          '--benchmark',
          questions,
          '--answers',
          long,
          short,
          '--baseline',
          'short',
          '--judge',
          'j',
          '--budget-usd',
          '1',
        ],
        /prices of the judge/,
      ],
      [
        [
          '--benchmark',
          questions,
          '--answers',
          long,
          short,
          '--baseline',
          'short',
          '--judge',
          'j',
          '--judging',
          'maybe',
        ],
        /none of its values/,
      ],
      [
        [
          '--benchmark',
          questions,
          '--answers',
          long,
          short,
          '--baseline',
          'short',
          '--judge',
          'j',
          '--template',
          'none.yaml',
        ],
        /no such file/,
      ],
      [['--benchmark', 'alpaca-eval', '--answers', long, '--judge', 'j'], /HF_HUB_OFFLINE/],
    ];
    for (const [flags, message] of cases) {
      const done = await evaluate(...flags);
      expect([done.code, done.stderr]).toEqual([2, expect.stringMatching(message)]);
    }
    expect(judge.requests.length).toBe(0);
    expect(existsSync(join(root, 'run/benchmarks'))).toBe(false);
  }, 120_000);
});
