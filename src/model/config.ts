import { inputError } from '../base/errors.ts';

/**
 * What a decoder's config.json says, in one form for all architectures. Widths are counts of numbers,
 * `maxPositions` counts tokens.
 */
export interface DecoderConfig {
  readonly modelType: string;
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
  readonly maxPositions: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId: number | null;
  /** Every id that ends a text; empty when the model names none. */
  readonly eosTokenIds: readonly number[];
  /** Bias on the q, k, v and o projections. */
  readonly attentionBias: boolean;
  /** Bias on the gate, up and down projections. */
  readonly mlpBias: boolean;
}

interface Architecture {
  readonly className: string;
  readonly activations: readonly string[];
  readonly ropeTypes: readonly string[];
  /** What the architecture's configuration class assumes for a key that config.json leaves out. */
  readonly defaults: {
    readonly maxPositions: number;
    readonly rmsNormEps: number;
    readonly ropeTheta: number;
  };
}

/**
 * The supported values of `model_type`.
 *
 * *Reference:* huggingface/transformers `models/llama/configuration_llama.py`. We depart from it in one point:
 * token ids that config.json leaves out are taken as not named, not as 1 and 2.
 */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: {
    className: 'LlamaForCausalLM',
    activations: ['silu'],
    ropeTypes: ['default'],
    defaults: { maxPositions: 2048, rmsNormEps: 1e-6, ropeTheta: 10000 },
  },
};

type RawConfig = Readonly<Record<string, unknown>>;

/**
 * config.json (and generation_config.json, whose end-of-text ids are added) to a checked `DecoderConfig`.
 *
 * @param file path of config.json, for messages.
 * @throws inputError `unsupported-model` names what is supported and what was found; `bad-config` names the key.
 */
export function parseConfig(value: unknown, file: string, generation?: unknown): DecoderConfig {
  const config = record(value);
  if (config === undefined)
    throw inputError('bad-config', 'config.json is not an object', { file, got: value });
  const modelType = config.model_type;
  const architecture =
    typeof modelType === 'string' && Object.hasOwn(ARCHITECTURES, modelType)
      ? ARCHITECTURES[modelType]
      : undefined;
  if (typeof modelType !== 'string' || architecture === undefined) {
    const need = Object.keys(ARCHITECTURES).join(', ');
    throw unsupported(file, 'model_type', need, modelType ?? 'no model_type');
  }
  const { className, activations, ropeTypes, defaults } = architecture;
  requireOne(file, 'architectures', [className], config.architectures ?? [className]);
  requireOne(file, 'hidden_act', activations, config.hidden_act ?? activations[0]);
  if (config.quantization_config != null) {
    throw unsupported(file, 'quantization_config', 'full-precision weights', config.quantization_config);
  }

  const read = (key: string, fallback?: number) => count(file, config, key, fallback);
  const hiddenSize = read('hidden_size');
  const heads = read('num_attention_heads');
  const kvHeads = read('num_key_value_heads', heads);
  if (heads % kvHeads !== 0) {
    throw bad(file, 'num_key_value_heads', `a divisor of num_attention_heads = ${heads}`, kvHeads);
  }
  const headDim = read('head_dim', hiddenSize / heads);
  if (headDim % 2 !== 0)
    throw bad(file, 'head_dim', 'an even number (hidden_size / num_attention_heads)', headDim);
  return {
    modelType,
    hiddenSize,
    intermediateSize: read('intermediate_size'),
    layers: read('num_hidden_layers'),
    heads,
    kvHeads,
    headDim,
    vocabSize: read('vocab_size'),
    maxPositions: read('max_position_embeddings', defaults.maxPositions),
    rmsNormEps: positive(file, 'rms_norm_eps', config.rms_norm_eps ?? defaults.rmsNormEps),
    ropeTheta: ropeTheta(file, config, ropeTypes, defaults.ropeTheta),
    tieWordEmbeddings: flag(file, config, 'tie_word_embeddings'),
    bosTokenId: tokenIds(file, 'bos_token_id', config.bos_token_id)[0] ?? null,
    eosTokenIds: [
      ...new Set([
        ...tokenIds(file, 'eos_token_id', config.eos_token_id),
        ...tokenIds(file, 'eos_token_id of generation_config.json', record(generation)?.eos_token_id),
      ]),
    ],
    attentionBias: flag(file, config, 'attention_bias'),
    mlpBias: flag(file, config, 'mlp_bias'),
  };
}

