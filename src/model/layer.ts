import { inputError } from '../base/errors.ts';
import { add, geluTanh, multiply, scale, silu } from '../tensor/elementwise.ts';
import { linear } from '../tensor/matmul.ts';
import { rotary } from '../tensor/neural.ts';
import { concatenate, reshape, split } from '../tensor/shape-ops.ts';
import { input, type Value } from '../tensor/value.ts';
import type { DecoderConfig } from './architecture.ts';
import { norm } from './norm.ts';
import { cachedSight, type Heads, mergeHeads, segmentedSight } from './sight.ts';

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
 * How the tokens of a layer's rows see each other: in so many segments (see `RowBatch`), or new tokens behind a
 * cache of past ones.
 */
export type Sight = { readonly segments: number } | 'past';

/**
 * The graph of one decoder layer. B rows, T tokens, S keys (T, or P past + T), D width, KV key/value heads,
 * G query heads a key/value head, d head width. All layers of a decoder have the same graph: what they differ in
 * (window, rope) is in the masks and the tables that they are fed.
 */
export interface LayerGraph {
  /** [B, T, D] */
  readonly hidden: Value;
  /**
   * Positions [B, T]; rotary tables `cosine` and `sine` [R, rotaryDim / 2]; for each segment `mask0`
   * [B, 1, 1, S₀, S₀], `mask1` [B, 1, 1, S₁, S₀ + S₁], … (added to scores), and, of several, `segments`, their sizes.
   */
  readonly shared: Readonly<Record<string, Value>>;
  /** Keys and values of earlier tokens, [B, KV, P, d], where generation keeps them. */
  readonly past: Readonly<Record<'pastKeys' | 'pastValues', Value>> | null;
  /** [B, T, D] */
  readonly out: Value;
  /** [B, KV, P + T, d], where generation keeps them. */
  readonly present: Readonly<Record<'keys' | 'values', Value>> | null;
  /** By name within the layer, as in the checkpoint: `self_attn.q_proj.weight` [out, in], … */
  readonly weights: ReadonlyMap<string, Value>;
  /** By name within the layer: `self_attn.q_proj.lora_A` [r, in], `….lora_B` [out, r]. */
  readonly adapters: ReadonlyMap<string, Value>;
  /**
   * What is dear to compute: the products with weights, and what attention put out. All else that a backward pass
   * needs (norms, rotations, the T × S probabilities, the gate's activation) follows from these for a few percent
   * of the layer's time.
   */
  readonly worthKeeping: readonly Value[];
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
export function layerGraph(config: DecoderConfig, lora: LoraShape | null, sight: Sight): LayerGraph {
  const { hiddenSize: width } = config;
  const weights = new Map<string, Value>();
  const adapters = new Map<string, Value>();
  const worthKeeping: Value[] = [];
  const parts = layerParts(config, lora, { weights, adapters, worthKeeping });
  const seen = sight === 'past' ? cachedSight(config) : segmentedSight(sight.segments);
  const hidden = input('hidden', ['B', seen.tokens, width]);
  const positions = input('positions', ['B', seen.tokens], 'i64');
  const tables = {
    cosine: input('cosine', ['R', config.rotaryDim / 2]),
    sine: input('sine', ['R', config.rotaryDim / 2]),
  };

  const x = parts.norm(hidden, 'input_layernorm', width);
  const { attended, present } = seen.attend(
    config,
    queriesKeysValues(config, parts, x, { positions, ...tables }),
  );
  worthKeeping.push(...attended);
  const attentionOut = parts.project(concatenate(attended.map(mergeHeads), 1), 'o_proj');

  // Gemma's names: the norm behind attention has the name that Llama gives to the one before the MLP.
  const beforeMlp = config.sandwichNorm ? 'pre_feedforward_layernorm' : 'post_attention_layernorm';
  const behind = (y: Value, name: string) => (config.sandwichNorm ? parts.norm(y, name, width) : y);
  const middle = add(hidden, behind(attentionOut, 'post_attention_layernorm'));
  const mlpOut = gatedMlp(config, parts, parts.norm(middle, beforeMlp, width));
  const out = add(middle, behind(mlpOut, 'post_feedforward_layernorm'));
  const shared = { positions, ...tables, ...seen.feeds };
  return { hidden, shared, past: seen.past, out, present, weights, adapters, worthKeeping };
}

function layerParts(
  config: DecoderConfig,
  lora: LoraShape | null,
  into: {
    readonly weights: Map<string, Value>;
    readonly adapters: Map<string, Value>;
    readonly worthKeeping: Value[];
  },
): Parts {
  const declare = (names: Map<string, Value>, name: string, shape: readonly number[]): Value => {
    const value = input(name, shape);
    names.set(name, value);
    return value;
  };
  const { weights, adapters, worthKeeping } = into;
  const keep = (value: Value): Value => {
    worthKeeping.push(value);
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
      if (lora === null || !lora.targets.includes(name)) return keep(y);
      // Scaled where it is narrow.
      const down = linear(x, declare(adapters, `${path}.lora_A`, [lora.rank, inWidth]));
      const scaled = keep(scale(down, lora.alpha / lora.rank));
      return keep(add(y, linear(scaled, declare(adapters, `${path}.lora_B`, [outWidth, lora.rank]))));
    },
  };
}

/** x [B, T, D] → queries [B, T, H·d], keys and values [B, T, KV·d]; queries and keys are normed and turned. */
function queriesKeysValues(
  config: DecoderConfig,
  { norm: normed, project }: Parts,
  x: Value,
  { positions, cosine, sine }: Readonly<Record<'positions' | 'cosine' | 'sine', Value>>,
): Heads {
  const { heads, kvHeads, headDim } = config;
  const [Q, K] = [heads * headDim, kvHeads * headDim];
  const [q, k, v] = config.fused
    ? (split(project(x, 'qkv_proj'), 2, [Q, K, K]) as [Value, Value, Value])
    : [project(x, 'q_proj'), project(x, 'k_proj'), project(x, 'v_proj')];
  const turned = (y: Value, name: string, count: number) => {
    const perHead = () => reshape(y, [...y.shape.slice(0, 2), count, headDim]);
    const z = config.headNorm ? reshape(normed(perHead(), `self_attn.${name}`, headDim), y.shape) : y;
    return rotary(z, positions, cosine, sine, count);
  };
  return { queries: turned(q, 'q_norm', heads), keys: turned(k, 'k_norm', kvHeads), values: v };
}

/** down(act(gate(x)) · up(x)) (Shazeer 2020). */
function gatedMlp(config: DecoderConfig, { project }: Parts, x: Value): Value {
  const act = config.activation === 'silu' ? silu : geluTanh;
  const F = config.intermediateSize;
  const [gate, up] = config.fused
    ? (split(project(x, 'gate_up_proj'), 2, [F, F]) as [Value, Value])
    : [project(x, 'gate_proj'), project(x, 'up_proj')];
  return project(multiply(act(gate), up), 'down_proj');
}
