import type { PolicyOptions } from '../policy/policy.ts';
import type { UnitContext } from '../run/worker.ts';
import { openDevice } from '../tensor/gpu.ts';

/** How a worker opens a policy: on which device, with how many threads and how much memory for activations. */
export function workerPolicy(context: UnitContext): Omit<PolicyOptions, 'trained'> {
  return {
    threads: context.threads,
    device: openDevice(context.device, (text) => context.note(text)),
    ...(context.workBytes === null ? {} : { activationBytes: context.workBytes }),
  };
}
