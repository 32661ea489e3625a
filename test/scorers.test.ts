import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DifficultyRow, ScoreRow } from '../src/difficulty/scores.ts';
import type { ReportData } from '../src/report/data.ts';
import {
  argumentsOf,
  readRows,
  readText,
  tinyPairs,
  tinyWorld,
  unitsOf,
  winnow,
  winnowOk,
  writeRewardModel,
  writeRows,
} from './tiny-world.ts';

// Every value is computed anew from the files of the run.

const world = tinyWorld('scorers');
const data = join(world.dir, 'rated.jsonl');
const out = join(world.dir, 'out');

const run = (verb: string, scorer: string, ...more: string[]) => {
  const all = ['--quiet', '--scorer', scorer, ...more];
  return winnow(argumentsOf(verb, { ...world, data }, { out, seeds: 1, more: all }));
};
const difficulties = () => readRows<DifficultyRow>(out, 'difficulty.jsonl');
const reliability = () => JSON.parse(readText(out, 'reliability.json')) as { between: string | null };

interface Tokens {
  readonly id: string;
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

beforeAll(() => {
  writeRows(
    data,
    tinyPairs().map((pair, i) => ({
      ...pair,
      score_chosen: (i * 7) % 11,
      score_rejected: i % 5,
      prompt_id: `prompt ${i}`,
    })),
  );
});

/** The tokens of every pair, by id. */
const tokens = () => {
  const name = readdirSync(join(out, 'inputs')).find((file) => file.startsWith('tokens-'));
  return new Map(readRows<Tokens>(out, 'inputs', name as string).map((row) => [row.id, row]));
};

/** Difficulty is the value, and ranks follow it. */
function expectValues(numberOf: (id: string, row: number) => number): void {
  const rows = difficulties();
  for (const { id, row, difficulty } of rows) expect(difficulty).toBeCloseTo(numberOf(id, row), 10);
  const sorted = [...rows].sort((a, b) => a.difficulty - b.difficulty || a.row - b.row);
  expect(sorted.map(({ rank }) => rank)).toEqual(sorted.map((_, i) => i + 1));
}

describe('scorers of one contract', () => {
  it('lengths and ratings select without any pass of the model', async () => {
    for (const [scorer, numberOf] of [
      ['length', ({ chosen }: Tokens) => chosen.length],
      ['length-gap', ({ chosen, rejected }: Tokens) => chosen.length - rejected.length],
    ] as const) {
      const { code, stdout } = await run('select', scorer);
      expect(code).toBe(0);
      expect(stdout).toMatch(/pairs kept/);
      const of = tokens();
      expectValues((id) => numberOf(of.get(id) as Tokens));
    }
    expect((await run('select', 'rating-margin')).code).toBe(0);
    expectValues((_, row) => -(((row * 7) % 11) - (row % 5)));
    expect((await run('select', 'rating-margin', '--set', 'difficulty.first=smallest')).code).toBe(0);
    expectValues((_, row) => ((row * 7) % 11) - (row % 5));
    expect(unitsOf(out)).toEqual([]);
    expect(reliability()).toEqual({ between: null, spearman: null, overlap: null });
    expect(existsSync(join(out, 'scores.jsonl'))).toBe(false);
  });

  it('perplexities need the reference pass alone', async () => {
    expect((await run('score', 'perplexity-chosen')).code).toBe(0);
    const of = tokens();
    const [unit, ...others] = unitsOf(out);
    expect(others).toEqual([]);
    const attempt = JSON.parse(readText(unit as string, 'DONE.json')) as { attempt: string };
    const passes = new Map(
      readRows<{ id: string; chosen: number; rejected: number }>(
        unit as string,
        'attempts',
        attempt.attempt,
        'log-probs.jsonl',
      ).map((row) => [row.id, row]),
    );
    const nats = (id: string, side: 'chosen' | 'rejected') =>
      -(passes.get(id)?.[side] as number) / (of.get(id)?.[side].length as number);
    expectValues((id) => Math.exp(nats(id, 'chosen')));
    expect((await run('score', 'perplexity-gap')).code).toBe(0);
    expectValues((id) => nats(id, 'chosen') - nats(id, 'rejected'));
    expect(unitsOf(out)).toHaveLength(1);
  });

  it('margins and learned steps come from the scoring runs of the loss', async () => {
    expect((await run('score', 'validation-loss', '--checkpoints', '3')).code).toBe(0);
    const scores = readRows<ScoreRow>(out, 'scores.jsonl');
    const units = unitsOf(out);
    const loss = readText(out, 'difficulty.jsonl');
    const margin = (s: ScoreRow) =>
      0.5 * (s.chosenLogProb - s.refChosenLogProb - s.rejectedLogProb + s.refRejectedLogProb);
    const of = (id: string) => scores.filter((score) => score.id === id);
    expect((await run('score', 'implicit-margin', '--checkpoints', '3')).code).toBe(0);
    expectValues((id) => -of(id).reduce((sum, score) => sum + margin(score), 0) / 3);
    expect(reliability().between).toBe('checkpoints');
    const learned = ['--checkpoints', '3', '--set', 'difficulty.learnedMargin=0.05'];
    expect((await run('score', 'learned-step', ...learned)).code).toBe(0);
    expectValues((id) => {
      const path = of(id).sort((a, b) => a.checkpoint - b.checkpoint);
      const after = path.findLastIndex((score) => margin(score) <= 0.05) + 1;
      return path[after]?.step ?? ((path[2] as ScoreRow).step * 4) / 3;
    });
    expect(reliability().between).toBeNull();
    // The same runs, and their losses as before.
    expect(unitsOf(out)).toEqual(units);
    expect((await run('score', 'validation-loss', '--checkpoints', '3')).code).toBe(0);
    expect(readText(out, 'difficulty.jsonl')).toBe(loss);
  });

  it('a file: another run’s folder by id, CSV by prompt_id, and what is missing', async () => {
    const before = difficulties();
    const other = join(world.dir, 'small');
    const small = ['--quiet', '--scorer', 'file', '--scores-file', out];
    const options = { out: other, seeds: 1, more: small };
    await winnowOk(argumentsOf('select', { ...world, data }, options));
    const rows = readRows<DifficultyRow>(other, 'difficulty.jsonl');
    expect(rows.map(({ id, difficulty, rank }) => [id, difficulty, rank])).toEqual(
      before.map(({ id, difficulty, rank }) => [id, difficulty, rank]),
    );
    const csv = join(world.dir, 'scores.csv');
    const line = ({ row }: DifficultyRow) => `prompt ${row},${(row * 13) % 83}`;
    writeFileSync(csv, `prompt_id,learning_order\n${before.map(line).join('\n')}\n`);
    expect((await run('select', 'file', '--scores-file', csv)).code).toBe(0);
    expectValues((_, row) => (row * 13) % 83);
    writeFileSync(csv, `prompt_id,learning_order\n${before.slice(1).map(line).join('\n')}\n`);
    const { code, stderr } = await run('select', 'file', '--scores-file', csv);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/1 of \d+ pairs have no score/)]);
  });

  it('a reward model’s margin, from one unit of rewards', async () => {
    const reward = writeRewardModel(join(world.dir, 'reward'));
    const folder = join(world.dir, 'by-reward');
    const more = ['--quiet', '--scorer', 'reward-margin', '--reward-model', reward];
    await winnowOk(argumentsOf('select', { ...world, data }, { out: folder, seeds: 1, more }));
    const [unit, ...others] = unitsOf(folder) as [string];
    expect(others).toEqual([]);
    const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
    const rewards = new Map(
      readRows<{ id: string; reward: number }>(unit, 'attempts', attempt, 'rewards.jsonl').map((row) => [
        row.id,
        row.reward,
      ]),
    );
    for (const { id, difficulty } of readRows<DifficultyRow>(folder, 'difficulty.jsonl')) {
      const [chosen, rejected] = ['chosen', 'rejected'].map((side) => rewards.get(`${id} ${side}`) as number);
      expect(difficulty).toBeCloseTo((rejected as number) - (chosen as number), 10);
    }
  });

  it('the whole way by lengths: arms, a report that speaks of no held-out loss, no scoring run', async () => {
    const folder = join(world.dir, 'whole');
    const arms = 'selected,full,random';
    const more = ['--quiet', '--scorer', 'length', '--set', 'selection.budget.tokens=300'];
    await winnowOk(argumentsOf('run', { ...world, data }, { out: folder, seeds: 1, arms, more }));
    expect(unitsOf(folder, 'scoring')).toEqual([]);
    const report = JSON.parse(readText(folder, 'report.json')) as ReportData;
    expect(report.outlook).toBeUndefined();
    expect(report.difficulty.scorer).toEqual({ name: 'length', first: 'smallest' });
    expect(report.selection.budget?.spent).toBeLessThanOrEqual(300);
    expect(report.selection.keepFraction).toBeCloseTo(
      report.selection.kept / (report.selection.kept + report.selection.dropped),
      12,
    );
    const page = readText(folder, 'report.html');
    expect(page).toContain('length of the chosen answer');
    expect(page).not.toMatch(/mean held-out loss|ln 2|Outlook:/);
    const ledger = readRows<{ reason: string }>(folder, 'selection', 'ledger.jsonl');
    expect(ledger.some(({ reason }) => reason.includes('budget of 300 tokens'))).toBe(true);
  });

  it.each([
    [['--scorer', 'file'], /needs a file/],
    [['--scorer', 'length', '--scores-file', 'x'], /means nothing to the scorer length/],
    [['--scorer', 'reward-margin'], /needs a reward model/],
    [['--scorer', 'learned-step'], /points of the training/],
    [['--set', 'difficulty.first=largest'], /low loss is easy/],
    [['--scorer', 'rating-margin', '--set', 'difficulty.ratings=good,bad'], /no number in the column good/],
  ])('%j is refused with exit code 2', async (more, message) => {
    const { code, stderr } = await winnow(
      argumentsOf(
        'score',
        { ...world, data },
        { out: join(world.dir, 'refused'), seeds: 1, more: ['--quiet', ...more] },
      ),
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
