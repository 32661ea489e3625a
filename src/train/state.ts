import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeJson } from '../base/json.ts';
import { openSafetensors, readTensorF32, type TensorEntry } from '../model/safetensors.ts';
import { type WritableTensor, writeSafetensors } from '../model/safetensors-write.ts';
import type { Policy } from '../policy/policy.ts';
import type { StepRecord, TrainingState } from './optimise.ts';

const TENSORS = 'training.safetensors';
const RECORDS = 'training.json';

/** Writes all that a training needs to go on bit by bit as if it had not stopped. */
export function writeTrainingState(dir: string, policy: Policy, state: TrainingState): void {
  mkdirSync(dir, { recursive: true });
  const tensors: Record<string, WritableTensor> = {};
  for (const [name, { data, shape }] of policy.parameters) {
    const moments = state.adam.moments.get(name) as { first: Float32Array; second: Float32Array };
    tensors[name] = { dtype: 'F32', shape, data };
    tensors[`first/${name}`] = { dtype: 'F32', shape, data: moments.first };
    tensors[`second/${name}`] = { dtype: 'F32', shape, data: moments.second };
  }
  writeSafetensors(join(dir, TENSORS), tensors);
  writeJson(join(dir, RECORDS), { step: state.adam.step, records: state.records });
}

/** Reads a state back: parameters go into the policy. */
export function readTrainingState(dir: string, policy: Policy): TrainingState {
  const { tensors } = openSafetensors(join(dir, TENSORS));
  const { step, records } = readJson(join(dir, RECORDS)) as { step: number; records: StepRecord[] };
  const read = (name: string) => readTensorF32(tensors.get(name) as TensorEntry);
  const moments = new Map(
    [...policy.parameters].map(([name, parameter]) => {
      parameter.data.set(read(name));
      return [name, { first: read(`first/${name}`), second: read(`second/${name}`) }];
    }),
  );
  return { adam: { step, moments }, records };
}
