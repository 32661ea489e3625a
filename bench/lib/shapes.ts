import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { hashOf, type Json } from '../../src/base/hash.ts';
import { type DecoderConfig, initCheckpoint, writeCheckpoint } from '../../src/model/checkpoint.ts';
import { parseConfig } from '../../src/model/config.ts';

/** A decoder with random weights, and the dtype that such checkpoints have on disk. */
export interface BenchShape {
  readonly title: string;
  readonly config: Readonly<Record<string, Json>>;
  readonly dtype: 'F32' | 'BF16';
}

/** Llama with heads of 64 and tied embeddings, the way the small open models are cut. */
function llama(D: number, layers: number, F: number, V: number): Readonly<Record<string, Json>> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: D,
    num_hidden_layers: layers,
    num_attention_heads: D / 64,
    num_key_value_heads: D / 64,
    intermediate_size: F,
    vocab_size: V,
    max_position_embeddings: 4096,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  };
}

export const SHAPES = {
  tiny: { title: '4 M (Llama)', config: llama(192, 7, 512, 4096), dtype: 'F32' },
  /** (a) of the comparison with TRL. */
  small: { title: '15.7 M (Llama)', config: llama(384, 8, 1024, 4096), dtype: 'F32' },
  middle: { title: '60 M (Llama)', config: llama(576, 12, 1536, 16384), dtype: 'F32' },
  /** (b): Qwen2.5-0.5B's config.json. */
  half: {
    title: '494 M (Qwen2.5-0.5B)',
    config: {
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      hidden_size: 896,
      num_hidden_layers: 24,
      num_attention_heads: 14,
      num_key_value_heads: 2,
      intermediate_size: 4864,
      vocab_size: 151936,
      max_position_embeddings: 32768,
      rope_theta: 1000000,
      rms_norm_eps: 1e-6,
      tie_word_embeddings: true,
      bos_token_id: 1,
      eos_token_id: 2,
    },
    dtype: 'BF16',
  },
} as const satisfies Record<string, BenchShape>;

export type ShapeName = keyof typeof SHAPES;

export function shapeConfig(name: ShapeName): DecoderConfig {
  return parseConfig(SHAPES[name].config, `shape ${name}`);
}

/** The user's cache folder, where the Python environment lies too. */
export function cacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'winnow');
}

/** The folder of a shape's checkpoint; `writeShape` makes what is in it. */
export function shapeFolder(name: ShapeName): string {
  return join(cacheDir(), `bench-${name}-${hashOf({ ...SHAPES[name] }).slice(0, 12)}`);
}

/** Writes a shape's checkpoint once. It takes as much memory as the model in float32: call it in a process apart. */
export function writeShape(name: ShapeName): void {
  const folder = shapeFolder(name);
  if (existsSync(folder)) return;
  mkdirSync(dirname(folder), { recursive: true });
  const config = shapeConfig(name);
  const temp = `${folder}.${process.pid}.tmp`;
  try {
    writeCheckpoint(temp, config, initCheckpoint(config, 1), { dtype: SHAPES[name].dtype });
    renameSync(temp, folder);
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}
