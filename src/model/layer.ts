import { inputError } from '../base/errors.ts';
import { add, geluTanh, multiply, scale, silu } from '../tensor/elementwise.ts';
import { linear } from '../tensor/matmul.ts';
import { attention, rotary } from '../tensor/neural.ts';
import { concatenate, reshape, splitLast, transpose } from '../tensor/shape-ops.ts';
import { input, type Value } from '../tensor/value.ts';
import type { DecoderConfig } from './architecture.ts';
import { norm } from './norm.ts';

/** A linear layer of a decoder layer: its place within the layer, and its widths. */
export interface Projection {
  readonly path: string;
  readonly outWidth: number;
  readonly inWidth: number;
}

/** The linear layers of a decoder layer, which LoRA can adapt, by the last part of their Hugging Face names. */
export function projections(config: DecoderConfig): ReadonlyMap<string, Projection> {
  const { hiddenSize: D, intermediateSize: F, heads, kvHeads, headDim } = config;
  const Q = heads * headDim;
  const K = kvHeads * headDim;
  const list: [name: string, block: string, outWidth: number, inWidth: number][] = config.fused
    ? [['qkv_proj', 'self_attn', Q + 2 * K, D]]
    : [
        ['q_proj', 'self_attn', Q, D],
        ['k_proj', 'self_attn', K, D],
        ['v_proj', 'self_attn', K, D],
      ];
  list.push(['o_proj', 'self_attn', D, Q]);
  if (config.fused) list.push(['gate_up_proj', 'mlp', 2 * F, D]);
  else list.push(['gate_proj', 'mlp', F, D], ['up_proj', 'mlp', F, D]);
  list.push(['down_proj', 'mlp', D, F]);
  return new Map(
    list.map(([name, block, outWidth, inWidth]) => [name, { path: `${block}.${name}`, outWidth, inWidth }]),
  );
}

/** LoRA (Hu et al. 2022): W + (α / r)·B·A on the chosen projections. */
export interface LoraShape {
  readonly rank: number;
  readonly alpha: number;
  /** Names of `projections`. */
  readonly targets: readonly string[];
}

/**
 * The names that `targets` means for this decoder: 'all-linear' is every projection.
 * @throws inputError `unknown-target` for a name that the decoder does not have.
 */
export function loraTargets(
  config: DecoderConfig,
  targets: 'all-linear' | readonly string[],
): readonly string[] {
  const names = [...projections(config).keys()];
  if (targets === 'all-linear') return names;
  const unknown = targets.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw inputError('unknown-target', `a ${config.modelType} decoder has no layer ${unknown} to adapt`, {
      key: 'training.targets',
      need: names.join(', '),
      got: unknown,
      remedy: "Name layers of this decoder, or 'all-linear' for all of them",
    });
  return targets;
}

/**
 * The graph of one decoder layer. B rows, T tokens, S keys (T, or P past + T), D width, KV key/value heads,
 * G query heads a key/value head, d head width. All layers of a decoder have the same graph: what they differ in
 * (window, rope) is in the mask and the tables that they are fed.
 */
