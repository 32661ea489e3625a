/**
 * Whether products of integers leave the ranks of difficulty as they are: scores the same pairs in float32, int16 and
 * int8, and compares. `npm run build && npm run bench -- ranks [--limit 500]`
 *
 * Pairs: the demo's (built-in world, its base model), and human ones (hh-rlhf's helpful-base, stories260K) where
 * ../shared/data is. Each with a learning rate that moves the model well, and one that hardly moves it: small
 * differences are what rounding drowns first.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { spearman } from '../src/stats/correlation.ts';
import { replacePart, table } from './lib/document.ts';
import { ROOT } from './lib/places.ts';

const { values } = parseArgs({ options: { limit: { type: 'string', default: '500' } } });
const CLI = join(ROOT, 'dist', 'cli.mjs');
const shared = join(ROOT, '..', 'shared', 'data');
const scratch = mkdtempSync(join(tmpdir(), 'winnow-ranks-'));

interface Case {
  readonly title: string;
  readonly args: readonly string[];
  readonly learningRates: readonly string[];
}

function winnow(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [CLI, ...args, '--quiet', '--json'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`winnow ${args[0]} ended with code ${status}`);
}

/** Difficulty by pair, in an order that all runs share. */
function difficulties(out: string): number[] {
  const rows = readFileSync(join(out, 'difficulty.jsonl'), 'utf8').trim().split('\n');
  return rows
    .map((line) => JSON.parse(line) as { id: string; difficulty: number })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ difficulty }) => difficulty);
}

/** Share of the easiest half that both would keep. */
function sameHalf(a: readonly number[], b: readonly number[]): number {
  const half = (list: readonly number[]) => {
    const order = list.map((_, i) => i).sort((i, j) => (list[i] as number) - (list[j] as number));
    return new Set(order.slice(0, Math.floor(list.length / 2)));
  };
  const [first, second] = [half(a), half(b)];
  return [...first].filter((i) => second.has(i)).length / first.size;
}

function deviation(list: readonly number[]): number {
  const mean = list.reduce((sum, x) => sum + x, 0) / list.length;
  return Math.sqrt(list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / list.length);
}

try {
  const demo = join(scratch, 'demo');
  winnow(['demo', '--training-seeds', '1', '--out', demo]);
  const cases: Case[] = [
    {
      title: 'built-in world, 145 k parameters, β 0.1',
      args: [
        '--model',
        join(ROOT, 'assets', 'lab', 'base-m'),
        '--data',
        join(demo, 'pilot', 'pairs.jsonl'),
        '--beta',
        '0.1',
      ],
      learningRates: ['2e-3', '1e-4'],
    },
  ];
  const human = join(shared, 'hh_rlhf_test', 'helpful-base.test.jsonl.gz');
  if (existsSync(human))
    cases.push({
      title: 'helpful-base, stories260K, β 0.01',
      args: ['--model', join(shared, 'stories260K', 'hf'), '--data', human, '--limit', values.limit],
      learningRates: ['1e-3', '5e-5'],
    });
  const rows: string[][] = [];
  for (const { title, args, learningRates } of cases)
    for (const rate of learningRates) {
      const [exact, ...rounded] = ['f32', 'int16', 'int8'].map((precision) => {
        const out = join(scratch, `${rows.length}-${precision}`);
        winnow([
          'score',
          ...args,
          '--method',
          'lora',
          '--learning-rate',
          rate,
          '--seeds',
          '1',
          '--precision',
          precision,
          '--out',
          out,
        ]);
        return difficulties(out);
      }) as [number[], number[], number[]];
      const cells = rounded.flatMap((list) => [
        (spearman(exact, list) as number).toFixed(5),
        `${(100 * sameHalf(exact, list)).toFixed(1)} %`,
      ]);
      rows.push([title, rate, String(exact.length), deviation(exact).toPrecision(2), ...cells]);
      process.stderr.write(`${rows.at(-1)?.join(' | ')}\n`);
    }
  const heading = [
    'Pairs and model',
    'Learning rate',
    'n',
    'σ of difficulty, nats',
    'int16: ρ',
    'same half',
    'int8: ρ',
    'same half',
  ];
  const text = table(heading, rows);
  replacePart(join(ROOT, 'docs', 'benchmarks.md'), 'ranks', text);
  console.log(text);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
