import type { Config } from '../config.ts';
import type { Executor } from '../executor.ts';
import { createCommand } from './command.ts';
import { createRay } from './ray.ts';
import { createSlurm } from './slurm.ts';

/**
 * The queue that the configuration names; null: workers are processes of this machine.
 * @throws inputError where its keys do not fit.
 */
export function openExecutor({ kind, command, ray, slurm }: Config['executor']): Executor | null {
  switch (kind) {
    case 'local':
      return null;
    case 'command':
      return createCommand(command);
    case 'slurm':
      return createSlurm(slurm);
    case 'ray':
      return createRay(ray);
  }
}
