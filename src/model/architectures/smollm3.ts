import {
  type Architecture,
  ATTENTION_PROJECTIONS,
  MLP_PROJECTIONS,
  windowedLayers,
} from '../architecture.ts';

/**
 * SmolLM 3: every fourth layer is not told the positions. (SmolLM 1 and 2 are Llama decoders.)
 *
 * *Reference:* huggingface/transformers `models/smollm3`; NoPE: Yang et al. 2025 (arXiv 2501.18795).
 */
export const smollm3: Architecture = {
  modelType: 'smollm3',
  className: 'SmolLM3ForCausalLM',
  defaults: {
    maxPositions: 32768,
    rmsNormEps: 1e-6,
    ropeTheta: 2e6,
    tieWordEmbeddings: true,
    padTokenId: 128004,
  },
  traits: (read, { layers }, rope) => {
    const interval = read.count('no_rope_layer_interval', 4);
    // The key's entries say the contrary of its name: 1 is a layer with positions.
    const marks = read.perLayer('no_rope_layers', layers);
    if (marks?.some((mark) => mark !== 0 && mark !== 1))
      throw read.bad('no_rope_layers', 'a list of 0 and 1', marks);
    const positioned = (layer: number) =>
      marks === null ? (layer + 1) % interval !== 0 : marks[layer] === 1;
    const window =
      read.flag('use_sliding_window') && read.has('sliding_window') ? read.count('sliding_window') : null;
    const kinds = windowedLayers(read, layers, (layer) => window !== null && !positioned(layer), {
      sliding: { window, rope },
      full: { window: null, rope },
    });
    return {
      biased: [
        ...(read.flag('attention_bias') ? ATTENTION_PROJECTIONS : []),
        ...(read.flag('mlp_bias') ? MLP_PROJECTIONS : []),
      ],
      layerKinds: kinds.map((kind, layer) => (positioned(layer) ? kind : { ...kind, rope: null })),
    };
  },
};
