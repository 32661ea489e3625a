import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../src/evaluate/answers.ts';
import type { ReportData } from '../src/report/data.ts';
import { FakeJudge } from './fake-judge.ts';
import { argumentsOf, readRows, readText, tinyWorld, unitsOf, winnow, winnowOk } from './tiny-world.ts';

// A run whose answers a language model judges. What the report says is computed anew from answers and the judge's rule.

const world = tinyWorld('llm-run');
const out = join(world.dir, 'out');
const server = new FakeJudge();
let url = '';
let first: ReportData;

const run = (to: string, more: readonly string[] = []) => [
  ...argumentsOf('run', world, { out: to, arms: 'selected,full', seeds: 1 }),
  ...['--llm-judge', 'org/judge', '--set', `llmJudge.url=${url}`, '--set', 'llmJudge.priceIn=1', '--set', 'llmJudge.priceOut=1', ...more], // biome-ignore format: one line
  '--json',
];

beforeAll(async () => {
  url = await server.listen();
  first = JSON.parse((await winnowOk(run(out))).stdout) as ReportData;
}, 120_000);
afterAll(() => server.close());

function answersOf(unit: string): Answer[] {
  const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
  return readRows<Answer>(unit, 'attempts', attempt, 'answers.jsonl');
}

describe('a run judged by a language model', () => {
  it('has the win rates that its verdicts give, in both orders, each question paid once', () => {
    expect(first.judge).toMatchObject({ kind: 'language-model', name: 'org/judge' });
    const sheets = unitsOf(out, 'answers').map((unit) => ({
      start: !readText(unit, 'unit.json').includes('"trained": "'),
      answers: answersOf(unit),
    }));
    const lengthOf = (answers: readonly Answer[]) =>
      new Map(answers.map(({ id, text }) => [id, text.length]));
    const start = lengthOf((sheets.find((sheet) => sheet.start) as (typeof sheets)[number]).answers);
    // The fair judge takes the longer answer; equal answers tie without a question.
    const rates = sheets
      .filter((sheet) => !sheet.start)
      .map(
        ({ answers }) =>
          answers.reduce(
            (sum, { id, text }) => sum + (1 + Math.sign(text.length - (start.get(id) as number))) / 2,
            0,
          ) / answers.length,
      );
    const told = first.arms.flatMap(({ winRate }) => (winRate === null ? [] : [winRate.value]));
    expect(told).toHaveLength(2);
    for (const value of told) expect(rates.some((rate) => Math.abs(rate - value) < 1e-9)).toBe(true);
    for (const count of server.answered.values()) expect(count).toBe(1);
    expect(first.arms.find(({ name }) => name === 'selected')?.winLengths?.lengths).not.toBeNull();
  });

  it('asks nothing again, and gives the same', async () => {
    const asked = server.requests.length;
    const again = JSON.parse((await winnowOk(run(out))).stdout) as ReportData;
    expect(server.requests).toHaveLength(asked);
    expect(again.arms).toEqual(first.arms);
    const shown = await winnowOk(['report', '--out', out, '--lang', 'ja']);
    expect(shown.stdout).toMatch(/評価者は言語モデル org\/judge/);
    expect(server.requests).toHaveLength(asked);
  });

  it('stops at its budget with exit code 3, keeps what was paid for, and goes on with more', async () => {
    const poor = join(world.dir, 'poor');
    const before = server.requests.length;
    const ended = await winnow(run(poor, ['--set', 'llmJudge.budgetUsd=0.000001']));
    expect([ended.code, ended.stderr]).toEqual([3, expect.stringContaining('judge-budget')]);
    expect(server.requests).toHaveLength(before);
    const rich = JSON.parse(
      (await winnowOk(run(poor, ['--set', 'llmJudge.budgetUsd=10']))).stdout,
    ) as ReportData;
    expect(rich.arms.map(({ winRate }) => winRate)).toEqual(first.arms.map(({ winRate }) => winRate));
  }, 120_000);

  it('a prompt without a verdict counts for none, and is told', async () => {
    const mute = join(world.dir, 'mute');
    const fair = server.answer;
    const [silenced] = answersOf(unitsOf(out, 'answers')[0] as string) as [Answer];
    server.answer = (request) =>
      request.messages.some(({ content }) => content.includes(silenced.prompt))
        ? 'I cannot say.'
        : fair(request);
    try {
      const told = JSON.parse((await winnowOk(run(mute))).stdout) as ReportData;
      expect(told.notes.join('\n')).toMatch(/On \d+ prompts the judge gave no verdict/);
      const n = told.arms.find(({ name }) => name === 'selected')?.winRate?.n as number;
      expect(n).toBeLessThan(first.arms.find(({ name }) => name === 'selected')?.winRate?.n as number);
    } finally {
      server.answer = fair;
    }
  }, 120_000);

  it('is refused beside another judge, with half a price, and without a server', async () => {
    const two = await winnow(run(join(world.dir, 'two'), ['--set', 'evaluation.judge=lab']));
    expect(two.code).toBe(2);
    expect(two.stderr).toMatch(/two judges/);
    const half = await winnow([
      ...argumentsOf('run', world, { out: join(world.dir, 'half'), seeds: 1 }),
      ...['--llm-judge', 'j', '--set', 'llmJudge.priceIn=1'],
    ]);
    expect(half.code).toBe(2);
    expect(half.stderr).toMatch(/a price has two parts/);
    const nowhere = join(world.dir, 'nowhere');
    const without = await winnow(
      [...argumentsOf('run', world, { out: nowhere, seeds: 1 }), '--llm-judge', 'j'],
      {
        env: { ...process.env, WINNOW_JUDGE_URL: '', OPENAI_BASE_URL: '' },
      },
    );
    // A fault of the judge is told before anything is scored.
    expect(unitsOf(nowhere, 'scoring')).toEqual([]);
    expect(without.code).toBe(2);
  });
});
