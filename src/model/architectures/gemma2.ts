import { type Architecture, ATTENTION_PROJECTIONS, type Traits, windowedLayers } from '../architecture.ts';
import type { ConfigReader } from '../config-reader.ts';

/**
 * Gemma 2: four norms a layer that multiply by 1 + w, GeGLU, soft caps on scores and logits, scaled embeddings,
 * every other layer with a window.
 *
 * *Reference:* Gemma Team 2024 (arXiv 2408.00118), section 2; huggingface/transformers `models/gemma2`.
 */
export const gemma2: Architecture = {
  modelType: 'gemma2',
  className: 'Gemma2ForCausalLM',
  defaults: {
    maxPositions: 8192,
    rmsNormEps: 1e-6,
    ropeTheta: 10000,
    tieWordEmbeddings: true,
    headDim: 256,
    padTokenId: 0,
  },
  activation: { key: 'hidden_activation', name: 'gelu_pytorch_tanh' },
  traits: (read, { hiddenSize, layers }, rope) => ({
    ...gemmaTraits(read, hiddenSize),
    attentionSoftcap: softcap(read, 'attn_logit_softcapping', 50),
    logitSoftcap: softcap(read, 'final_logit_softcapping', 30),
    layerKinds: windowedLayers(read, layers, (layer) => layer % 2 === 0, {
      sliding: { window: read.count('sliding_window', 4096), rope },
      full: { window: null, rope },
    }),
  }),
};

/** What Gemma 2 and 3 share. */
export function gemmaTraits(read: ConfigReader, hiddenSize: number): Partial<Traits> {
  // Then every token sees those after it: an encoder, without next-token probabilities.
  if (read.flag('use_bidirectional_attention'))
    throw read.unsupported('use_bidirectional_attention', false, true);
  return {
    biased: read.flag('attention_bias') ? ATTENTION_PROJECTIONS : [],
    normPlusOne: true,
    sandwichNorm: true,
    activation: 'gelu-tanh',
    embeddingScale: Math.sqrt(hiddenSize),
    attentionScale: 1 / Math.sqrt(read.positive('query_pre_attn_scalar', 256)),
  };
}

/** null in config.json: none; left out: the usual one. */
export function softcap(read: ConfigReader, key: string, usual: number | null): number | null {
  if (read.raw[key] === null || (usual === null && !read.has(key))) return null;
  return read.positive(key, usual ?? undefined);
}
