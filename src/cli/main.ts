#!/usr/bin/env node
import { Command } from 'commander';
import { keepHeapSmall } from '../base/heap.ts';
import { trainBase } from '../lab/base.ts';
import { ALL_RUNNERS } from '../pipeline/all-runners.ts';
import { VERSION } from '../pipeline/version.ts';
import { explainConfig } from '../run/config.ts';
import { runUnit } from '../run/worker.ts';
import { addAlpacaEval } from './alpaca-eval.ts';
import { addArenaHard } from './arena-hard.ts';
import { addCheck } from './check.ts';
import { addCost } from './cost.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { EXIT, reportError } from './exit.ts';
import { addExport } from './export.ts';
import { addJudgeCheck } from './judge-check.ts';
import { addLab } from './lab.ts';
import { addMerge } from './merge.ts';
import { addMtBench } from './mt-bench.ts';
import type { Outside } from './outside.ts';
import { addPlan } from './plan-verb.ts';
import { addReplay } from './replay.ts';
import { addReview } from './review.ts';
import { addScores } from './scores.ts';
import { addSetup } from './setup.ts';
import { addUnits } from './units.ts';
import { addVerbs } from './verbs.ts';
import { addWhy } from './why.ts';

const program = new Command('winnow')
  .description(
    'Find out which preference pairs a language model can learn from, train on those, and see what that gained, cost and broke.',
  )
  .version(VERSION)
  // A flag belongs to the command that it stands behind.
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError('(winnow help VERB shows what a verb takes)');

const interruption = new AbortController();
const outside: Outside = {
  print: (text) => process.stdout.write(text),
  commandLine: ['winnow', ...process.argv.slice(2)].map(quoted).join(' '),
  signal: interruption.signal,
};

addCheck(program, outside);
addVerbs(program, outside);
addPlan(program, outside);
addCost(program, outside);
addDemo(program, outside);
addLab(program, outside);
addMerge(program, outside);
addExport(program, outside);
addJudgeCheck(program, outside);
addArenaHard(program, outside);
addMtBench(program, outside);
addAlpacaEval(program, outside);
addScores(program, outside);
addReplay(program, outside);
addUnits(program, outside);
addWhy(program, outside);
addReview(program, outside);
addDoctor(program, outside);
addSetup(program, outside);
program
  .command('config')
  .description('every key of winnow.yaml with its default and its meaning')
  .action(() => outside.print(`${explainConfig()}\n`));
program
  .command('worker', { hidden: true })
  .argument('<dir>', 'folder of a unit')
  .action(async (dir: string) => {
    process.exit(await runUnit(dir, { ...ALL_RUNNERS, 'lab-base': trainBase }));
  });

if (process.argv[2] !== 'worker') {
  keepHeapSmall();
  // The first Ctrl-C lets the workers save where they are; the second does not wait.
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error, { json: process.argv.includes('--json') });
}

function stop(): void {
  if (interruption.signal.aborted) process.exit(EXIT.interrupted);
  interruption.abort();
  // A step of a large model may take minutes.
  const still = 'Still saving where it is; another Ctrl-C does not wait for that\n';
  setTimeout(() => process.stderr.write(still), 4_000).unref();
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
