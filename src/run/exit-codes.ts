import type { WorkerErrorEvent } from './events.ts';

/** Exit codes of a worker. Queues treat some of them apart (SLURM's RequeueExit, a podFailurePolicy of Kubernetes). */
export const WORKER_EXIT = {
  done: 0,
  failed: 1,
  /** Stopped from outside with its checkpoint saved: to be started again, at no cost to its tries. */
  stopped: 85,
  /** The input is at fault: no second try can help. */
  input: 86,
  /** To be tried again with half of what it keeps in memory. */
  memory: 87,
  /** NaN or an infinity: no second try can help. */
  notFinite: 88,
} as const;

const OUT_OF_MEMORY = new Set(['out-of-memory', 'too-little-memory']);
const NOT_FINITE = new Set(['not-finite', 'model-not-finite', 'diverged']);

/** The exit code that tells this fault. */
export function workerExitCode({ kind, code }: Pick<WorkerErrorEvent, 'kind' | 'code'>): number {
  if (kind === 'interrupted') return WORKER_EXIT.stopped;
  if (NOT_FINITE.has(code)) return WORKER_EXIT.notFinite;
  if (OUT_OF_MEMORY.has(code)) return WORKER_EXIT.memory;
  return kind === 'input' ? WORKER_EXIT.input : WORKER_EXIT.failed;
}
