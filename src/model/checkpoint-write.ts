import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readBytes, writeError, writeFileAtomic } from '../base/files.ts';
import { writeJson } from '../base/json.ts';
import { Random } from '../base/random.ts';
import type { DecoderConfig } from './architecture.ts';
import { formatConfig } from './config.ts';
import { type WritableTensor, writeSafetensors } from './safetensors-write.ts';
import { expectedTensors } from './tensors.ts';

/** One weight in memory: row-major float32, `data.length` = product of `shape`. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface WriteCheckpointOptions {
  /** The dtype on disk. Default F32, which keeps every bit. */
  readonly dtype?: 'F32' | 'BF16' | 'F16';
  /** A model folder whose tokenizer files are copied. Default: none are. */
  readonly copyTokenizerFrom?: string;
}

export const TORCH_NAMES = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' } as const;

/** What transformers' tokenizers and their chat templates may consist of. */
const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
];

/**
 * Writes a model folder that `openCheckpoint`, transformers and vLLM read. config.json is written last and an
 * old one removed first: a folder that was left half-written is not taken for a model.
 *
 * @throws inputError `tensor-missing`, `tensor-shape`, `tensor-unknown` when `weights` are not those of `config`;
 *   `file-missing` when there is no tokenizer to copy. machineError `disk-full` or `cannot-write`.
 */
export function writeCheckpoint(
  dir: string,
  config: DecoderConfig,
  weights: ReadonlyMap<string, Weight>,
  options: WriteCheckpointOptions = {},
): void {
  const { dtype = 'F32', copyTokenizerFrom } = options;
  const tensors: Record<string, WritableTensor> = {};
  const expected = expectedTensors(config);
  for (const [name, shape] of expected) {
    const weight = weights.get(name);
    if (weight === undefined)
      throw inputError('tensor-missing', `there is no tensor ${name} to write`, { file: dir });
    if (weight.shape.join() !== shape.join()) {
      throw inputError('tensor-shape', `tensor ${name} has the wrong shape`, {
        file: dir,
        need: shape,
        got: weight.shape,
      });
    }
    tensors[name] = { dtype, ...weight };
  }
  const unknown = [...weights.keys()].find((name) => !expected.has(name));
  if (unknown !== undefined)
    throw inputError('tensor-unknown', `the model has no tensor ${unknown}`, { file: dir });

  const configFile = join(dir, 'config.json');
  try {
    mkdirSync(dir, { recursive: true });
    rmSync(configFile, { force: true });
  } catch (error) {
    throw writeError(dir, error);
  }
  writeSafetensors(join(dir, 'model.safetensors'), tensors, { format: 'pt' });
  if (copyTokenizerFrom !== undefined) copyTokenizer(copyTokenizerFrom, dir);
  writeJson(configFile, formatConfig(config, TORCH_NAMES[dtype]));
}

/** Copies the tokenizer's files from one model folder to another. Throws inputError `file-missing`. */
export function copyTokenizer(from: string, to: string, { required = true } = {}): void {
  const present = TOKENIZER_FILES.filter((name) => existsSync(join(from, name)));
  if (present.length === 0 && required) {
    throw inputError('file-missing', 'there are no tokenizer files to copy', {
      file: from,
      need: 'tokenizer.json',
    });
  }
  if (realpathSync(from) === realpathSync(to)) return;
  for (const name of present) writeFileAtomic(join(to, name), readBytes(join(from, name)));
}

/** Standard deviation of the initial matrices: `initializer_range` of GPT-2 and of Llama's configuration. */
const INIT_STD = 0.02;

/**
 * The weights of an untrained model: matrices N(0, 0.02²), the projections that write into the residual stream
 * (`o_proj`, `down_proj`) N(0, 0.02² / 2L) so that its variance does not grow with the depth L, norms neutral, biases 0.
 * Each tensor draws from a stream of its own, named by the seed and the tensor.
 *
 * *Reference:* Radford et al. 2019 (GPT-2), section 2.3; karpathy/nanoGPT `model.py`.
 */
export function initCheckpoint(config: DecoderConfig, seed: number): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const [name, shape] of expectedTensors(config)) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (shape.length === 2) {
      const intoResidual = name.endsWith('.o_proj.weight') || name.endsWith('.down_proj.weight');
      const std = intoResidual ? INIT_STD / Math.sqrt(2 * config.layers) : INIT_STD;
      const random = new Random(seed, 'init', name);
      for (let i = 0; i < data.length; i++) data[i] = std * random.normal();
    } else if (name.endsWith('norm.weight')) {
      data.fill(config.normPlusOne ? 0 : 1);
    }
    weights.set(name, { shape, data });
  }
  return weights;
}
