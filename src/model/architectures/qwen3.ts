import { type Architecture, ATTENTION_PROJECTIONS } from '../architecture.ts';
import { upperLayersWindowed } from './qwen2.ts';

/**
 * Qwen 3 (dense): a norm over each query and key head instead of biases.
 *
 * *Reference:* Yang et al. 2025 (arXiv 2505.09388), section 2; huggingface/transformers `models/qwen3`.
 */
export const qwen3: Architecture = {
  modelType: 'qwen3',
  className: 'Qwen3ForCausalLM',
  defaults: { maxPositions: 32768, rmsNormEps: 1e-6, ropeTheta: 10000, headDim: 128 },
  traits: (read, { layers }, rope) => ({
    biased: read.flag('attention_bias') ? ATTENTION_PROJECTIONS : [],
    headNorm: true,
    layerKinds: upperLayersWindowed(read, layers, rope),
  }),
};
