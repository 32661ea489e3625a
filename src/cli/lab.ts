import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { BASE_SIZES, type BaseSize, baseRecipe, baseUnit } from '../lab/base.ts';
import { VERSION } from '../pipeline/version.ts';
import { openRun } from '../run/folder.ts';
import { runUnits } from '../run/pool.ts';
import { withTalkFlags } from './options.ts';
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

/** `winnow lab …`: the built-in world. */
export function addLab(program: Command, outside: Outside): void {
  const base = new Command('base')
    .description('train a base model of the built-in world from scratch (the demo ships one of size m)')
    .option('--size <name>', `one of ${Object.keys(BASE_SIZES).join(', ')}`, 'm')
    .option('--seed <n>', 'seed of texts, start and order', '1')
    .option('--epochs <n>', 'passes over the texts (default: by size, 3 to 6)')
    .option('--out <dir>', 'run folder; the model comes to lie in its folder model/', 'winnow-lab-base');
  withTalkFlags(base).action(async (flags: BaseFlags) => trainBaseModel(flags, outside));
  program.command('lab').description('the built-in world: base models').addCommand(base);
}

async function trainBaseModel(flags: BaseFlags, outside: Outside): Promise<void> {
  if (!(flags.size in BASE_SIZES))
    throw inputError('bad-size', '--size names no base model', {
      got: flags.size,
      need: Object.keys(BASE_SIZES),
    });
  const number = (name: 'seed' | 'epochs', least: number) => {
    const value = Number(flags[name]);
    if (Number.isInteger(value) && value >= least) return value;
    throw inputError('bad-number', `--${name} must be a whole number of at least ${least}`, {
      got: flags[name],
    });
  };
  const out = resolve(flags.out);
  const usual = baseRecipe(flags.size as BaseSize, number('seed', 0));
  const recipe = flags.epochs === undefined ? usual : { ...usual, epochs: number('epochs', 1) };
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
