/**
 * How large the passes of scoring should be: tokens a second over budgets of tokens and of attention scores a pass,
 * for pairs as long as hh-rlhf's. Rounds take turns through all budgets;
 * medians of processor time, which others on the machine disturb less.
 * `npm run bench -- batches [--shapes tiny,small,half] [--pairs 96] [--threads 1] [--rounds 5]`
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { computeEnvironment, keepsMemory } from '../src/base/malloc.ts';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { completionLogProbs } from '../src/policy/log-probs.ts';
import { packPass } from '../src/policy/pack.ts';
import { openPolicy } from '../src/policy/policy.ts';
import { lengthBatches } from '../src/text/batches.ts';
import { rowLength } from '../src/text/rows.ts';
import { memory } from './lib/machine.ts';
import { drawLengths, randomPairs } from './lib/pairs.ts';
import { SHAPES, type ShapeName, shapeFolder, writeShape } from './lib/shapes.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'tiny,small' },
    pairs: { type: 'string', default: '96' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    within: { type: 'boolean', default: false },
  },
});

const TOKENS = [512, 2048, 8192];
const SCORES = [0.4e6, 1.5e6, 6e6, Number.POSITIVE_INFINITY];

// A worker's memory settings are read when a process starts.
if (!keepsMemory() && !values.within) {
  const { status } = spawnSync(process.execPath, [...process.argv.slice(1), '--within'], {
    stdio: 'inherit',
    env: { ...process.env, ...computeEnvironment },
  });
  process.exit(status ?? 1);
}

const seconds = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1e6;
console.log(
  '| shape | tokens a pass | scores a pass | passes | tokens a processor second | peak MB |\n|---|---|---|---|---|---|',
);
for (const name of values.shapes.split(',') as ShapeName[]) {
  writeShape(name);
  const checkpoint = openCheckpoint(shapeFolder(name));
  const { config } = checkpoint;
  const policy = openPolicy(checkpoint, { trained: { method: 'none' }, threads: Number(values.threads) });
  const rows = randomPairs(drawLengths('hh', Number(values.pairs)), config.vocabSize).map((pair) => ({
    prompt: pair.prompt,
    completions: [pair.chosen, pair.rejected],
  }));
  const lengths = rows.map(rowLength);
  const tokens = lengths.reduce((sum, n) => sum + n, 0);
  const budgets = TOKENS.flatMap((tokenBudget) => SCORES.map((scores) => ({ tokenBudget, scores })));
  const passesOf = ({ tokenBudget, scores }: (typeof budgets)[number]) =>
    lengthBatches(lengths, { tokenBudget, maxRows: 256 }).flatMap((batch) => {
      const longest = Math.max(...batch.map((i) => lengths[i] as number));
      const fit = Math.max(1, Math.floor(Math.min(batch.length, scores / (config.heads * longest ** 2))));
      return Array.from({ length: Math.ceil(batch.length / fit) }, (_, k) =>
        batch.slice(k * fit, (k + 1) * fit),
      );
    });
  const times = budgets.map((): number[] => []);
  const peaks = budgets.map(() => 0);
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const [b, budget] of budgets.entries()) {
      const begun = process.cpuUsage();
      for (const pass of passesOf(budget))
        await completionLogProbs(
          policy,
          packPass(
            policy,
            pass.map((i) => rows[i] as (typeof rows)[number]),
          ),
        );
      // The first round warms up; its order, from small to large, tells memory.
      if (round > 0) times[b]?.push(seconds(process.cpuUsage(begun)));
      else peaks[b] = memory().peakBytes;
    }
  for (const [b, budget] of budgets.entries()) {
    const sorted = (times[b] as number[]).sort((x, y) => x - y);
    const median = sorted[sorted.length >> 1] as number;
    console.log(
      `| ${SHAPES[name].title} | ${budget.tokenBudget} | ${budget.scores === Number.POSITIVE_INFINITY ? 'any' : budget.scores} | ${passesOf(budget).length} | ${(tokens / median).toFixed(0)} | ${((peaks[b] as number) / 1e6).toFixed(0)} |`,
    );
  }
  await policy.dispose();
}
