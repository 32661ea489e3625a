import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasSlurm, startCluster } from './slurm/cluster.ts';
import { argumentsOf, tinyWorld, winnowOk } from './tiny-world.ts';

const world = tinyWorld('slurm-run');
const ARMS = ['selected', 'full'];
const SLURM = ['executor.pollSeconds=0.5', 'executor.settleSeconds=2', 'executor.cpus=1'];

function argumentsTo(out: string, more: readonly string[] = []): string[] {
  return argumentsOf('train', world, { out, seeds: 1, arms: ARMS.join(), more: ['--epochs', '2', ...more] });
}

/** What a run comes to, byte by byte. */
function resultOf(out: string): Record<string, string> {
  const arms = ARMS.flatMap((arm) =>
    ['adapter_model.safetensors', 'order.jsonl'].map((file) => `arms/${arm}/${file}`),
  );
  const files = ['scores.jsonl', 'difficulty.jsonl', 'selection/ledger.jsonl', ...arms];
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(out, file), 'latin1')]));
}

describe.skipIf(!hasSlurm())('winnow train --executor slurm', () => {
  it('on a real SLURM comes to what it comes to on this machine', async () => {
    const cluster = await startCluster();
    try {
      const [local, queued] = [join(world.dir, 'local'), join(world.dir, 'queued')];
      await winnowOk(argumentsTo(local));
      const keys = SLURM.flatMap((key) => ['--set', key]);
      await winnowOk(argumentsTo(queued, ['--executor', 'slurm', ...keys]), {
        env: { SLURM_CONF: cluster.env.SLURM_CONF },
      });
      expect(resultOf(queued)).toEqual(resultOf(local));
      const { stdout } = await cluster.run('squeue', '-h', '-a', '-t', 'all', '-r', '-o', '%j %T');
      // The reference pass, two scoring runs, two arms: each a task of SLURM's.
      expect(stdout.trim().split('\n')).toHaveLength(5);
      // A worker's last moments come after its DONE.json, and SLURM hears of its end later still.
      expect(stdout).toMatch(/^(winnow-[0-9a-f]{12} (COMPLETED|COMPLETING|RUNNING)\s+)+$/);
    } finally {
      await cluster.stop();
    }
  });
});
