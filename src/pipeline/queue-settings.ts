import type { Config } from '../run/config.ts';
import type { DispatchOptions } from '../run/dispatch.ts';
import type { Executor } from '../run/executor.ts';
import type { Needs } from './resources.ts';

const CORES = 4;

/** What a worker elsewhere asks for and is told; nothing of it is part of a result. */
export function queueSettings(
  config: Pick<Config, 'engine' | 'executor' | 'device' | 'threads'> & { readonly needs: Needs },
  executor: Executor,
): Omit<DispatchOptions, 'command'> {
  const { gpus: asked, cpus: cores, memoryGB, minutes, atOnce, setup, retries } = config.executor;
  const gpus = asked === 'auto' ? (config.engine === 'embedded' ? 0 : 1) : asked;
  const cpus = cores === 'auto' ? CORES * Math.max(1, gpus) : cores;
  const threads = config.threads === 'auto' ? cpus : config.threads;
  const { mapped, again } = config.needs;
  const env = {
    WINNOW_THREADS: String(threads),
    WINNOW_DEVICE: config.device,
    WINNOW_SETTLE_SECONDS: String(config.executor.settleSeconds),
    ...passedOn(),
    // Without a limit the worker keeps what it likes, as on a machine of its own.
    ...(memoryGB === null
      ? {}
      : { WINNOW_WORK_BYTES: String(Math.max(0, Math.floor(1e9 * memoryGB - mapped - again))) }),
  };
  return {
    executor,
    asks: { cpus, gpus, memoryGB, minutes, atOnce },
    env,
    setup,
    retries,
    pollMs: 1000 * config.executor.pollSeconds,
    settleMs: 1000 * config.executor.settleSeconds,
  };
}

/** Settings of this shell that workers elsewhere should have too; secrets are left to the nodes' own environment. */
function passedOn(): Record<string, string> {
  const names = ['WINNOW_CHECKPOINT_SECONDS', 'WINNOW_PYTHON', 'HF_HOME', 'HF_HUB_CACHE'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
