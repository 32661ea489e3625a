import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JudgeCheckReport } from '../src/cli/judge-check.ts';
import { FakeJudge } from './fake-judge.ts';
import { scratch, winnow, winnowOk, writeRows } from './tiny-world.ts';

const dir = scratch('judge-check');

/** 40 pairs on 20 prompts; the label is the longer answer in three of four. */
const rows = Array.from({ length: 40 }, (_, i) => {
  const longer = i % 2 === 0 ? 'a' : 'b';
  const shorter = i % 2 === 0 ? 'b' : 'a';
  return {
    id: i,
    prompt: `What is ${i % 20}?`,
    answer_a: longer === 'a' ? 'A long answer.' : 'Short.',
    answer_b: longer === 'b' ? 'A long answer.' : 'Short.',
    label: i % 8 === 7 ? 'tie' : i % 4 === 3 ? shorter : longer,
    judge: i % 5 === 0 ? 'a' : longer,
    judge_swapped: i === 39 ? null : i % 5 === 0 ? 'b' : longer,
  };
});
const own = writeRows(join(dir, 'own.jsonl'), rows);

async function report(args: readonly string[]): Promise<JudgeCheckReport> {
  const { stdout } = await winnowOk(['judge-check', '--json', ...args]);
  return JSON.parse(stdout) as JudgeCheckReport;
}

