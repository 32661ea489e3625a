import { Random } from '../base/random.ts';
import type { DecoderConfig } from '../model/architecture.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { type LoraShape, layerGraph } from '../model/layer.ts';
import { type Rope, rotaryTables } from '../model/rope.ts';
import { readTensorF32 } from '../model/safetensors.ts';
import { layerPrefix } from '../model/tensors.ts';
import type { Device } from '../tensor/gpu.ts';
import type { Precision } from '../tensor/integer-products.ts';
import type { HostTensor } from '../tensor/program.ts';
import { Arena } from './arena.ts';
import { heldBytes, holdWeights, placeOf } from './held-weights.ts';
import { Programs } from './programs.ts';

/** What of the model is trained. */
export type Trained =
  | { readonly method: 'none' }
  | { readonly method: 'full' }
  | ({ readonly method: 'lora'; readonly seed: number } & LoraShape);

/** A trained tensor with the gradient that is being gathered for it. Float32, row-major. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly gradient: Float32Array;
}

export interface PolicyOptions {
  readonly trained: Trained;
  readonly threads: number;
  /** Memory for activations: below it they are kept for the backward pass, above it computed again. */
  readonly activationBytes?: number;
  /** Default: the CPU. */
  readonly device?: Device;
  /** How scoring computes its products with frozen weights. Default: in float32, as all else does. */
  readonly precision?: Precision;
  /**
   * Whether frozen weights of half precision are held as float32: 4 bytes a parameter, and no pass casts them anew
   * (a fifth of a training pass of 0.5 B parameters). The numbers are the same. Default: not.
   */
  readonly holdWeights?: boolean;
}

/**
 * A decoder with what is trained of it, on a device of this machine: π_θ of DPO, and, untrained, π_ref.
 * Log-probabilities, gradients and generation are functions over it (`log-probs.ts`, `gradient.ts`, `generate.ts`).
 */
export interface Policy {
  readonly config: DecoderConfig;
  readonly trained: Trained;
  readonly programs: Programs;
  readonly arena: Arena;
  readonly activationBytes: number;
  /** By name: checkpoint names (full), or `model.layers.0.self_attn.q_proj.lora_A` (LoRA); empty (none). */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Feeds of one layer beside hidden states and `shared`: trained tensors under their names within the layer. */
  layerFeeds(layer: number): Record<string, HostTensor>;
  /** Feeds of the head and the embedding. */
  readonly outerFeeds: Readonly<Record<string, HostTensor>>;
  /** Rotary tables for at least so many positions; null: the tables that turn nothing. */
  rotary(rope: Rope | null, positions: number): { cosine: HostTensor; sine: HostTensor };
  dispose(): Promise<void>;
}

const DEFAULT_ACTIVATION_BYTES = 1.5e9;

/** Opens a checkpoint as a policy. With LoRA, B starts at zero, so the policy starts as the checkpoint. */
export function openPolicy(checkpoint: Checkpoint, options: PolicyOptions): Policy {
  const { config } = checkpoint;
  const { trained, threads, device = 'cpu' } = options;
  const parameters = initialParameters(checkpoint, trained);
  const full = trained.method === 'full';
  const lora = trained.method === 'lora' ? trained : null;
  const files = full ? null : checkpoint.weights;
  const { precision } = options;
  // What scores in integers alone has no use for float32 copies.
  const rounds = trained.method === 'none' && precision !== undefined && precision !== 'f32';
  const held = options.holdWeights === true && files !== null && !rounds && heldBytes(checkpoint) > 0;
  const programs = new Programs({
    config,
    files,
    held,
    lora,
    threads,
    device,
    ...(precision === undefined ? {} : { precision }),
  });
  const layers: Record<string, HostTensor>[] = Array.from({ length: config.layers }, () => ({}));
  const outerFeeds: Record<string, HostTensor> = {};
  for (const [name, parameter] of parameters) {
    const { into, as } = placeOf(name, layers, outerFeeds);
    into[as] = { data: parameter.data, shape: parameter.shape };
  }
  if (held) holdWeights(checkpoint, layers, outerFeeds);
  const tables = new Map<Rope | null, { positions: number; cosine: Float32Array; sine: Float32Array }>();
  return {
    config,
    trained,
    programs,
    arena: new Arena(),
    activationBytes: options.activationBytes ?? DEFAULT_ACTIVATION_BYTES,
    parameters,
    layerFeeds: (layer) => layers[layer] as Record<string, HostTensor>,
    outerFeeds,
    rotary(rope, positions) {
      let made = tables.get(rope);
      if (made === undefined || positions > made.positions) {
        const count = Math.max(positions, 2 * (made?.positions ?? 0), 256);
        made = { positions: count, ...rotaryTables(rope, config.rotaryDim, count) };
        tables.set(rope, made);
      }
      const shape = [made.positions, config.rotaryDim / 2];
      return { cosine: { data: made.cosine, shape }, sine: { data: made.sine, shape } };
    },
    dispose: () => programs.dispose(),
  };
}

/** What training starts from, drawn by the seed where it is drawn. Another engine that starts here is comparable. */
export function initialParameters(
  checkpoint: Pick<Checkpoint, 'config' | 'weights'>,
  trained: Trained,
): Map<string, Parameter> {
  const { config } = checkpoint;
  const parameters = new Map<string, Parameter>();
  const put = (name: string, shape: readonly number[], data: Float32Array) =>
    parameters.set(name, { shape, data, gradient: new Float32Array(data.length) });
  if (trained.method === 'full') {
    for (const [name, entry] of checkpoint.weights) put(name, entry.shape, readTensorF32(entry));
  }
  if (trained.method === 'lora') {
    // PEFT's start (lora/layer.py, reset_lora_parameters): A by Kaiming's uniform with a = √5, B zero.
    const graph = layerGraph(config, trained, { segments: 1 });
    for (let layer = 0; layer < config.layers; layer++)
      for (const [name, value] of graph.adapters) {
        const shape = value.shape as readonly number[];
        const data = new Float32Array((shape[0] as number) * (shape[1] as number));
        const full = layerPrefix(layer) + name;
        if (name.endsWith('.lora_A')) {
          const random = new Random(trained.seed, 'lora', full);
          const bound = 1 / Math.sqrt(shape[1] as number);
          for (let i = 0; i < data.length; i++) data[i] = (2 * random.uniform() - 1) * bound;
        }
        put(full, shape, data);
      }
  }
  return parameters;
}
