import type { ConfigReader, RawConfig } from './config-reader.ts';
import type { Rope } from './rope.ts';

/** Sizes that every config.json names alike. Counts of numbers. */
export interface Widths {
  /** D: width of the residual stream. */
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  /** H: query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** V. */
  readonly vocabSize: number;
}

/** What layers may differ in; it reaches the one layer graph as feeds. */
export interface LayerKind {
  /** A token sees itself and the `window` − 1 positions before it; null: all before it. */
  readonly window: number | null;
  /** null: positions are not told to this layer (NoPE). */
  readonly rope: Rope | null;
}

/** Where decoders depart from each other. `LLAMA_TRAITS` is the plain case. */
export interface Traits {
  /** Names of the projections that add a bias. */
  readonly biased: readonly string[];
  /** One qkv_proj and one gate_up_proj instead of q, k, v, gate and up projections. */
  readonly fused: boolean;
  /** Norm weights are stored less one: the norm multiplies by 1 + w. */
  readonly normPlusOne: boolean;
  /** RMSNorm over each query and key head before the rotation. */
  readonly headNorm: boolean;
  /** Norms also behind attention and MLP, before they join the residual stream: four a layer. */
  readonly sandwichNorm: boolean;
  readonly activation: 'silu' | 'gelu-tanh';
  /** Factor on the token embeddings (not on the tied head). */
  readonly embeddingScale: number;
  /** Factor of q·k. */
  readonly attentionScale: number;
  /** c: scores and logits become c·tanh(x / c); null: they stay. */
  readonly attentionSoftcap: number | null;
  readonly logitSoftcap: number | null;
  /** One entry a layer. */
  readonly layerKinds: readonly LayerKind[];
}

/** A head that gives a text one number, its reward, where a language model has its logits. */
export interface RewardHead {
  /** Tokens of this id at the end of a text are padding; null: there is none. */
  readonly padTokenId: number | null;
}

/** What a decoder's config.json says, in one form for all architectures. */
export interface DecoderConfig extends Widths, Traits {
  readonly modelType: string;
  /** null: a language model. */
  readonly reward: RewardHead | null;
  /** Width of a head that the rotary embedding turns: `headDim`, or less. */
  readonly rotaryDim: number;
  /** Most tokens of a text. */
  readonly maxPositions: number;
  readonly rmsNormEps: number;
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId: number | null;
  /** Every id that ends a text; empty when the model names none. */
  readonly eosTokenIds: readonly number[];
  /** config.json as it was read. */
  readonly source: RawConfig;
}

/**
 * One architecture: what it is called, what its configuration class assumes for keys that config.json leaves out,
 * and where it departs from a Llama decoder. docs/architectures.md shows how to add one.
 */
export interface Architecture {
  readonly modelType: string;
  /** The one of `architectures` that computes next-token logits. */
  readonly className: string;
  readonly defaults: {
    readonly maxPositions: number;
    readonly rmsNormEps: number;
    readonly ropeTheta: number;
    /** Default false. */
    readonly tieWordEmbeddings?: boolean;
    /** Default hidden size / heads. */
    readonly headDim?: number;
    /** Default none. Only reward models need it. */
    readonly padTokenId?: number;
  };
  /** The one of `architectures` that gives a text one number. Default: `className` with ForSequenceClassification. */
  readonly rewardClassName?: string;
  /** The activation's key and name in config.json. Default `hidden_act` and `silu`. */
  readonly activation?: { readonly key: string; readonly name: string };
  /** Whether config.json may name `partial_rotary_factor`. Default false. */
  readonly partialRotary?: boolean;
  /** Departures from `LLAMA_TRAITS`. `rope` is the one of config.json. */
  readonly traits?: (read: ConfigReader, widths: Widths, rope: Rope) => Partial<Traits>;
}

/** Touvron et al. 2023: RMSNorm before attention and MLP, SwiGLU, no biases. */
export const LLAMA_TRAITS: Omit<Traits, 'attentionScale' | 'layerKinds'> = {
  biased: [],
  fused: false,
  normPlusOne: false,
  headNorm: false,
  sandwichNorm: false,
  activation: 'silu',
  embeddingScale: 1,
  attentionSoftcap: null,
  logitSoftcap: null,
};

export const ATTENTION_PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;
export const MLP_PROJECTIONS = ['gate_proj', 'up_proj', 'down_proj'] as const;

/** The same kind for every layer. */
export function everyLayer(layers: number, kind: LayerKind): readonly LayerKind[] {
  return Array.from({ length: layers }, () => kind);
}

/**
 * Kinds of layers where some see a window only: by `layer_types`, or where config.json has none, by the
 * architecture's rule.
 */
export function windowedLayers(
  read: ConfigReader,
  layers: number,
  sliding: (layer: number) => boolean,
  kinds: Readonly<Record<'sliding' | 'full', LayerKind>>,
): readonly LayerKind[] {
  const named = read.perLayer('layer_types', layers);
  return Array.from({ length: layers }, (_, layer) => {
    const type = named === null ? (sliding(layer) ? 'sliding_attention' : 'full_attention') : named[layer];
    if (type === 'sliding_attention') return kinds.sliding;
    if (type === 'full_attention') return kinds.full;
    throw read.unsupported('layer_types', 'sliding_attention, full_attention', type);
  });
}
