import type { DecoderConfig } from '../model/architecture.ts';
import { projections } from '../model/layer.ts';
import { passSegments, segmentScores } from '../policy/pack.ts';
import type { Trained } from '../policy/policy.ts';
import { completionTokens, type SharedPromptRow } from '../text/rows.ts';

/** The size of one pass over a batch of rows, padding included. */
export interface PassShape {
  /** B. */
  readonly rows: number;
  /** T: tokens of each row. */
  readonly tokens: number;
  /** Scores that one head of one layer computes for each row, seen or not. */
  readonly scores: number;
  /** N: tokens of completions in all rows. */
  readonly predictions: number;
}

/** The shape of the pass that `packPass` makes of these rows. */
export function passShape(config: DecoderConfig, rows: readonly SharedPromptRow[]): PassShape {
  const { segments } = passSegments(config, rows);
  return {
    rows: rows.length,
    tokens: segments.reduce((sum, n) => sum + n, 0),
    scores: segmentScores(segments),
    predictions: rows.reduce((sum, row) => sum + completionTokens(row), 0),
  };
}

/** Floating-point operations of a pass, a multiply-add being two, by what they are done for. */
export interface PassFlop {
  /** Products with weights of layers, LoRA's included. */
  readonly linear: number;
  /** Scores of queries and keys, and their use. */
  readonly attention: number;
  /** Logits. */
  readonly head: number;
}

/**
 * Matrix products of a pass; all else is a few percent of the time. With n = B·T tokens, s = B·`scores`, W = Σ in·out
 * over a layer's projections, R = r·Σ(in + out) over those with LoRA:
 *
 *            forward    gradients, LoRA    gradients, full
 *   linear   2n(W + R)  2n(2W + 3R)        6nW               a layer
 *   attention  4Hd·s    14Hd·s             14Hd·s            a layer
 *   head       2N·D·V   4N·D·V             8N·D·V
 *
 * Gradients of inputs are taken for all weights, of weights for those that are trained. Attention's backward pass is
 * four products, and the scores again. A trained head runs once for the loss and once for its gradients.
 * Without saved activations a layer's forward pass is done twice (`again`).
 */
export function passFlop(
  config: DecoderConfig,
  { rows, tokens, scores, predictions }: PassShape,
  pass: { readonly trained: Trained; readonly gradient: boolean; readonly again?: boolean },
): PassFlop {
  const { trained, gradient, again = false } = pass;
  let [weights, adapters] = [0, 0];
  for (const [name, { inWidth, outWidth }] of projections(config)) {
    weights += inWidth * outWidth;
    if (trained.method === 'lora' && trained.targets.includes(name))
      adapters += trained.rank * (inWidth + outWidth);
  }
  const full = trained.method === 'full';
  const twice = gradient && again;
  const linear = gradient ? (full ? 3 : 2) * weights + 3 * adapters : weights + adapters;
  const repeated = twice ? weights + adapters : 0;
  const n = rows * tokens;
  const perScore = 2 * config.heads * config.headDim * rows * scores;
  return {
    linear: 2 * n * config.layers * (linear + repeated),
    attention: perScore * config.layers * ((gradient ? 7 : 2) + (twice ? 2 : 0)),
    head: 2 * predictions * config.hiddenSize * config.vocabSize * (gradient ? (full ? 4 : 2) : 1),
  };
}

/** Products of attention run at about two fifths of the speed of those with weights (measured at D = 384 and 896). */
const ATTENTION_SLOWNESS = 2.5;
/** A pass's fixed cost a layer and a token's cost beside products, in the same unit (measured at D = 64). */
const WORK_A_LAYER = 1.5e7;

/** Work of a pass in FLOP of plain products: proportional to its time on one machine. */
export function passWork(config: DecoderConfig, { linear, attention, head }: PassFlop): number {
  return linear + ATTENTION_SLOWNESS * attention + head + WORK_A_LAYER * config.layers;
}
