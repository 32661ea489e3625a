import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { type Exported, exportRun, TRAINER_NAMES, type TrainerName } from '../pipeline/export/export.ts';
import { withTalkFlags } from './options.ts';
import type { Outside } from './outside.ts';

interface ExportFlags {
  readonly to: string;
  readonly as?: string;
  readonly for?: string;
  readonly arm?: string;
  readonly json?: boolean;
}

/** `winnow export`: the selection as a dataset folder, with files for other trainers. */
export function addExport(program: Command, outside: Outside): void {
  const command = program
    .command('export')
    .description(
      'write the selected pairs in training order, as a dataset folder with files for other trainers',
    )
    .argument('[run]', 'run folder', 'winnow-run')
    .requiredOption('--to <dir>', 'folder to make; an earlier export there is replaced')
    .option('--as <kind>', 'jsonl (default) or parquet')
    .option('--for <names>', `trainers: ${TRAINER_NAMES.join(', ')}; or none (default: all)`)
    .option('--arm <name>', 'another arm that was trained, such as random (default: selected)')
    .addHelpText('after', HELP);
  withTalkFlags(command).action(async (run: string, flags: ExportFlags) => {
    const exported = await exportRun({
      run,
      to: flags.to,
      ...(flags.as === undefined ? {} : { as: kindOf(flags.as) }),
      ...(flags.for === undefined ? {} : { trainers: trainersOf(flags.for) }),
      ...(flags.arm === undefined ? {} : { arm: flags.arm }),
    });
    outside.print(
      flags.json === true ? `${JSON.stringify(exported, null, 2)}\n` : `${exportedText(exported)}\n`,
    );
  });
}

const HELP = `
The folder is loaded by Hugging Face datasets (load_dataset("FOLDER")), and holds receipt.json and in train/ a
configuration with the run's hyper-parameters for each trainer. For example:

  winnow export winnow-run --to selected --as parquet --for trl
  cd selected && trl dpo --config train/trl.yaml

docs/data-formats.md has more.`;

function kindOf(text: string): 'jsonl' | 'parquet' {
  if (text === 'jsonl' || text === 'parquet') return text;
  throw inputError('bad-as', '--as names no kind of file that is written', {
    got: text,
    need: 'jsonl or parquet',
  });
}

function trainersOf(text: string): TrainerName[] {
  if (text === 'none') return [];
  return text.split(',').map((part) => {
    const name = part.trim() as TrainerName;
    if (TRAINER_NAMES.includes(name)) return name;
    throw inputError('bad-trainer', '--for names no trainer that is known', {
      got: part,
      need: [...TRAINER_NAMES, 'none'],
    });
  });
}

function exportedText({ folder, arm, pairs, files, commands, notes }: Exported): string {
  return [
    `${folder}: ${pairs} pairs (${arm}), ${files.length} files`,
    ...Object.entries(commands).map(([name, command]) => `  ${name}: ${command}`),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');
}
