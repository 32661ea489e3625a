import { type Architecture, windowedLayers } from '../architecture.ts';
import type { ConfigReader } from '../config-reader.ts';
import { type Rope, readRope } from '../rope.ts';
import { gemmaTraits, softcap } from './gemma2.ts';

/**
 * Gemma 3, text only (1B and 270M; the text part of the others where it is saved by itself): as Gemma 2, with norms
 * over query and key heads instead of soft caps, five windowed layers to a full one, each kind with its own rope.
 *
 * *Reference:* Gemma Team 2025 (arXiv 2503.19786), section 2; huggingface/transformers `models/gemma3`.
 */
export const gemma3: Architecture = {
  modelType: 'gemma3_text',
  className: 'Gemma3ForCausalLM',
  rewardClassName: 'Gemma3TextForSequenceClassification',
  defaults: {
    maxPositions: 131072,
    rmsNormEps: 1e-6,
    ropeTheta: 1e6,
    tieWordEmbeddings: true,
    headDim: 256,
    padTokenId: 0,
  },
  activation: { key: 'hidden_activation', name: 'gelu_pytorch_tanh' },
  traits: (read, { hiddenSize, headDim, layers }, rope) => {
    const pattern = read.count('sliding_window_pattern', 6);
    const ropes = bothRopes(read, headDim, rope);
    return {
      ...gemmaTraits(read, hiddenSize),
      headNorm: true,
      attentionSoftcap: softcap(read, 'attn_logit_softcapping', null),
      logitSoftcap: softcap(read, 'final_logit_softcapping', null),
      layerKinds: windowedLayers(read, layers, (layer) => (layer + 1) % pattern !== 0, {
        sliding: { window: read.count('sliding_window', 4096), rope: ropes.sliding },
        full: { window: null, rope: ropes.full },
      }),
    };
  },
};

const LOCAL_THETA = 10000;

/** transformers 5 has one set of rope parameters a kind of layer, transformers 4 a base for the windowed ones. */
function bothRopes(read: ConfigReader, headDim: number, rope: Rope): Record<'sliding' | 'full', Rope> {
  const parameters = read.object('rope_parameters');
  const local = read.positive('rope_local_base_freq', LOCAL_THETA);
  const named = (key: string, theta: number) => {
    const own = parameters?.object(key) ?? null;
    if (own === null) return null;
    return readRope(read, { theta, headDim, maxPositions: 1, partial: false }, own).rope;
  };
  return {
    sliding: named('sliding_attention', local) ?? { theta: local, scaling: null },
    full: named('full_attention', rope.theta) ?? rope,
  };
}
