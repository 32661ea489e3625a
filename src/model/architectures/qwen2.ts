import { type Architecture, windowedLayers } from '../architecture.ts';
import type { ConfigReader } from '../config-reader.ts';
import type { Rope } from '../rope.ts';

/**
 * Qwen 2 and 2.5: biases on the query, key and value projections.
 *
 * *Reference:* Yang et al. 2024 (arXiv 2407.10671), section 2.2; huggingface/transformers `models/qwen2`.
 */
export const qwen2: Architecture = {
  modelType: 'qwen2',
  className: 'Qwen2ForCausalLM',
  defaults: { maxPositions: 32768, rmsNormEps: 1e-6, ropeTheta: 10000 },
  traits: (read, { layers }, rope) => ({
    biased: ['q_proj', 'k_proj', 'v_proj'],
    layerKinds: upperLayersWindowed(read, layers, rope),
  }),
};

/** The layers from `max_window_layers` on see a window, if it is used at all. */
export function upperLayersWindowed(read: ConfigReader, layers: number, rope: Rope) {
  const used = read.flag('use_sliding_window') && read.raw.sliding_window !== null;
  const window = used ? read.count('sliding_window', 4096) : null;
  const from = read.whole('max_window_layers', 28);
  return windowedLayers(read, layers, (layer) => window !== null && layer >= from, {
    sliding: { window, rope },
    full: { window: null, rope },
  });
}
