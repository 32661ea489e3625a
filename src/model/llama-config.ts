import type { DecoderConfig } from './architecture.ts';
import { parseConfig, rewardClassOf } from './config.ts';

/** The shape of a new Llama decoder. */
export interface LlamaShape {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  /** Bias on the q, k, v and o projections. Default false. */
  readonly attentionBias?: boolean;
  /** Bias on the gate, up and down projections. Default false. */
  readonly mlpBias?: boolean;
}

/** The configuration of a decoder that is not yet in a file, through the config.json that it will have. */
export function llamaConfig(shape: LlamaShape): DecoderConfig {
  const source = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabSize,
    max_position_embeddings: shape.maxPositions,
    rms_norm_eps: shape.rmsNormEps,
    rope_theta: shape.ropeTheta,
    rope_scaling: null,
    tie_word_embeddings: shape.tieWordEmbeddings,
    hidden_act: 'silu',
    attention_bias: shape.attentionBias ?? false,
    mlp_bias: shape.mlpBias ?? false,
    bos_token_id: shape.bosTokenId,
    eos_token_id: [...shape.eosTokenIds],
  };
  return parseConfig(source, 'a new model');
}

/** The configuration of a reward model with the same decoder that is not yet in a file. */
export function rewardConfig(config: DecoderConfig, padTokenId: number | null = null): DecoderConfig {
  const source = {
    ...config.source,
    architectures: [rewardClassOf(config.modelType)],
    id2label: { 0: 'LABEL_0' },
    label2id: { LABEL_0: 0 },
    pad_token_id: padTokenId,
  };
  return parseConfig(source, 'a new reward model');
}
