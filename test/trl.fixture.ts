import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { readTensorF32, type TensorEntry } from '../src/model/safetensors.ts';
import { readRows } from './tiny-world.ts';

const found = spawnSync(
  process.execPath,
  [join(import.meta.dirname, '..', 'scripts', 'python-env.mjs'), '--find'],
  { encoding: 'utf8' },
);

/** The Python that has TRL, or null where `node scripts/python-env.mjs` was not run. */
export const python = found.status === 0 ? found.stdout.trim() : null;

/** On the CPU, with a checkpoint after every step. */
export const trlEnv = {
  CUDA_VISIBLE_DEVICES: '',
  WINNOW_PYTHON: python ?? '',
  WINNOW_CHECKPOINT_SECONDS: '0',
};

/** The engine trl, exact enough to be compared. */
export function trl(...keys: readonly string[]): string[] {
  const all = ['trl.dtype=float32', 'trl.gradientCheckpointing=false', ...keys];
  return ['--engine', 'trl', ...all.flatMap((key) => ['--set', key])];
}

/** A Python that does to the worker what `trl-faults.py` calls `fault`. */
export function faultyPython(dir: string, fault: string): string {
  const file = join(dir, `python-${fault}`);
  const script = join(import.meta.dirname, 'trl-faults.py');
  writeFileSync(file, `#!/bin/sh\nWINNOW_FAULT=${fault} exec '${python}' '${script}' "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

export interface Difficulty {
  readonly id: string;
  readonly difficulty: number;
}

export function difficultyOf(out: string): Difficulty[] {
  return readRows<Difficulty>(out, 'difficulty.jsonl').sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The largest difference of two runs' difficulties. */
export function farthest(a: string, b: string): number {
  const [one, other] = [difficultyOf(a), difficultyOf(b)];
  return Math.max(...one.map((row, i) => Math.abs(row.difficulty - (other[i]?.difficulty ?? Number.NaN))));
}

export type Weights = ReturnType<typeof openCheckpoint>['weights'];

export function weightsOf(dir: string): Weights {
  return openCheckpoint(dir).weights;
}

/** The largest difference of a tensor. */
export function apart(a: Weights, b: Weights, name: string): number {
  const [one, other] = [a, b].map((weights) => readTensorF32(weights.get(name) as TensorEntry));
  return Math.max(...(one as Float32Array).map((value, i) => Math.abs(value - (other?.[i] ?? Number.NaN))));
}
