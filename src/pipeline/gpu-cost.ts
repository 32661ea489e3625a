import type { DecoderConfig } from '../model/architecture.ts';
import { projections } from '../model/layer.ts';

/** What a model multiplies for each token. */
export interface ModelSize {
  /** N: all parameters. */
  readonly parameters: number;
  /** W: weights that every token is multiplied with, the output head included; N where only that is known. */
  readonly weights: number;
  /** A = layers · heads · width of a head; 0 leaves attention out, where only N is known. */
  readonly attention: number;
}

/** Sums over sequences, a pair being two: prompt and chosen, prompt and rejected. */
export interface Sequences {
  readonly pairs: number;
  /** Σ T */
  readonly tokens: number;
  /** Σ T² */
  readonly squares: number;
}

export interface PassKind {
  readonly gradient: boolean;
  readonly method: 'lora' | 'full';
  /** Gradient checkpointing: the forward pass is done twice. */
  readonly again: boolean;
}

export const FORWARD: PassKind = { gradient: false, method: 'lora', again: false };

/**
 * FLOP = p · 2W · ΣT + q · 4A · ΣT²
 *
 *                            p  q
 *   forward                  1  1
 *   backward, LoRA          +1 +2
 *   backward, full          +2 +2
 *   checkpointing, backward +1 +1
 *
 * A multiply-add is two. With frozen weights the backward pass takes gradients of inputs alone; LoRA's own products are
 * left out, at rank 16 under one percent. Attention is counted whole, the half that is masked included.
 * *Reference:* Kaplan et al. 2020 (arXiv 2001.08361), 2.1; PaLM (arXiv 2204.02311), appendix B.
 */
export function sequenceFlop({ weights, attention }: ModelSize, of: Sequences, pass: PassKind): number {
  const { gradient, method, again } = pass;
  const repeated = gradient && again ? 1 : 0;
  const p = 1 + repeated + (gradient ? (method === 'full' ? 2 : 1) : 0);
  const q = 1 + repeated + (gradient ? 2 : 0);
  return p * 2 * weights * of.tokens + q * 4 * attention * of.squares;
}

/** A share of the sequences: sums scale with it. */
export function shareOf({ pairs, tokens, squares }: Sequences, share: number): Sequences {
  return { pairs: share * pairs, tokens: share * tokens, squares: share * squares };
}

/** Pairs as TRL takes them: the prompt is in the row of each side. Lengths are token counts. */
export function pairSequences(
  pairs: Iterable<{ readonly prompt: number; readonly chosen: number; readonly rejected: number }>,
): Sequences {
  let [count, tokens, squares] = [0, 0, 0];
  for (const { prompt, chosen, rejected } of pairs) {
    count++;
    tokens += 2 * prompt + chosen + rejected;
    squares += (prompt + chosen) ** 2 + (prompt + rejected) ** 2;
  }
  return { pairs: count, tokens, squares };
}

/** Pairs of which only the count and the mean length of a sequence are assumed. */
export function assumedSequences(pairs: number, tokensPerSequence: number): Sequences {
  return { pairs, tokens: 2 * pairs * tokensPerSequence, squares: 2 * pairs * tokensPerSequence ** 2 };
}

/** The size of a decoder, by its configuration. */
export function decoderSize(config: DecoderConfig, parameters: number): ModelSize {
  let layer = 0;
  for (const { inWidth, outWidth } of projections(config).values()) layer += inWidth * outWidth;
  return {
    parameters,
    weights: config.layers * layer + config.hiddenSize * config.vocabSize,
    attention: config.layers * config.heads * config.headDim,
  };
}

/** Of a model of which only the number of parameters is known: N stands for W, attention is left out. */
export function assumedSize(parameters: number): ModelSize {
  return { parameters, weights: parameters, attention: 0 };
}

/** Parameters of what the paper scored with: Qwen2.5-3B, Llama-3-8B, Qwen2.5-14B. */
export const SHAPES = { '3b': 3.09e9, '8b': 8.03e9, '14b': 14.77e9 } as const;

/** A card: FLOP a second of dense products in bfloat16 and in float32, bytes a second of its memory (data sheets). */
export const GPUS = {
  h100: { bfloat16: 989e12, float32: 67e12, bandwidth: 3.35e12 },
  h200: { bfloat16: 989e12, float32: 67e12, bandwidth: 4.8e12 },
  a100: { bfloat16: 312e12, float32: 19.5e12, bandwidth: 2.04e12 },
} as const;

/** hours = FLOP / (peak · utilisation) / 3600, of one card. */
export function gpuHours(flop: number, peak: number, utilisation: number): number {
  return flop / (peak * utilisation) / 3600;
}

/** What decides how much scoring is. */
export interface ScoringSetup {
  readonly folds: number;
  readonly seeds: number;
  readonly checkpoints: number;
  readonly epochs: number;
  readonly method: 'lora' | 'full';
  readonly again: boolean;
  /** Whether the reference pass is made once for all; else every pass makes its own, as the released code does. */
  readonly cached: boolean;
}

/**
 * run = epochs · (k−1)/k · train(pool) + checkpoints · 1/k · forward(pool), and without a cached reference a forward pass
 * more wherever there is a pass.
 */
export function scoringRunFlop(size: ModelSize, pool: Sequences, setup: ScoringSetup): number {
  const { folds, checkpoints, epochs, method, again, cached } = setup;
  const inside = shareOf(pool, (folds - 1) / folds);
  const outside = shareOf(pool, 1 / folds);
  const forward = (of: Sequences) => sequenceFlop(size, of, FORWARD);
  const train =
    sequenceFlop(size, inside, { gradient: true, method, again }) + (cached ? 0 : forward(inside));
  return epochs * train + checkpoints * (cached ? 1 : 2) * forward(outside);
}

/** All scoring runs, and the reference pass where there is one. */
export function scoringFlop(size: ModelSize, pool: Sequences, setup: ScoringSetup): number {
  const once = setup.cached ? sequenceFlop(size, pool, FORWARD) : 0;
  return once + setup.folds * setup.seeds * scoringRunFlop(size, pool, setup);
}

/** The published setup, and what is saved step by step (METHOD: Spearman's ρ of the cheap variants with the full one). */
export const LADDER: readonly { readonly name: string; readonly setup: ScoringSetup }[] = [
  ['as published: 3 seeds × 2 folds, 5 checkpoints, reference recomputed', 3, 5, false],
  ['reference cached', 3, 5, true],
  ['and the last checkpoint only', 3, 1, true],
  ['and one seed', 1, 1, true],
].map(([name, seeds, checkpoints, cached]) => ({
  name: name as string,
  setup: {
    folds: 2,
    seeds: seeds as number,
    checkpoints: checkpoints as number,
    epochs: 1,
    method: 'lora',
    again: true,
    cached: cached as boolean,
  },
}));

/**
 * Bytes on each card beside activations. LoRA: 2N, a copy of the bfloat16 weights. Full: 16N in all (bfloat16 weights and
 * gradients, float32 weights and two moments), of which ZeRO-2 shares all but the weights (2N + 14N/g) and ZeRO-3 all
 * (16N/g) among g cards.
 */
export function cardBytes(parameters: number, cards: number): Record<'lora' | 'zero2' | 'zero3', number> {
  return {
    lora: 2 * parameters,
    zero2: 2 * parameters + (14 * parameters) / cards,
    zero3: (16 * parameters) / cards,
  };
}