export interface LayerGraph {
  /** [B, T, D] */
  readonly hidden: Value;
  /** Positions [B, T], mask [B, 1, 1, T, S] (added to scores), rotary tables [R, rotaryDim / 2]. */
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

/** What a layer is made of, each declared when first used. */
interface Parts {
  norm(x: Value, name: string, width: number): Value;
  /** W·x (+ bias) (+ LoRA). */
  project(x: Value, name: string): Value;
}

/**
 * Builds the layer of a decoder: RMSNorm, rotary grouped-query attention, gated MLP, each added to the residual
 * stream. `Traits` says where architectures depart from this.
 */
export function layerGraph(config: DecoderConfig, lora: LoraShape | null, withPast: boolean): LayerGraph {
  const { hiddenSize: width, kvHeads, headDim } = config;
  const weights = new Map<string, Value>();
  const adapters = new Map<string, Value>();
  const parts = layerParts(config, lora, weights, adapters);
  const keyCount = withPast ? 'P+T' : 'T';
  const hidden = input('hidden', ['B', 'T', width]);
  const shared = {
    positions: input('positions', ['B', 'T'], 'i64'),
    mask: input('mask', ['B', 1, 1, 'T', keyCount]),
    cosine: input('cosine', ['R', config.rotaryDim / 2]),
    sine: input('sine', ['R', config.rotaryDim / 2]),
  };
  const past = withPast
    ? {
        pastKeys: input('pastKeys', ['B', kvHeads, 'P', headDim]),
        pastValues: input('pastValues', ['B', kvHeads, 'P', headDim]),
      }
    : null;

  const { queries, ...fresh } = queriesKeysValues(
    config,
    parts,
    parts.norm(hidden, 'input_layernorm', width),
    shared,
  );
  const keys = past === null ? fresh.keys : concatenate([past.pastKeys, fresh.keys], 2);
  const values = past === null ? fresh.values : concatenate([past.pastValues, fresh.values], 2);
  const oneGroup = (y: Value) => reshape(y, ['B', kvHeads, 1, keyCount, headDim]);
  const attended = attention(
    queries,
    oneGroup(keys),
    oneGroup(values),
    shared.mask,
    config.attentionScale,
    config.attentionSoftcap,
  );
  const merged = reshape(transpose(attended, [0, 3, 1, 2, 4]), ['B', 'T', config.heads * headDim]);
  const attentionOut = parts.project(merged, 'o_proj');

  // Gemma's names: the norm behind attention has the name that Llama gives to the one before the MLP.
  const beforeMlp = config.sandwichNorm ? 'pre_feedforward_layernorm' : 'post_attention_layernorm';
  const behind = (y: Value, name: string) => (config.sandwichNorm ? parts.norm(y, name, width) : y);
  const middle = add(hidden, behind(attentionOut, 'post_attention_layernorm'));
  const mlpOut = gatedMlp(config, parts, parts.norm(middle, beforeMlp, width));
  const out = add(middle, behind(mlpOut, 'post_feedforward_layernorm'));
  return { hidden, shared, past, out, keys, values, weights, adapters };
}

function layerParts(
  config: DecoderConfig,
  lora: LoraShape | null,
  weights: Map<string, Value>,
  adapters: Map<string, Value>,
): Parts {
  const declare = (into: Map<string, Value>, name: string, shape: readonly number[]): Value => {
    const value = input(name, shape);
    into.set(name, value);
    return value;
  };
  const all = projections(config);
  return {
    norm: (x, name, width) => norm(config, x, declare(weights, `${name}.weight`, [width])),
    project(x, name) {
      const { path, outWidth, inWidth } = all.get(name) as Projection;
      const product = linear(x, declare(weights, `${path}.weight`, [outWidth, inWidth]));
      const biased = config.biased.includes(name);
      const y = biased ? add(product, declare(weights, `${path}.bias`, [outWidth])) : product;
      if (lora === null || !lora.targets.includes(name)) return y;
      const down = linear(x, declare(adapters, `${path}.lora_A`, [lora.rank, inWidth]));
      const up = linear(down, declare(adapters, `${path}.lora_B`, [outWidth, lora.rank]));
      return add(y, scale(up, lora.alpha / lora.rank));
    },
  };
}

/** x [B, T, D] → queries [B, KV, G, T, d], keys and values [B, KV, T, d]; queries and keys are normed and turned. */
function queriesKeysValues(
  config: DecoderConfig,
  { norm: normed, project }: Parts,
  x: Value,
  { positions, cosine, sine }: LayerGraph['shared'],
): Record<'queries' | 'keys' | 'values', Value> {
  const { heads, kvHeads, headDim } = config;
  const [Q, K] = [heads * headDim, kvHeads * headDim];
  const [q, k, v] = config.fused
    ? (splitLast(project(x, 'qkv_proj'), [Q, K, K]) as [Value, Value, Value])
    : [project(x, 'q_proj'), project(x, 'k_proj'), project(x, 'v_proj')];
  const turned = (y: Value, name: string, count: number) => {
    const perHead = (z: Value) => reshape(z, ['B', 'T', count, headDim]);
    const z = config.headNorm
      ? reshape(normed(perHead(y), `self_attn.${name}`, headDim), ['B', 'T', count * headDim])
      : y;
    return rotary(z, positions, cosine, sine, count);
  };
  // Query heads that share a key/value head sit beside each other: [B, KV, G, T, d] against [B, KV, 1, S, d].
  const grouped = reshape(turned(q, 'q_norm', heads), ['B', 'T', kvHeads, heads / kvHeads, headDim]);
  const splitHeads = (y: Value) => transpose(reshape(y, ['B', 'T', kvHeads, headDim]), [0, 2, 1, 3]);
  return {
    queries: transpose(grouped, [0, 2, 3, 1, 4]),
    keys: splitHeads(turned(k, 'k_norm', kvHeads)),
    values: splitHeads(v),
  };
}

/** down(act(gate(x)) · up(x)) (Shazeer 2020). */
function gatedMlp(config: DecoderConfig, { project }: Parts, x: Value): Value {
  const act = config.activation === 'silu' ? silu : geluTanh;
  const F = config.intermediateSize;
  const [gate, up] = config.fused
    ? (splitLast(project(x, 'gate_up_proj'), [F, F]) as [Value, Value])
    : [project(x, 'gate_proj'), project(x, 'up_proj')];
  return project(multiply(act(gate), up), 'down_proj');
}
