import type { Checkpoint } from '../model/checkpoint.ts';
import { projections } from '../model/layer.ts';
import { headChunkRows } from '../policy/forward.ts';
import type { Trained } from '../policy/policy.ts';
import { Programs } from '../policy/programs.ts';
import { HELD_BYTES, type Precision } from '../tensor/integer-products.ts';
import type { SharedPromptRow } from '../text/rows.ts';
import { type PassShape, passShape } from './cost.ts';
import { microBatches } from './micro-batches.ts';

/** What a worker holds at its fullest, bytes, by what it is for. */
export interface WorkerMemory {
  /** Node, onnxruntime and its sessions. */
  readonly process: number;
  /** Pages of weight files: of all workers together, and given back at need, but slow when they are missing. */
  readonly mapped: number;
  /** What is trained: values, gradients (once gathered, once of the pass) and AdamW's two moments. */
  readonly trained: number;
  /** Activations of the largest pass that wait for the backward pass. */
  readonly kept: number;
  /** What is left of `kept` where the backward pass computes them again: the inputs of layers. */
  readonly again: number;
  /** Within a layer or the head, while it runs. */
  readonly scratch: number;
}

export type CheckpointShape = Pick<Checkpoint, 'config' | 'weights' | 'parameters'>;

/** Measured (Node 20, onnxruntime 1.30, Linux x64): resident after a first session, and more for each. Bytes. */
const PROCESS_BYTES = 125e6;
const SCORING_SESSION_BYTES = 1e6;
const TRAINING_SESSION_BYTES = 6e6;
/** The C library keeps what it has, in pieces that do not always fit (measured). */
const FRAGMENTATION = 1.5;
/** Arrays of a chunk's logits that live at a time: logits, their softmax, the gradient and its parts. */
const LOGITS_SCORING = 4;
const LOGITS_TRAINING = 5;
/** The same for a layer: arrays as wide as D or H·d, as the MLP, and as the scores. */
const LIVE = { scoring: { D: 6, F: 4, scores: 3 }, training: { D: 12, F: 8, scores: 5 } } as const;

/** Memory of a worker that trains (or, with nothing trained, scores) these rows. */
export function workerMemory(
  checkpoint: CheckpointShape,
  trained: Trained,
  rows: readonly SharedPromptRow[],
): WorkerMemory {
  const { config, weights } = checkpoint;
  const full = trained.method === 'full';
  const gradient = trained.method !== 'none';
  const lora = trained.method === 'lora' ? trained : null;
  // Nothing is compiled: the graphs alone tell what a layer keeps.
  const programs = new Programs({ config, files: full ? null : weights, lora, threads: 1 });
  const files = full ? [] : [...weights.values()];
  const sessions = full ? 1 : config.layers;
  const shapes = microBatches({ config, programs }, rows, gradient).map((pass) =>
    passShape(
      config,
      pass.map((i) => rows[i] as SharedPromptRow),
    ),
  );
  const count = full ? checkpoint.parameters : lora === null ? 0 : loraParameters(checkpoint, lora);
  const kept = (shape: PassShape) => {
    // Inputs of layers and, on the way back, their gradients; of no layer but the last two where none are trained.
    const inputs = 4 * shape.rows * shape.tokens * config.hiddenSize * (gradient ? 2 * config.layers : 2);
    const saved = gradient ? config.layers * programs.savedBytes({ B: shape.rows, T: shape.tokens }) : 0;
    return { inputs, saved };
  };
  const sizes = shapes.map((shape) => ({
    ...kept(shape),
    scratch: scratchBytes(checkpoint, shape, gradient, !full),
  }));
  const most = (of: (size: (typeof sizes)[number]) => number) =>
    sizes.reduce((max, s) => Math.max(max, of(s)), 0);
  return {
    process: PROCESS_BYTES + sessions * (gradient ? TRAINING_SESSION_BYTES : SCORING_SESSION_BYTES),
    mapped: files.reduce((sum, { begin, end }) => sum + end - begin, 0),
    trained: 4 * 5 * count,
    kept: most(({ inputs, saved }) => inputs + saved),
    again: most(({ inputs }) => inputs),
    scratch: most(({ scratch }) => scratch),
  };
}

/** Weights as integers, which scoring in this precision holds. */
export function roundedBytes({ config }: Pick<CheckpointShape, 'config'>, precision: Precision): number {
  let perLayer = 0;
  for (const { inWidth, outWidth } of projections(config).values()) perLayer += inWidth * outWidth;
  return HELD_BYTES[precision] * (config.layers * perLayer + config.vocabSize * config.hiddenSize);
}

/** All of one worker but the mapped weights. */
export function ownBytes({ process, trained, kept, again, scratch }: WorkerMemory, saving: boolean): number {
  return process + trained + (saving ? kept : again) + scratch;
}

/** Numbers that LoRA trains: r·(in + out) for each adapted projection. */
export function loraParameters(
  { config }: Pick<CheckpointShape, 'config'>,
  { rank, targets }: { readonly rank: number; readonly targets: readonly string[] },
): number {
  let perLayer = 0;
  for (const [name, { inWidth, outWidth }] of projections(config))
    if (targets.includes(name)) perLayer += rank * (inWidth + outWidth);
  return config.layers * perLayer;
}

function scratchBytes(
  { config, weights }: CheckpointShape,
  { rows, tokens, scores, predictions }: PassShape,
  gradient: boolean,
  mapped: boolean,
): number {
  const { hiddenSize, intermediateSize, heads, headDim, vocabSize } = config;
  const live = gradient ? LIVE.training : LIVE.scoring;
  const widths = live.D * Math.max(hiddenSize, heads * headDim) + live.F * intermediateSize;
  const cast = (elements: number) =>
    mapped && [...weights.values()].some(({ dtype }) => dtype !== 'F32') ? 4 * elements : 0;
  const layer =
    4 * rows * (tokens * widths + live.scores * heads * scores) + cast(3 * hiddenSize * intermediateSize);
  const logits = 4 * vocabSize * Math.min(predictions, headChunkRows(config));
  const head = logits * (gradient ? LOGITS_TRAINING : LOGITS_SCORING) + cast(vocabSize * hiddenSize);
  return FRAGMENTATION * layer + head;
}

/**
 * Keys and values of a batch of answers, which each new token copies from one arena into the other, and what a step
 * of generation needs beside them.
 */
export function answeringBytes(
  checkpoint: CheckpointShape,
  batch: { readonly rows: number; readonly promptTokens: number; readonly newTokens: number },
): number {
  const { config } = checkpoint;
  const { rows, promptTokens, newTokens } = batch;
  const kept =
    2 * config.layers * 2 * 4 * rows * (promptTokens + newTokens) * config.kvHeads * config.headDim;
  const first = { rows, tokens: promptTokens, scores: promptTokens ** 2, predictions: rows };
  return kept + scratchBytes(checkpoint, first, false, true);
}
