import type { Checkpoint } from '../model/checkpoint.ts';
import { readTensorF32 } from '../model/safetensors.ts';
import type { HostTensor } from '../tensor/program.ts';

type Weights = Pick<Checkpoint, 'weights'>;
type Feeds = Record<string, HostTensor>;

/** Bytes of all weights as float32, where any is of half precision in its file; 0 where none is. */
export function heldBytes({ weights }: Weights): number {
  const all = [...weights.values()];
  if (all.every(({ dtype }) => dtype === 'F32')) return 0;
  return all.reduce((sum, { shape }) => sum + 4 * shape.reduce((product, dim) => product * dim, 1), 0);
}

/**
 * How memory for what is kept while working is used: float32 copies of frozen half-precision weights where they take
 * no more than half of it, and activations.
 */
export function memoryUse(
  checkpoint: Weights,
  { method }: { readonly method: 'none' | 'lora' | 'full' },
  workBytes: number,
): { readonly holdWeights: boolean; readonly activationBytes: number } {
  const held = method === 'full' ? 0 : heldBytes(checkpoint);
  const holdWeights = held > 0 && 2 * held <= workBytes;
  return { holdWeights, activationBytes: workBytes - (holdWeights ? held : 0) };
}

/** Puts the frozen weights beside what else is fed. Each is read when it is first asked for. */
export function holdWeights({ weights }: Weights, layers: readonly Feeds[], outer: Feeds): void {
  for (const [name, entry] of weights) {
    const { into, as } = placeOf(name, layers, outer);
    let read: HostTensor | undefined;
    Object.defineProperty(into, as, {
      enumerable: true,
      get: () => {
        read ??= { data: readTensorF32(entry), shape: entry.shape };
        return read;
      },
    });
  }
}

/** Where what has this name is fed: with its layer, under the name within, or outside of the layers. */
export function placeOf(
  name: string,
  layers: readonly Feeds[],
  outer: Feeds,
): { readonly into: Feeds; readonly as: string } {
  const [, number, within] = /^model\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
  return within === undefined
    ? { into: outer, as: name }
    : { into: layers[Number(number)] as Feeds, as: within };
}
