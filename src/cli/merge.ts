import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { mergeAdapter, mergeDtype, mergedText } from '../model/merge.ts';
import { withTalkFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { createProgress } from './progress.ts';
import { hubTalk } from './way.ts';

interface MergeFlags {
  readonly model?: string;
  readonly adapter: string;
  readonly out: string;
  readonly dtype?: string;
  readonly revision?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `winnow merge`: a model with its adapter merged in. */
export function addMerge(program: Command, outside: Outside): void {
  const command = program
    .command('merge')
    .description('write a whole model with an adapter merged in, as transformers and vLLM load it')
    .requiredOption('--adapter <dir>', 'folder of the adapter, such as arms/selected of a run')
    .requiredOption('--out <dir>', 'folder to make')
    .option('--model <dir>', 'folder or hub id of the model (default: the one that the adapter names)')
    .option('--revision <name>', 'branch, tag or commit of a model on the hub (default: main)')
    .option('--dtype <name>', 'f32, bf16 or f16 (default: as the model has it)');
  withTalkFlags(command).action(async (flags: MergeFlags) => {
    const progress = createProgress({ quiet: flags.quiet === true });
    const bar = progress.stage('Merging', { what: 'tensors' });
    const merged = await mergeAdapter({
      adapter: flags.adapter,
      out: flags.out,
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(flags.dtype === undefined ? {} : { dtype: mergeDtype(flags.dtype) }),
      threads: availableParallelism(),
      hub: {
        ...hubTalk(progress),
        signal: outside.signal,
        ...(flags.revision === undefined ? {} : { revision: flags.revision }),
      },
      onProgress: (done, total) => bar.update('tensors', done, total),
    });
    bar.end();
    progress.close();
    outside.print(flags.json === true ? `${JSON.stringify(merged, null, 2)}\n` : `${mergedText(merged)}\n`);
  });
}