describe('winnow judge-check', () => {
  it('holds a judge in both orders against labels, beside two rules that need no model', async () => {
    const { format, labels, judges, baselines } = await report(['--labels', own]);
    expect(format).toBe('winnow');
    expect(labels).toMatchObject({ pairs: 40, prompts: 20, ceiling: null });
    expect(labels.majority.a + labels.majority.b + labels.majority.tie).toBe(40);
    const [judge] = judges;
    expect(judge).toMatchObject({ judge: 'judge', judged: 39, unreadable: 1, notAsked: 0 });
    // Eight pairs by place alone, one of which never readable or not: 0, 5, …, 35.
    expect(judge?.position).toMatchObject({ known: true, n: 39, alwaysFirst: 8, alwaysSecond: 0 });
    expect(judge?.position).toMatchObject({ consistent: { value: 31 / 39 } });
    expect(baselines.map(({ judge: name }) => name)).toEqual(['the longer answer', 'the first answer']);
    for (const { againstMajority } of [...judges, ...baselines]) {
      const { value, low, high } = againstMajority.accuracy!;
      expect(0 <= low && low <= value && value <= high && high <= 1).toBe(true);
    }
  });

  it('the same seed gives the same, byte for byte', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(() => winnowOk(['judge-check', '--labels', own, '--json'])),
    );
    expect(one?.stdout).toBe(two?.stdout);
    const other = await winnowOk(['judge-check', '--labels', own, '--json', '--seed', '7']);
    expect(other.stdout).not.toBe(one?.stdout);
  });

  it('reads several judges from files, and annotators of PandaLM’s form', async () => {
    const panda = rows.map(({ id, prompt, answer_a, answer_b, label }) => {
      const number = { a: 1, b: 2, tie: 0 }[label as 'a' | 'b' | 'tie'];
      return {
        idx: id,
        instruction: prompt,
        input: '',
        response1: answer_a,
        response2: answer_b,
        annotator1: number,
        annotator2: id % 10 === 0 ? 0 : number,
        annotator3: number,
      };
    });
    const file = join(dir, 'panda.json');
    writeFileSync(file, JSON.stringify(panda, null, 4));
    const verdicts = join(dir, 'gpt.json');
    writeFileSync(verdicts, JSON.stringify(panda.map(({ idx, annotator1 }) => ({ idx, gpt_result: idx === 3 ? 'garbage' : annotator1 === 0 ? 'Tie' : String(annotator1) })))); // biome-ignore format: one line
    const partial = writeRows(
      join(dir, 'partial.jsonl'),
      rows.slice(0, 10).map(({ id, judge }) => ({ id, judge })),
    );
    const { labels, judges } = await report(['--labels', file, '--judge-labels', verdicts, partial]);
    expect(labels.annotators).toEqual(['annotator1', 'annotator2', 'annotator3']);
    expect(labels.ceiling?.betweenTwo.map(({ accuracy }) => accuracy?.value)).toEqual([0.9, 1, 0.9]);
    expect(
      judges.map(({ judge, judged, unreadable, notAsked }) => [judge, judged, unreadable, notAsked]),
    ).toEqual([
      ['gpt', 39, 1, 0],
      ['partial', 10, 0, 30],
    ]);
    expect(judges[0]?.againstMajority).toMatchObject({ accuracy: { value: 1 }, kappa: { value: 1 } });
    expect(judges[0]?.position).toMatchObject({ known: false });

    const { stdout } = await winnowOk(['judge-check', '--labels', file, '--judge-labels', verdicts, partial]);
    expect(stdout).toMatch(/40 pairs on 20 prompts, 3 annotators/);
    expect(stdout).toMatch(/gpt: 39 verdicts, \d+ of them ties; 1 could not be read/);
    expect(stdout).toMatch(/partial: not known, as only one order was asked/);
    expect(stdout).not.toMatch(/NaN|undefined|null/);
  });

  it('without a judge it says what the labels reward', async () => {
    const bar = rows.slice(0, 6).map(({ prompt, answer_a, answer_b }, i) => ({
      input: prompt,
      output_1: answer_a,
      output_2: answer_b,
      label: 1 + (i % 2),
    }));
    const file = join(dir, 'bar.json');
    writeFileSync(file, JSON.stringify(bar));
    const { stdout } = await winnowOk(['judge-check', '--labels', file]);
    expect(stdout).toMatch(/No judge’s verdicts were given/);
    expect(stdout).toMatch(/the longer answer +6 +100\.0/);
    expect(stdout).not.toMatch(/Position bias|NaN|undefined/);
  });

  it('asks a judge itself, in both orders, and pays nothing twice', async () => {
    const server = new FakeJudge();
    const url = await server.listen();
    try {
      const out = join(dir, 'live');
      const asking = ['judge-check', '--labels', own, '--judge', 'org/judge', '--judge-url', url, '--out', out, '--quiet', '--json']; // biome-ignore format: one line
      const estimated = JSON.parse((await winnowOk([...asking, '--estimate'])).stdout);
      expect(estimated.estimate.asks).toBe(80);
      expect(server.requests).toHaveLength(0);
      const first = await winnowOk(asking);
      const { judges } = JSON.parse(first.stdout) as JudgeCheckReport;
      expect(judges.map(({ judge }) => judge)).toEqual(['judge', 'org_judge']);
      // The fair judge takes the longer answer, wherever it stands: right in the three of four that are no exceptions.
      const labels = rows.map(({ label }) => label);
      const longer = rows.filter((row, i) => labels[i] === (row.answer_a.length > 10 ? 'a' : 'b'));
      expect(judges[1]).toMatchObject({ judged: 40, unreadable: 0, ties: 0 });
      expect(judges[1]?.againstMajority.accuracy?.value).toBeCloseTo(longer.length / 40, 12);
      expect(judges[1]?.position).toMatchObject({ known: true, consistent: { value: 1 } });
      const asked = server.requests.length;
      expect(asked).toBeGreaterThan(0);
      const again = await winnowOk(asking);
      expect(again.stdout).toBe(first.stdout);
      expect(server.requests).toHaveLength(asked);
      // What was written is what --judge-labels reads.
      const { stdout } = await winnowOk(['judge-check', '--labels', own, '--judge-labels', join(out, 'org_judge.jsonl'), '--json']); // biome-ignore format: one line
      expect(JSON.parse(stdout).judges[1]).toEqual(judges[1]);
    } finally {
      await server.close();
    }
  });

  it('a judge that always takes the first place is seen to, and a budget is a gate', async () => {
    const server = new FakeJudge();
    server.answer = () => '[[A>B]]';
    const url = await server.listen();
    try {
      const asking = ['judge-check', '--labels', own, '--judge', 'j', '--judge-url', url, '--quiet', '--json', '--price-in', '1', '--price-out', '1']; // biome-ignore format: one line
      const { stdout } = await winnowOk([...asking, '--out', join(dir, 'place')]);
      const { judges } = JSON.parse(stdout) as JudgeCheckReport;
      expect(judges[1]).toMatchObject({ judged: 40, ties: 40 });
      expect(judges[1]?.position).toMatchObject({ alwaysFirst: 40, alwaysSecond: 0 });
      const ended = await winnow([...asking, '--out', join(dir, 'poor'), '--budget-usd', '0.000001']);
      expect(ended.code).toBe(3);
      expect(ended.stderr).toMatch(/budget/);
    } finally {
      await server.close();
    }
  });

  it.each([
    ['a file that is not there', () => ['--labels', join(dir, 'nowhere.json')], /nowhere\.json/],
    [
      'a form that is none',
      () => ['--labels', writeRows(join(dir, 'odd.jsonl'), [{ a: 1 }])],
      /odd\.jsonl, row 0.*PandaLM.*LLMBar/s,
    ],
    [
      'a label that is none',
      () => ['--labels', writeRows(join(dir, 'bad.jsonl'), [rows[0], { ...rows[1], label: 'A' }])],
      /bad\.jsonl, row 1: label is no label/,
    ],
    [
      'verdicts on other pairs',
      () => [
        '--labels',
        own,
        '--judge-labels',
        writeRows(join(dir, 'strange.jsonl'), [{ id: 'q', judge: 'a' }]),
      ],
      /no verdict of strange has the id/,
    ],
    ['a seed that is none', () => ['--labels', own, '--seed', 'x'], /--seed/],
  ])('refuses %s', async (_, args, message) => {
    const ended = await winnow(['judge-check', ...args()]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/unexpected failure|\n\s+at /);
  });
});

const shared = join(import.meta.dirname, '..', '..', 'shared', 'data');
describe.skipIf(!existsSync(shared))('winnow judge-check on published labels (needs ../shared/data)', () => {
  it('PandaLM: three annotators and two judges', async () => {
    const folder = join(shared, 'pandalm');
    const { labels, judges } = await report([
      ...['--labels', join(folder, 'testset-v1.json'), '--judge-labels'],
      ...['gpt-3.5-turbo-testset-v1.json', 'pandalm-7b-testset-v1.json'].map((name) => join(folder, name)),
    ]);
    expect(labels).toMatchObject({ pairs: 999, prompts: 170 });
    expect(judges.map(({ judged, unreadable }) => [judged, unreadable])).toEqual([
      [974, 25],
      [999, 0],
    ]);
    for (const { meanKappa } of judges) expect(meanKappa).toBeLessThan(labels.ceiling?.meanKappa as number);
  });
});
