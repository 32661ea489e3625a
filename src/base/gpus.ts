import { spawnSync } from 'node:child_process';

const ANSWER_MS = 20_000;

/**
 * The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them: those that it names already, else all that
 * nvidia-smi finds, by their UUIDs, as their numbers need not be CUDA's. None where there is no nvidia-smi.
 */
export function visibleGpus(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const named = env.CUDA_VISIBLE_DEVICES;
  const { stdout } =
    named === undefined
      ? spawnSync('nvidia-smi', ['--query-gpu=uuid', '--format=csv,noheader'], {
          encoding: 'utf8',
          timeout: ANSWER_MS,
          env,
        })
      : { stdout: named };
  return (stdout ?? '')
    .split(/[\n,]/)
    .map((word) => word.trim())
    .filter((word) => word !== '' && word !== '-1');
}
