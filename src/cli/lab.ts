import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { BASE_SIZES, type BaseSize, baseRecipe, baseUnit } from '../lab/base.ts';
import { labJudge } from '../lab/gold.ts';
import { runLab, STUDIES } from '../lab/study/lab.ts';
import { VERSION } from '../pipeline/version.ts';
import { openRun } from '../run/folder.ts';
import { runUnits } from '../run/pool.ts';
import { wholeNumber, withTalkFlags } from './options.ts';
import { createProgress } from './progress.ts';
import type { Outside } from './verbs.ts';
import { stageContext } from './way.ts';

interface BaseFlags {
  readonly size: string;
  readonly seed: string;
  readonly epochs?: string;
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface LabFlags {
  readonly quick?: boolean;
  readonly full?: boolean;
  readonly study?: readonly string[];
  readonly seeds?: string;
  readonly seed: string;
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `winnow lab …`: the built-in world. */
export function addLab(program: Command, outside: Outside): void {
  const base = new Command('base')
    .description(
      'train a base model of the built-in world from scratch (sizes s and m, seed 1, come with winnow)',
    )
    .option('--size <name>', `one of ${Object.keys(BASE_SIZES).join(', ')}`, 'm')
    .option('--seed <n>', 'seed of texts, start and order', '1')
    .option('--epochs <n>', 'passes over the texts (default: by size, 3 to 6)')
    .option('--out <dir>', 'run folder; the model comes to lie in its folder model/', 'winnow-lab-base');
  withTalkFlags(base).action(async (flags: BaseFlags) => trainBaseModel(flags, outside));
  const lab = program
    .command('lab')
    .description('does selection by difficulty help, when, and at what price? Measured in the built-in world')
    .option('--quick', 'minutes, on the base models that come with winnow (default)')
    .option('--full', 'hours, base models of four sizes')
    .option('--study <names...>', `some of ${STUDIES.map(({ name }) => name).join(', ')} (default: all)`)
    .option('--seeds <n>', 'replicates of each cell (default: by study)')
    .option('--seed <n>', 'seed of all randomness', '42')
    .option('--out <dir>', 'folder of worlds, cells and results; the same command continues', 'winnow-lab');
  // Flags behind `base` are its own, though the lab has some of the same names.
  withTalkFlags(lab.enablePositionalOptions()).action(async (flags: LabFlags) => runStudies(flags, outside));
  lab.addCommand(base);
}

async function runStudies(flags: LabFlags, outside: Outside): Promise<void> {
  if (flags.quick === true && flags.full === true)
    throw inputError('bad-extent', 'the lab is either --quick or --full');
  const named = flags.study?.flatMap((names) => names.split(','));
  const studies = STUDIES.filter(({ name }) => named === undefined || named.includes(name));
  const unknown = named?.find((name) => STUDIES.every((study) => study.name !== name));
  if (unknown !== undefined)
    throw inputError('bad-study', '--study names no study', {
      got: unknown,
      need: STUDIES.map(({ name }) => name),
    });
  const out = resolve(flags.out);
  openRun(out, { create: true, version: VERSION, command: outside.commandLine });
  const progress = createProgress({ quiet: flags.quiet === true });
  const context = stageContext(out, progress, outside.signal);
  try {
    const result = await runLab({
      dir: out,
      extent: flags.full === true ? 'full' : 'quick',
      seed: wholeNumber('seed', flags.seed, 0),
      seeds: flags.seeds === undefined ? null : wholeNumber('seeds', flags.seeds, 1),
      studies,
      context: { ...context, judge: labJudge },
      onStudy({ title }) {
        const stage = progress.stage(title, { what: 'cells' });
        return {
          cell: (done, total, { world, size }) =>
            stage.update('cells', done, total, `${world.name}, ${size}`),
          end: () => stage.end(),
        };
      },
    });
    // Charts take long to load: only now.
    const { renderLab } = await import('../report/lab-page.ts');
    const { labMarkdown, labText } = await import('../report/lab-text.ts');
    writeFileAtomic(join(out, 'lab.html'), renderLab(result, outside.commandLine));
    writeFileAtomic(join(out, 'lab.md'), labMarkdown(result));
    progress.close();
    outside.print(
      flags.json === true
        ? `${JSON.stringify(result, null, 2)}\n`
        : `${labText(result)}\n\nThe page, with the pictures: ${join(out, 'lab.html')}\n`,
    );
  } finally {
    progress.close();
  }
}

async function trainBaseModel(flags: BaseFlags, outside: Outside): Promise<void> {
  if (!(flags.size in BASE_SIZES))
    throw inputError('bad-size', '--size names no base model', {
      got: flags.size,
      need: Object.keys(BASE_SIZES),
    });
  const out = resolve(flags.out);
  const usual = baseRecipe(flags.size as BaseSize, wholeNumber('seed', flags.seed, 0));
  const recipe =
    flags.epochs === undefined ? usual : { ...usual, epochs: wholeNumber('epochs', flags.epochs, 1) };
  openRun(out, { create: true, version: VERSION, command: outside.commandLine });
  const progress = createProgress({ quiet: flags.quiet === true });
  const context = stageContext(out, progress, outside.signal);
  const talk = context.onStage('Training the base model', 1);
  const [result] = await runUnits(out, [baseUnit(recipe)], {
    workers: 1,
    threadsPerWorker: 1,
    command: context.command,
    signal: outside.signal,
    onEvent: (event) => talk.event(event),
  });
  talk.end();
  if (result === undefined) throw new Error('no result');
  mkdirSync(join(out, 'model'), { recursive: true });
  for (const { path } of result.files)
    if (path.startsWith('model/')) copyFileSync(join(result.dir, path), join(out, path));
  const data = { model: join(out, 'model'), ...recipe, seconds: result.durationMs / 1000 };
  outside.print(
    flags.json === true
      ? `${JSON.stringify(data, null, 2)}\n`
      : `base model: ${data.model} (${data.seconds.toFixed(0)} s)\n`,
  );
}