/** The base of the rotary frequencies; transformers 5 moved it from the top level into `rope_parameters`. */
function ropeTheta(file: string, config: RawConfig, ropeTypes: readonly string[], fallback: number): number {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    if (config[key] == null) continue;
    const rope = record(config[key]);
    if (rope === undefined) throw bad(file, key, 'an object or null', config[key]);
    const type = rope.rope_type ?? rope.type ?? 'default';
    if (!ropeTypes.includes(type as string))
      throw unsupported(file, `${key}.rope_type`, ropeTypes.join(', '), type);
    const share = rope.partial_rotary_factor ?? 1;
    if (share !== 1) throw unsupported(file, `${key}.partial_rotary_factor`, 1, share);
  }
  return positive(
    file,
    'rope_theta',
    record(config.rope_parameters)?.rope_theta ?? config.rope_theta ?? fallback,
  );
}

/** The inverse of `parseConfig`: config.json as transformers 4 and 5 read it. `dtype` e.g. 'float32'. */
export function formatConfig(config: DecoderConfig, dtype: string): Record<string, unknown> {
  const { eosTokenIds } = config;
  return {
    architectures: [ARCHITECTURES[config.modelType]?.className],
    model_type: config.modelType,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    rope_scaling: null,
    tie_word_embeddings: config.tieWordEmbeddings,
    hidden_act: ARCHITECTURES[config.modelType]?.activations[0],
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    bos_token_id: config.bosTokenId,
    eos_token_id: eosTokenIds.length === 0 ? null : eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds,
    dtype,
    torch_dtype: dtype, // the name before transformers 4.56
  };
}

/**
 * The tensors of a checkpoint and their shapes, in the model's order, by the names of the Hugging Face layout.
 * A tied head is the embedding and has no name of its own. Linear weights are `[out, in]`.
 */
export function expectedTensors(config: DecoderConfig): Map<string, readonly number[]> {
  const { hiddenSize: D, intermediateSize: F, vocabSize: V, headDim, attentionBias, mlpBias } = config;
  const Q = config.heads * headDim;
  const K = config.kvHeads * headDim;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [V, D]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const linear = (name: string, out: number, input: number, bias: boolean) => {
      shapes.set(`${prefix}.${name}.weight`, [out, input]);
      if (bias) shapes.set(`${prefix}.${name}.bias`, [out]);
    };
    shapes.set(`${prefix}.input_layernorm.weight`, [D]);
    linear('self_attn.q_proj', Q, D, attentionBias);
    linear('self_attn.k_proj', K, D, attentionBias);
    linear('self_attn.v_proj', K, D, attentionBias);
    linear('self_attn.o_proj', D, Q, attentionBias);
    shapes.set(`${prefix}.post_attention_layernorm.weight`, [D]);
    linear('mlp.gate_proj', F, D, mlpBias);
    linear('mlp.up_proj', F, D, mlpBias);
    linear('mlp.down_proj', D, F, mlpBias);
  }
  shapes.set('model.norm.weight', [D]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [V, D]);
  return shapes;
}

function record(value: unknown): RawConfig | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as RawConfig)
    : undefined;
}

function requireOne(file: string, key: string, supported: readonly string[], found: unknown): void {
  const values: readonly unknown[] = Array.isArray(found) ? found : [found];
  if (!values.some((value) => supported.includes(value as string))) {
    throw unsupported(file, key, supported.join(', '), found);
  }
}

function count(file: string, config: RawConfig, key: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw bad(file, key, 'a whole number of at least 1', value ?? 'nothing');
  }
  return value;
}

function positive(file: string, key: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || value === Infinity)
    throw bad(file, key, 'a number above 0', value);
  return value;
}

function flag(file: string, config: RawConfig, key: string): boolean {
  const value = config[key] ?? false;
  if (typeof value !== 'boolean') throw bad(file, key, 'true or false', value);
  return value;
}

function tokenIds(file: string, key: string, value: unknown): number[] {
  const ids: unknown[] = value == null ? [] : Array.isArray(value) ? value : [value];
  for (const id of ids) {
    if (!Number.isSafeInteger(id) || (id as number) < 0)
      throw bad(file, key, 'token ids (0 or more) or null', value);
  }
  return ids as number[];
}

function bad(file: string, key: string, need: unknown, got: unknown) {
  return inputError('bad-config', `${key} is not usable`, {
    file,
    key,
    need,
    got,
    remedy: 'Correct config.json',
  });
}

function unsupported(file: string, key: string, need: unknown, got: unknown) {
  const remedy =
    'Take a model of a supported kind; larger and other models can be trained with the TRL engine';
  return inputError('unsupported-model', `${key} is not supported`, { file, key, need, got, remedy });
}
