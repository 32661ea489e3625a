/**
 * Whether a plan comes true: runs the demo and a small run on human preferences, and prints for every stage what was
 * expected and what it took. `npm run build && npm run bench -- plan [--only demo,stories] [--limit 100]`
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/places.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'demo,stories' },
    limit: { type: 'string', default: '100' },
    cli: { type: 'string', default: join(ROOT, 'dist', 'cli.mjs') },
  },
});

interface Recorded {
  readonly between: readonly [number, number];
  readonly memory: { readonly need: number; readonly measured: number };
  readonly outcome: {
    readonly stages: readonly { stage: string; expectedSeconds: number; tookSeconds: number }[];
    readonly expectedSeconds: number;
    readonly tookSeconds: number;
  };
}

const shared = join(ROOT, '..', 'shared', 'data');
const RUNS: Readonly<Record<string, { readonly needs: string | null; readonly args: readonly string[] }>> = {
  demo: { needs: null, args: ['demo', '--training-seeds', '1'] },
  stories: {
    needs: join(shared, 'hh_rlhf_test'),
    args: [
      'run',
      '--model',
      join(shared, 'stories260K', 'hf'),
      '--data',
      join(shared, 'hh_rlhf_test', 'helpful-base.test.jsonl.gz'),
      '--limit',
      values.limit,
      '--seeds',
      '2',
    ],
  },
};

console.log(`load of the machine before: ${loadavg()[0]?.toFixed(1)}`);
console.log('| run | stage | expected, s | took, s | expected / took |\n|---|---|---|---|---|');
for (const name of values.only.split(',')) {
  const run = RUNS[name];
  if (run === undefined) throw new Error(`no run is called ${name}`);
  if (run.needs !== null && !existsSync(run.needs)) {
    console.log(`| ${name} | needs ../shared/data | | | |`);
    continue;
  }
  const out = mkdtempSync(join(tmpdir(), 'winnow-bench-plan-'));
  const { status } = spawnSync(process.execPath, [values.cli, ...run.args, '--out', out, '--json'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`${name} ended with code ${status}`);
  const plan = JSON.parse(readFileSync(join(out, 'plan.json'), 'utf8')) as Recorded;
  rmSync(out, { recursive: true });
  const line = (stage: string, expected: number, took: number) =>
    console.log(
      `| ${name} | ${stage} | ${expected.toFixed(1)} | ${took.toFixed(1)} | ${(expected / took).toFixed(2)} |`,
    );
  for (const { stage, expectedSeconds, tookSeconds } of plan.outcome.stages)
    line(stage, expectedSeconds, tookSeconds);
  line('all', plan.outcome.expectedSeconds, plan.outcome.tookSeconds);
  const [low, high] = plan.between.map((seconds) => seconds.toFixed(0));
  console.log(
    `| ${name} | between ${low} and ${high} s; memory ${(plan.memory.need / 1e6).toFixed(0)} MB, the probe had ${(plan.memory.measured / 1e6).toFixed(0)} | | | |`,
  );
}
