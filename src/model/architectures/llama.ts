import { type Architecture, ATTENTION_PROJECTIONS, MLP_PROJECTIONS } from '../architecture.ts';

/**
 * Llama 1 to 3.3, and what is built alike: SmolLM and SmolLM2, TinyLlama, Yi, DeepSeek's distilled Llamas.
 *
 * *Reference:* huggingface/transformers `models/llama`. We depart from it in one point: token ids that config.json
 * leaves out are taken as not named, not as 1 and 2.
 */
export const llama: Architecture = {
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  defaults: { maxPositions: 2048, rmsNormEps: 1e-6, ropeTheta: 10000 },
  traits: (read) => ({
    biased: [
      ...(read.flag('attention_bias') ? ATTENTION_PROJECTIONS : []),
      ...(read.flag('mlp_bias') ? MLP_PROJECTIONS : []),
    ],
  }),
};
