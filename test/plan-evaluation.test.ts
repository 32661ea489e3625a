import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SampleSize, SampleSizeOptions } from '../src/evaluate/sample-size.ts';
import { makeFolder, scratch, winnow, winnowOk } from './tiny-world.ts';

const dir = scratch('plan-evaluation');

interface Planned {
  readonly options: SampleSizeOptions;
  readonly correlationFrom: string | null;
  readonly sizes: readonly SampleSize[];
}

async function plan(args: readonly string[]): Promise<Planned> {
  return JSON.parse((await winnowOk(['plan', ...args, '--json'])).stdout) as Planned;
}

/** A run folder whose report has these intervals of win rates. */
function run(name: string, report: unknown): string {
  const folder = makeFolder(join(dir, name));
  writeFileSync(join(folder, 'report.json'), JSON.stringify(report));
  return folder;
}

const interval = (half: number) => ({ value: 0.5, low: 0.5 - half, high: 0.5 + half, n: 300 });

describe('winnow plan --effect', () => {
  it('needs neither a model nor data', async () => {
    const { options, sizes, correlationFrom } = await plan(['--effect', '9']);
    expect(options).toMatchObject({ effect: 0.09, power: 0.8, orders: 2, arms: 1 });
    expect(correlationFrom).toBeNull();
    expect(sizes.map(({ question, prompts, asks, usd }) => [question, prompts, asks, usd])).toEqual([
      ['against-baseline', 158, 316, null],
      ['between-arms', 211, 844, null],
    ]);
  });

  it('takes what is known, arms as a number or by name, and prices', async () => {
    const given =
      '--effect 5 --power 0.9 --level 0.01 --ties 0.2 --orders 1 --repeats 3 --verdict-correlation 0.8 --arm-correlation 0.4 --prompt-tokens 100 --answer-tokens 200 --verdict-tokens 1 --price-in 2.5 --price-out 10';
    const { options, sizes } = await plan([...given.split(' '), '--arms', 'selected,full,random']);
    expect(options).toEqual({
      effect: 0.05,
      power: 0.9,
      level: 0.01,
      ties: 0.2,
      orders: 1,
      repeats: 3,
      arms: 3,
      verdictCorrelation: 0.8,
      armCorrelation: 0.4,
      promptTokens: 100,
      answerTokens: 200,
      verdictTokens: 1,
      price: { input: 2.5, output: 10 },
    });
    const [, arms] = sizes;
    expect(arms).toMatchObject({ arms: 3, comparisons: 3, asks: 9 * (arms?.prompts as number) });
    expect(arms?.usd).toBeCloseTo(((arms?.asks as number) * (500 * 2.5 + 10)) / 1e6, 9);
    expect((await plan(['--effect', '5', '--arms', '3'])).options.arms).toBe(3);
  });

  it('takes the correlation of arms from a run', async () => {
    const folder = run('run', {
      arms: [
        { name: 'start', winRate: interval(0) },
        { name: 'selected', winRate: interval(0.05) },
        { name: 'full', winRate: interval(0.05) },
      ],
      comparisons: [
        { metric: 'correctness', a: 'selected', b: 'full', difference: interval(0.01) },
        { metric: 'winRate', a: 'selected', b: 'start', difference: interval(0.05) },
        { metric: 'winRate', a: 'selected', b: 'full', difference: interval(0.05) },
      ],
    });
    const { options, correlationFrom } = await plan(['--effect', '9', '--out', folder]);
    // 2 · 0.05² − 0.05² over 2 · 0.05².
    expect(options.armCorrelation).toBeCloseTo(0.5, 9);
    expect(correlationFrom).toBe(folder);
    const own = await plan(['--effect', '9', '--out', folder, '--arm-correlation', '0.1']);
    expect([own.options.armCorrelation, own.correlationFrom]).toEqual([0.1, null]);
  });

  it('says it in words', async () => {
    const { stdout } = await winnowOk([
      'plan',
      '--effect',
      '9',
      '--arms',
      '4',
      '--price-in',
      '2',
      '--price-out',
      '8',
    ]);
    expect(stdout).toMatch(/To see 9\.0 points of win rate/);
    expect(stdout).toMatch(/4 models, each against 50 % +4 +158 /);
    expect(stdout).toMatch(/two of 4 arms +6 +211 /);
    expect(stdout).toMatch(/correlate by 0\.50.*by 0\.35/);
    expect(stdout).not.toMatch(/NaN|undefined|null|--price/);
    expect((await winnowOk(['plan', '--effect', '40', '--ties', '0'])).stdout).toMatch(/Below 30 prompts/);
  });

  it.each([
    [['--effect', '0'], /effect cannot be that/],
    [['--effect', 'nine'], /--effect must be a number/],
    [['--effect', '9', '--ties', '0.95'], /ties cannot be that/],
    [['--effect', '9', '--orders', '3'], /orders cannot be that/],
    [['--effect', '9', '--price-in', '2'], /Give both/],
    [['--effect', '9', '--arms', '2.5'], /arms cannot be that/],
    [['--effect', '9', '--model', 'x'], /--model means nothing with --effect/],
    [['--effect', '9', '--set', 'text.onLong=refuse'], /--set means nothing/],
    [['--effect', '9', '--out', join(dir, 'nowhere')], /nowhere/],
    [['--power', '0.9'], /--power is for the plan of an evaluation.*--effect/s],
  ] as const)('refuses %j', async (args, message) => {
    const ended = await winnow(['plan', ...args]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/unexpected failure|\n\s+at /);
  });

  it.each([
    ['no comparison', { arms: [], comparisons: [] }],
    ['null', null],
    [
      'other things',
      {
        arms: [null, 3, { name: 'a', winRate: 'x' }],
        comparisons: [null, { metric: 'winRate', a: 'a', b: 'a' }],
      },
    ],
    ['things that are no lists', { arms: 'x', comparisons: 7 }],
  ])('refuses a report with %s', async (name, report) => {
    const ended = await winnow(['plan', '--effect', '9', '--out', run(`report ${name}`, report)]);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(/compared no two arms by win rate.*--arm-correlation/s);
  });
});
