import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { PACKAGE_DIR } from '../base/package-dir.ts';
import type { Outlook } from '../difficulty/outlook.ts';
import type { NamedWorld } from '../lab/study/replicate.ts';
import { CONFLICT_HARD, NEUTRAL } from '../lab/study/worlds.ts';
import { ANSWER_TOKENS, makeWorldFiles, type WorldFiles } from '../lab/world-files.ts';
import { VERSION } from '../pipeline/version.ts';
import type { Comparison, ReportData } from '../report/data.ts';
import { keepPercent, percent, points } from '../report/numbers.ts';
import { outlookSentence } from '../report/outlook.ts';
import { findingOf } from '../report/sentences.ts';
import { padEnd, wrap } from '../report/width.ts';
import { type Config, loadConfig } from '../run/config.ts';
import { openRun } from '../run/folder.ts';
import { withTalkFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { createProgress } from './progress.ts';
import { setOut, stageContext, type Way } from './way.ts';

interface DemoFlags {
  readonly out: string;
  readonly seed: string;
  readonly keep: string;
  readonly trainingSeeds: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface DataSet {
  /** Its run folder. */
  readonly name: string;
  readonly like: string;
  readonly world: NamedWorld;
}

/** Two worlds of the lab, for what the full study found of them: docs/lab.md. */
const DATA_SETS: readonly DataSet[] = [
  {
    name: 'conflict',
    like: 'weak answers are the adorned ones, and most tasks are beyond this model',
    world: CONFLICT_HARD,
  },
  {
    name: 'neutral',
    like: 'adornment says nothing of quality, and the tasks are of all kinds',
    world: NEUTRAL,
  },
];

/** Enough for a difference of a few points to show, few enough for minutes. */
const SCALE = { pairs: 4000, evaluationPrompts: 1200, tuningPrompts: 400 };

/**
 * As in the lab: β and full-parameter training of the first study; the learning rate is the one at which the arm of all
 * pairs wins most on prompts of its own, the same for all arms (a badly tuned baseline would flatter the selection);
 * answers are sampled (a greedy one shows any leaning towards adornment as all of it).
 */
const SETTINGS = {
  'training.method': 'full',
  'training.beta': 0.1,
  'training.batchSize': 32,
  'difficulty.seeds': 2,
  'evaluation.heldOut': 0.1,
  'evaluation.maxPrompts': SCALE.evaluationPrompts,
  'evaluation.maxNewTokens': ANSWER_TOKENS,
  'evaluation.temperature': 1,
  'evaluation.judge': 'lab',
};

/** `winnow demo`: the lab's smallest honest study, offline. */
export function addDemo(program: Command, outside: Outside): void {
  const demo = program
    .command('demo')
    .description(
      'two small built-in data sets with a gold judge: what Winnow expects of dropping hard pairs, and what came of it; offline, in minutes',
    )
    .option('--out <dir>', 'folder of the two run folders', 'winnow-demo')
    .option('--seed <n>', 'seed of the worlds and of all training', '42')
    .option('--keep <fraction>', 'share of the pairs to keep', '0.8')
    .option('--training-seeds <n>', 'trainings of each arm', '3');
  withTalkFlags(demo).action((flags: DemoFlags) => run(flags, outside));
}

/** A data set on its way: what was expected stands before its arms are trained. */
interface Travelled {
  readonly set: DataSet;
  readonly files: WorldFiles;
  readonly way: Way;
  readonly outlook: Outlook;
}

async function run(flags: DemoFlags, outside: Outside): Promise<void> {
  const begun = performance.now();
  const travelled: Travelled[] = [];
  const say = (lines: readonly string[]) => {
    if (flags.json !== true) outside.print(`${lines.join('\n')}\n`);
  };
  say([
    `Two data sets, ${SCALE.pairs} pairs of small tasks each (sorting, counting, arithmetic …). A program is the judge:`,
    'it wants right answers, and likes adornment (>…!) a little. First, how difficult is each pair for this model?',
    '',
  ]);
  for (const set of DATA_SETS) {
    const scored = await expect(set, flags, outside);
    say([...saidBefore(scored), '']);
    travelled.push(scored);
  }
  say([
    'Now the arms: the easiest pairs from easy to hard, all pairs, as many random ones, the hardest …',
    '',
  ]);
  const results: { set: DataSet; outlook: Outlook; data: ReportData }[] = [];
  for (const { set, way, outlook } of travelled) {
    const data = await finish(way);
    results.push({ set, outlook, data });
    say([...cameOut(set, outlook, data), '']);
  }
  const seconds = (performance.now() - begun) / 1000;
  if (flags.json === true) {
    const dataSets = results.map(({ set, outlook, data }) => ({
      name: set.name,
      world: set.world,
      outlook,
      report: data,
    }));
    outside.print(`${JSON.stringify({ dataSets, seconds }, null, 2)}\n`);
    return;
  }
  const out = resolve(flags.out);
  say([
    'So whether hard pairs hurt is a property of the data and the model: Winnow is the experiment that finds out.',
    '',
    `Look next: ${DATA_SETS.map(({ name }) => join(out, name, 'report.html')).join('\n           ')}`,
    '           (pictures, English and Japanese); beside them pilot/pairs.jsonl (the pairs) and',
    '           selection/ledger.jsonl (why each pair was kept or dropped).',
    'Then your own pairs: winnow run --model DIR --data FILE --limit 400 --out DIR',
  ]);
}

/** Makes a data set, scores it, and says what is likely. */
async function expect(set: DataSet, flags: DemoFlags, outside: Outside): Promise<Travelled> {
  const out = join(resolve(flags.out), set.name);
  const modelDir = baseOf('s');
  const { seed, trainingSeeds, keep } = flags;
  const given = { seed, trainingSeeds, 'selection.keepFraction': keep, out, model: modelDir, ...SETTINGS };
  // Before anything is made: a wrong flag must not leave a folder behind.
  const checked: Config = loadConfig(null, given);
  openRun(out, { create: true, version: VERSION, command: outside.commandLine });
  const progress = createProgress({ quiet: flags.quiet === true });
  const context = stageContext(out, progress, outside.signal);
  const { name: _, ...settings } = set.world;
  const world = { ...settings, seed: checked.seed };
  // As in the lab: the pairs are the same whatever model is trained on them.
  const files = await makeWorldFiles(context, { modelDir: baseOf('m'), world, ...SCALE });
  progress.close();
  const config = loadConfig(null, {
    ...given,
    data: files.pairsFile,
    'evaluation.prompts': files.promptsFile,
    'evaluation.tuningPrompts': files.tuningFile,
  });
  const way = setOut(config, {
    quiet: flags.quiet === true,
    command: outside.commandLine,
    signal: outside.signal,
  });
  try {
    // The demo's difficulty is the held-out loss, of which there is an outlook.
    return { set, files, way, outlook: (await way.outlook()) as Outlook };
  } finally {
    way.progress.close();
  }
}

/** A base model that comes with the package. */
function baseOf(size: 's' | 'm'): string {
  return join(PACKAGE_DIR, 'assets', 'lab', `base-${size}`);
}

async function finish(way: Way): Promise<ReportData> {
  try {
    return await way.reported();
  } finally {
    way.progress.close();
  }
}

const INDENT = 2;
const WIDTH = 100;

function indented(text: string): string[] {
  return wrap(text, WIDTH - INDENT).map((line) => ' '.repeat(INDENT) + line);
}

function saidBefore({ set, files, outlook }: Travelled): string[] {
  const { conflict, chosenCorrect, rejectedCorrect } = files.description;
  return [
    `${set.name}: ${set.like}`,
    ...indented(
      `Chosen answers are right in ${percent(chosenCorrect)}, rejected ones in ${percent(rejectedCorrect)}; in ${percent(conflict)} of the pairs the right answer is the plainer one.`,
    ),
    ...indented(outlookSentence(outlook).en),
  ].map(plain);
}

/** What was expected beside what was measured, in a line or two. */
function cameOut(set: DataSet, { says }: Outlook, data: ReportData): string[] {
  const compared = (b: string, metric: Comparison['metric']) =>
    data.comparisons.find((one) => one.a === 'selected' && one.b === b && one.metric === metric);
  const line = (name: string, comparison: Comparison | undefined) =>
    comparison === undefined
      ? []
      : [
          `  ${padEnd(name, 44)} ${points(comparison.difference.value)} points (95% interval ${points(comparison.difference.low)} to ${points(comparison.difference.high)})`,
        ];
  const kept = `easiest ${keepPercent(data.selection.keepFraction)}`;
  const said = { help: 'likely to help', hurt: 'likely to hurt', unknown: 'cannot tell' }[says];
  const came = {
    better: 'it helped',
    worse: 'it hurt',
    none: 'no difference was seen',
    unknown: 'it was not measured',
  }[findingOf(compared('full', 'winRate'))];
  return [
    `${set.name}: said before “${said}”; ${came}.`,
    ...line(`win rate, ${kept} − all pairs`, compared('full', 'winRate')),
    ...line(`win rate, ${kept} − as many at random`, compared('random', 'winRate')),
    ...line(`right answers, ${kept} − all pairs`, compared('full', 'correctness')),
  ].map(plain);
}

/** A terminal's fonts and widths are surer of the hyphen than of the minus sign. */
function plain(line: string): string {
  return line.replaceAll('−', '-');
}
