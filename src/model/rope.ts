import type { ConfigReader } from './config-reader.ts';

/**
 * A rotary embedding (Su et al. 2021): position p turns the plane i < d/2 of a head by p · frequency_i, with
 * frequency_i = θ^(−2i/d), changed by a scaling that stretches a model's context.
 */
export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling | null;
}

/** A rope as config.json tells it, with the share of a head that it turns and the positions that it reaches. */
export interface ReadRope {
  readonly rope: Rope;
  /** Width of a head that is turned; what is beyond it stays. */
  readonly rotaryDim: number;
  readonly maxPositions: number;
}

export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  /** Phi-3's: a divisor for each plane, and a factor on cosine and sine. */
  | {
      readonly type: 'longrope';
      readonly divisors: readonly number[];
      readonly tableFactor: number;
      readonly originalMaxPositions: number;
    };

const TYPES = ['default', 'linear', 'llama3', 'longrope'] as const;

/** What an architecture assumes where config.json is silent, and what it can do. */
export interface RopeDefaults {
  readonly theta: number;
  readonly headDim: number;
  readonly maxPositions: number;
  /** Whether the architecture knows heads that are turned in part. */
  readonly partial: boolean;
}

/**
 * The rotary embedding of config.json: `rope_theta` with `rope_scaling` (transformers 4) or `rope_parameters`
 * (transformers 5). A model with several ropes gives the `parameters` of the one that is asked for.
 *
 * *Reference:* huggingface/transformers `modeling_rope_utils.py`.
 */
export function readRope(
  read: ConfigReader,
  { theta, headDim, maxPositions, partial }: RopeDefaults,
  parameters: ConfigReader | null = read.object('rope_parameters'),
): ReadRope {
  const scaling = parameters ?? read.object('rope_scaling');
  const base = parameters?.has('rope_theta')
    ? parameters.positive('rope_theta')
    : read.positive('rope_theta', theta);
  const key = 'partial_rotary_factor';
  const shareFrom = scaling?.has(key) ? scaling : read;
  const share = shareFrom.positive(key, 1);
  const rotaryDim = Math.floor(headDim * share);
  if (share > 1 || (share < 1 && !partial)) throw shareFrom.unsupported(key, 1, share);
  if (rotaryDim % 2 !== 0 || rotaryDim === 0)
    throw shareFrom.bad(key, 'a share that turns an even number of dimensions', share);
  if (scaling === null)
    return { rope: checked({ theta: base, scaling }, rotaryDim, read), rotaryDim, maxPositions };
  const type = scaling.oneOf(scaling.has('rope_type') ? 'rope_type' : 'type', TYPES, 'default');
  const value = readScaling(type, read, scaling, rotaryDim, maxPositions);
  // Beyond the original context transformers takes other divisors for the whole sequence, its start too: one text
  // would have two probabilities. The original context is the limit here.
  const limit = value?.type === 'longrope' ? value.originalMaxPositions : maxPositions;
  const rope = checked({ theta: base, scaling: value }, rotaryDim, scaling);
  return { rope, rotaryDim, maxPositions: Math.min(limit, maxPositions) };
}

/** The rope, if every position of a text turns by an angle that is a number. */
function checked(rope: Rope, rotaryDim: number, from: ConfigReader): Rope {
  const got = ropeFrequencies(rope, rotaryDim).find((frequency) => !Number.isFinite(frequency * 2 ** 31));
  if (got === undefined) return rope;
  throw from.bad(rope.scaling === null ? 'rope_theta' : 'rope_type', 'angles that are numbers', got);
}

function readScaling(
  type: (typeof TYPES)[number],
  read: ConfigReader,
  scaling: ConfigReader,
  rotaryDim: number,
  maxPositions: number,
): RopeScaling | null {
  const original = 'original_max_position_embeddings';
  switch (type) {
    case 'default':
      return null;
    case 'linear':
      return { type, factor: scaling.positive('factor') };
    case 'llama3': {
      const lowFreqFactor = scaling.positive('low_freq_factor');
      const highFreqFactor = scaling.positive('high_freq_factor');
      if (highFreqFactor <= lowFreqFactor)
        throw scaling.bad('high_freq_factor', `more than low_freq_factor = ${lowFreqFactor}`, highFreqFactor);
      const factor = scaling.positive('factor');
      return { type, factor, lowFreqFactor, highFreqFactor, originalMaxPositions: scaling.count(original) };
    }
    case 'longrope': {
      const originalMaxPositions = (scaling.has(original) ? scaling : read).count(original);
      const factor = scaling.positive('factor', maxPositions / originalMaxPositions);
      const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
      return {
        type,
        divisors: scaling.numbers('short_factor', rotaryDim / 2),
        tableFactor: scaling.positive('attention_factor', usual),
        originalMaxPositions,
      };
    }
  }
}

/** Angle per position of each plane, d/2 numbers; d is the width that is turned. */
export function ropeFrequencies({ theta, scaling }: Rope, rotaryDim: number): number[] {
  return Array.from({ length: rotaryDim / 2 }, (_, i) => scaled(theta ** ((-2 * i) / rotaryDim), i, scaling));
}

function scaled(frequency: number, plane: number, scaling: RopeScaling | null): number {
  switch (scaling?.type) {
    case undefined:
      return frequency;
    case 'linear':
      return frequency / scaling.factor;
    case 'longrope':
      return frequency / (scaling.divisors[plane] as number);
    case 'llama3': {
      // Short waves stay, long ones are stretched, those between are blended (Llama 3.1).
      const { factor, lowFreqFactor: low, highFreqFactor: high } = scaling;
      const turns = (scaling.originalMaxPositions * frequency) / (2 * Math.PI);
      const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      return frequency * (kept + (1 - kept) / factor);
    }
  }
}

/**
 * Tables for positions 0 … `positions` − 1: cosine and sine, each [positions, d/2], computed in float64.
 * Without a rope the turn is by nothing: cosine 1, sine 0.
 */
export function rotaryTables(
  rope: Rope | null,
  rotaryDim: number,
  positions: number,
): { cosine: Float32Array; sine: Float32Array } {
  const half = rotaryDim / 2;
  const cosine = new Float32Array(positions * half);
  const sine = new Float32Array(positions * half);
  if (rope === null) return { cosine: cosine.fill(1), sine };
  const factor = rope.scaling?.type === 'longrope' ? rope.scaling.tableFactor : 1;
  ropeFrequencies(rope, rotaryDim).forEach((frequency, i) => {
    for (let p = 0; p < positions; p++) {
      cosine[p * half + i] = factor * Math.cos(p * frequency);
      sine[p * half + i] = factor * Math.sin(p * frequency);
    }
  });
  return { cosine, sine };
}
