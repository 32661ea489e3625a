import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { makeWorldFiles } from '../lab/world-files.ts';
import { PACKAGE_DIR, VERSION } from '../pipeline/version.ts';
import { reportText } from '../report/text.ts';
import { loadConfig } from '../run/config.ts';
import { openRun } from '../run/folder.ts';
import { withTalkFlags } from './options.ts';
import { createProgress } from './progress.ts';
import { type Outside, travel } from './verbs.ts';
import { stageContext } from './way.ts';

interface DemoFlags {
  readonly out: string;
  readonly seed: string;
  readonly keep: string;
  readonly conflict: string;
  readonly trainingSeeds: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Pairs of the pilot: enough for a difference of a few points to show, few enough for minutes. */
const PAIRS = 4000;
const EVALUATION_PROMPTS = 1200;
const TUNING_PROMPTS = 400;

/**
 * What is trained how in the demo. β, batch and full-parameter training are those of the first study of this
 * world; the learning rate is the one at which the arm of all pairs wins most on prompts of its own, and then the
 * same for all arms: a badly tuned baseline would flatter the selection.
 */
const SETTINGS = {
  'training.method': 'full',
  'training.beta': 0.1,
  'training.batchSize': 32,
  'difficulty.seeds': 2,
  'evaluation.heldOut': 0.1,
  'evaluation.maxPrompts': EVALUATION_PROMPTS,
  'evaluation.maxNewTokens': 12,
  'evaluation.judge': 'lab',
};

/** `winnow demo`: the whole way on the built-in world, offline. */
export function addDemo(program: Command, outside: Outside): void {
  const demo = program
    .command('demo')
    .description('the whole way on a small built-in pilot with a gold judge, offline, in minutes')
    .option('--out <dir>', 'run folder', 'winnow-demo')
    .option('--seed <n>', 'seed of the world and of all training', '42')
    .option('--keep <fraction>', 'share of the pairs to keep', '0.5')
    .option('--conflict <share>', 'how often style and correctness disagree in the pairs, 0 to 1', '1')
    .option('--training-seeds <n>', 'trainings of each arm', '3');
  withTalkFlags(demo).action((flags: DemoFlags) => run(flags, outside));
}

async function run(flags: DemoFlags, outside: Outside): Promise<void> {
  const out = resolve(flags.out);
  const modelDir = join(PACKAGE_DIR, 'assets', 'lab', 'base-m');
  const conflict = Number(flags.conflict);
  if (!(conflict >= 0 && conflict <= 1))
    throw inputError('bad-number', '--conflict must be a share', { got: flags.conflict, need: '0 to 1' });
  const { seed, trainingSeeds, keep } = flags;
  const given = { seed, trainingSeeds, 'selection.keepFraction': keep, out, model: modelDir, ...SETTINGS };
  const checked = loadConfig(null, given);
  openRun(out, { create: true, version: VERSION, command: outside.commandLine });
  const progress = createProgress({ quiet: flags.quiet === true });
  const context = stageContext(out, progress, outside.signal);
  const pilot = await makeWorldFiles(context, {
    modelDir,
    world: { seed: checked.seed, conflict },
    pairs: PAIRS,
    evaluationPrompts: EVALUATION_PROMPTS,
    tuningPrompts: TUNING_PROMPTS,
  });
  progress.close();
  const config = loadConfig(null, {
    ...given,
    data: pilot.pairsFile,
    'evaluation.prompts': pilot.promptsFile,
    'evaluation.tuningPrompts': pilot.tuningFile,
  });
  await travel(config, flags, outside, async (way) => {
    const data = await way.reported();
    const { conflict: disagree, chosenCorrect, rejectedCorrect } = pilot.description;
    const share = (value: number) => `${Math.round(100 * value)} %`;
    const text = [
      `The pilot: ${PAIRS} pairs of small tasks (sorting, counting, arithmetic …). The judge wants right answers, and likes style marks (>…!) a little.`,
      `In ${share(disagree)} of the pairs the chosen answer is right but plainer; chosen answers are right in ${share(chosenCorrect)}, rejected ones in ${share(rejectedCorrect)}.`,
      '',
      reportText(data),
      '',
      `Look next: ${out}/report.html (the same with pictures, English and Japanese), ${out}/selection/ledger.jsonl (why each pair was kept or dropped), ${out}/pilot/pairs.jsonl (the pairs).`,
      'Then your own pairs: winnow run --model DIR --data FILE --limit 400 --out DIR',
    ].join('\n');
    return { data, text };
  });
}
