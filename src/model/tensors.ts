import type { DecoderConfig } from './architecture.ts';
import { headGraph, rewardGraph } from './head.ts';
import { layerGraph } from './layer.ts';

export const EMBEDDING = 'model.embed_tokens.weight';

/** A layer's place in the names of a checkpoint. */
export function layerPrefix(layer: number): string {
  return `model.layers.${layer}.`;
}

/**
 * The tensors of a checkpoint and their shapes, in the model's order, by the names of the Hugging Face layout:
 * what the graphs ask for. A tied head is the embedding and has no name of its own. Linear weights are `[out, in]`.
 */
export function expectedTensors(config: DecoderConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([[EMBEDDING, [config.vocabSize, config.hiddenSize]]]);
  const { weights } = layerGraph(config, null, { segments: 1 });
  for (let layer = 0; layer < config.layers; layer++)
    for (const [name, { shape }] of weights)
      shapes.set(layerPrefix(layer) + name, shape as readonly number[]);
  const head = config.reward === null ? headGraph(config) : rewardGraph(config);
  for (const [name, { shape }] of head.weights) shapes.set(name, shape as readonly number[]);
  return shapes;
}
