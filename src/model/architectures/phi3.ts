import { type Architecture, everyLayer } from '../architecture.ts';

/**
 * Phi-3, Phi-3.5 and Phi-4 (mini): one projection for q, k and v, one for gate and up; a window in some.
 *
 * *Reference:* Abdin et al. 2024 (arXiv 2404.14219), section 2; huggingface/transformers `models/phi3`.
 */
export const phi3: Architecture = {
  modelType: 'phi3',
  className: 'Phi3ForCausalLM',
  defaults: { maxPositions: 4096, rmsNormEps: 1e-5, ropeTheta: 10000, padTokenId: 32000 },
  partialRotary: true,
  traits: (read, { layers }, rope) => ({
    fused: true,
    layerKinds: everyLayer(layers, {
      window: read.has('sliding_window') ? read.count('sliding_window') : null,
      rope,
    }),
  }),
};
