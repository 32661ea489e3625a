import type { Checkpoint } from '../model/checkpoint.ts';
import { memoryUse } from '../policy/held-weights.ts';
import { openPolicy, type Policy, type Trained } from '../policy/policy.ts';
import type { UnitContext } from '../run/worker.ts';
import { openDevice } from '../tensor/gpu.ts';
import type { Precision } from '../tensor/integer-products.ts';

/** Opens a policy as a worker does: on the device, with the threads and the memory that its unit was given. */
export function workerPolicy(
  context: UnitContext,
  checkpoint: Checkpoint,
  trained: Trained,
  precision?: Precision,
): Policy {
  const device = openDevice(context.device, (text) => context.note(text));
  // A device of its own has the weights in its own memory.
  const memory =
    context.workBytes === null || device !== 'cpu' ? {} : memoryUse(checkpoint, trained, context.workBytes);
  return openPolicy(checkpoint, {
    trained,
    threads: context.threads,
    device,
    ...memory,
    ...(precision === undefined ? {} : { precision }),
  });
}
