import { add, multiply, scale, silu } from '../tensor/elementwise.ts';
import { linear } from '../tensor/matmul.ts';
import { attention, rmsNorm, rotary } from '../tensor/neural.ts';
import { concatenate, reshape, transpose } from '../tensor/shape-ops.ts';
import { input, type Value } from '../tensor/value.ts';
import type { DecoderConfig } from './config.ts';

/** The linear layers of a decoder layer that LoRA can adapt, under their Hugging Face names. */
export const PROJECTIONS = {
  q_proj: 'self_attn.q_proj',
  k_proj: 'self_attn.k_proj',
  v_proj: 'self_attn.v_proj',
  o_proj: 'self_attn.o_proj',
  gate_proj: 'mlp.gate_proj',
  up_proj: 'mlp.up_proj',
  down_proj: 'mlp.down_proj',
} as const;
export type Projection = keyof typeof PROJECTIONS;

/** LoRA (Hu et al. 2022): W + (α / r)·B·A on the chosen projections. */
export interface LoraShape {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly Projection[];
}

/**
 * The graph of one decoder layer. B rows, T tokens, S keys (T, or P past + T), D width, KV key/value heads,
 * G query heads a key/value head, d head width.
 */
export interface LayerGraph {
  /** [B, T, D] */
  readonly hidden: Value;
  /** What all layers of a batch share: positions [B, T], mask [B, 1, 1, T, S] (added to scores), rotary tables. */
  readonly shared: Readonly<Record<'positions' | 'mask' | 'cosine' | 'sine', Value>>;
  /** Keys and values of earlier tokens, [B, KV, P, d], where generation keeps them. */
  readonly past: Readonly<Record<'pastKeys' | 'pastValues', Value>> | null;
  /** [B, T, D] */
  readonly out: Value;
  /** [B, KV, S, d] */
  readonly keys: Value;
  readonly values: Value;
  /** By name within the layer, as in the checkpoint: `self_attn.q_proj.weight` [out, in], … */
  readonly weights: ReadonlyMap<string, Value>;
  /** By name within the layer: `self_attn.q_proj.lora_A` [r, in], `….lora_B` [out, r]. */
  readonly adapters: ReadonlyMap<string, Value>;
}

/** Builds the layer of a Llama decoder (Touvron et al. 2023): RMSNorm, rotary grouped-query attention, SwiGLU. */
export function layerGraph(config: DecoderConfig, lora: LoraShape | null, withPast: boolean): LayerGraph {
  const { hiddenSize: width, heads, kvHeads, headDim } = config;
  const groups = heads / kvHeads;
  const weights = new Map<string, Value>();
  const adapters = new Map<string, Value>();
  const declare = (into: Map<string, Value>, name: string, shape: readonly number[]): Value => {
    const value = input(name, shape);
    into.set(name, value);
    return value;
  };
  const norm = (x: Value, name: string) =>
    rmsNorm(x, declare(weights, `${name}.weight`, [width]), config.rmsNormEps);
  const project = (x: Value, target: Projection, outWidth: number): Value => {
    const name = PROJECTIONS[target];
    const inWidth = x.shape.at(-1) as number;
    const product = linear(x, declare(weights, `${name}.weight`, [outWidth, inWidth]));
    const biased = name.startsWith('mlp.') ? config.mlpBias : config.attentionBias;
    const y = biased ? add(product, declare(weights, `${name}.bias`, [outWidth])) : product;
    if (lora === null || !lora.targets.includes(target)) return y;
    const down = linear(x, declare(adapters, `${name}.lora_A`, [lora.rank, inWidth]));
    const up = linear(down, declare(adapters, `${name}.lora_B`, [outWidth, lora.rank]));
    return add(y, scale(up, lora.alpha / lora.rank));
  };

  const hidden = input('hidden', ['B', 'T', width]);
  const keyCount = withPast ? 'P+T' : 'T';
  const shared = {
    positions: input('positions', ['B', 'T'], 'i64'),
    mask: input('mask', ['B', 1, 1, 'T', keyCount]),
    cosine: input('cosine', ['R', headDim / 2]),
    sine: input('sine', ['R', headDim / 2]),
  };
  const past = withPast
    ? {
        pastKeys: input('pastKeys', ['B', kvHeads, 'P', headDim]),
        pastValues: input('pastValues', ['B', kvHeads, 'P', headDim]),
      }
    : null;

  const x = norm(hidden, 'input_layernorm');
  const turn = (y: Value) => rotary(y, shared.positions, shared.cosine, shared.sine);
  const queries = turn(project(x, 'q_proj', heads * headDim));
  const newKeys = splitHeads(turn(project(x, 'k_proj', kvHeads * headDim)), kvHeads, headDim);
  const newValues = splitHeads(project(x, 'v_proj', kvHeads * headDim), kvHeads, headDim);
  const keys = past === null ? newKeys : concatenate([past.pastKeys, newKeys], 2);
  const values = past === null ? newValues : concatenate([past.pastValues, newValues], 2);

  // Query heads that share a key/value head sit beside each other: [B, KV, G, T, d] against [B, KV, 1, S, d].
  const q = transpose(reshape(queries, ['B', 'T', kvHeads, groups, headDim]), [0, 2, 3, 1, 4]);
  const oneGroup = (y: Value) => reshape(y, ['B', kvHeads, 1, keyCount, headDim]);
  const attended = attention(q, oneGroup(keys), oneGroup(values), shared.mask, 1 / Math.sqrt(headDim));
  const merged = reshape(transpose(attended, [0, 3, 1, 2, 4]), ['B', 'T', heads * headDim]);
  const middle = add(hidden, project(merged, 'o_proj', width));

  const y = norm(middle, 'post_attention_layernorm');
  const gated = multiply(
    silu(project(y, 'gate_proj', config.intermediateSize)),
    project(y, 'up_proj', config.intermediateSize),
  );
  const out = add(middle, project(gated, 'down_proj', width));
  return { hidden, shared, past, out, keys, values, weights, adapters };
}

/** [B, T, H·d] → [B, H, T, d] */
function splitHeads(x: Value, heads: number, headDim: number): Value {
  return transpose(reshape(x, ['B', 'T', heads, headDim]), [0, 2, 1, 3]);
}

/**
 * Tables of the rotary embedding: angle(p, i) = p · θ^(−2i/d), i < d/2.
 * Gives cosine and sine, each [positions, d/2], computed in float64.
 */
export function rotaryTables(
  config: DecoderConfig,
  positions: number,
): { cosine: Float32Array; sine: Float32Array } {
  const half = config.headDim / 2;
  const cosine = new Float32Array(positions * half);
  const sine = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    const frequency = config.ropeTheta ** ((-2 * i) / config.headDim);
    for (let p = 0; p < positions; p++) {
      cosine[p * half + i] = Math.cos(p * frequency);
      sine[p * half + i] = Math.sin(p * frequency);
    }
  }
  return { cosine, sine };
}
