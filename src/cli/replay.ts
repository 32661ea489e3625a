import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../base/errors.ts';
import type { Replay } from '../pipeline/replay.ts';
import { loadConfig } from '../run/config.ts';
import type { Outside } from './outside.ts';

interface ReplayFlags {
  readonly out?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** `winnow replay`: the selection of a receipt computed anew, held against it. */
export function addReplay(program: Command, outside: Outside): void {
  program
    .command('replay')
    .description('compute the selection of a receipt anew; exit code 3 where anything is not as it was')
    .argument('<receipt>', 'selection/receipt.json of a run, or a copy of it')
    .option('--out <run>', 'the run folder (default: the one that the receipt lies in)')
    .option('--to <dir>', 'write selected.jsonl and ledger.jsonl, computed anew, to this folder')
    .option('--json', 'data as JSON on stdout')
    .action(async (receipt: string, flags: ReplayFlags) => {
      const { replay } = await import('../pipeline/replay.ts');
      const saved = (dir: string) => {
        const file = join(dir, 'winnow.yaml');
        return loadConfig(existsSync(file) ? file : null, { out: dir });
      };
      const to = flags.to === undefined ? null : resolve(flags.to);
      const found = await replay(receipt, flags.out ?? null, saved, to);
      outside.print(flags.json === true ? `${JSON.stringify(found, null, 2)}\n` : `${replayText(found)}\n`);
      if (!found.same)
        throw new WinnowError('gate', 'replay-differs', 'the selection is not what the receipt says', {
          file: found.receipt,
          changed: found.changed,
        });
    });
}

function replayText({ receipt, changed, outputs, notes, same }: Replay): string {
  const short = (hash: string) => (/^[0-9a-f]{64}$/.test(hash) ? `${hash.slice(0, 16)}…` : hash);
  return [
    same ? `${receipt}: the same, byte for byte` : `${receipt}: not the same`,
    ...changed.map(({ what, was, is }) => `  changed: ${what}: was ${short(was)}, is ${short(is)}`),
    ...outputs.map(
      ({ what, was, is, same: equal }) =>
        `  ${what}, computed anew: ${equal ? `the same (${short(was)})` : `was ${short(was)}, is ${short(is)}`}`,
    ),
    ...notes.map((note) => `  note: ${note}`),
  ].join('\n');
}
