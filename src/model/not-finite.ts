import { readTensorF32, type TensorEntry } from './safetensors.ts';

/** A number of a model's weights that is none. */
export interface NotFinite {
  readonly file: string;
  readonly tensor: string;
  readonly value: number;
}

/** The first NaN or infinity in tensors, or null; one tensor is in memory at a time. */
export function findNotFinite(tensors: Iterable<TensorEntry>): NotFinite | null {
  for (const entry of tensors) {
    const value = readTensorF32(entry).find((number) => !Number.isFinite(number));
    if (value !== undefined) return { file: entry.file, tensor: entry.name, value };
  }
  return null;
}
