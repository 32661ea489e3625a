import { type Architecture, everyLayer } from '../architecture.ts';

/**
 * Mistral 7B and its successors: every layer sees a window, where config.json has one.
 *
 * *Reference:* Jiang et al. 2023, section 2; huggingface/transformers `models/mistral`.
 */
export const mistral: Architecture = {
  modelType: 'mistral',
  className: 'MistralForCausalLM',
  defaults: { maxPositions: 131072, rmsNormEps: 1e-6, ropeTheta: 10000 },
  traits: (read, { layers }, rope) => {
    // Left out it is 4,096; null says that there is none.
    const window = read.raw.sliding_window === null ? null : read.count('sliding_window', 4096);
    return { layerKinds: everyLayer(layers, { window, rope }) };
  },
};
