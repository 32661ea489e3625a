import { addDims, type Dim } from '../tensor/dim.ts';
import { attention } from '../tensor/neural.ts';
import { concatenate, reshape, split, transpose } from '../tensor/shape-ops.ts';
import { input, type Value } from '../tensor/value.ts';
import type { DecoderConfig } from './architecture.ts';

/** Queries [B, T, H·d], keys and values [B, T, KV·d]. */
export type Heads = Readonly<Record<'queries' | 'keys' | 'values', Value>>;

/** Which tokens see which: the part of a layer's graph between its projections. */
export interface SightGraph {
  /** T: tokens of a row. */
  readonly tokens: Dim;
  /** Masks, and what tells the segments' sizes. */
  readonly feeds: Readonly<Record<string, Value>>;
  /** Keys and values of earlier tokens, [B, KV, P, d]. */
  readonly past: Readonly<Record<'pastKeys' | 'pastValues', Value>> | null;
  /**
   * What attention puts out, segment by segment [B, KV, G, Sᵢ, d], and the keys and values that the next tokens
   * will see, [B, KV, P + T, d].
   */
  attend(
    config: DecoderConfig,
    heads: Heads,
  ): {
    readonly attended: readonly Value[];
    readonly present: Readonly<Record<'keys' | 'values', Value>> | null;
  };
}

/**
 * Rows in segments: tokens of the first see each other, those of a later one the first and each other, as far as
 * the masks let them. With one segment, anything.
 */
export function segmentedSight(count: number): SightGraph {
  const sizes = Array.from({ length: count }, (_, i) => (count === 1 ? 'T' : `S${i}`));
  const first = sizes[0] as string;
  const keyCounts = sizes.map((size, i) => (i === 0 ? size : addDims(first, size)));
  const masks = sizes.map((size, i) => input(`mask${i}`, ['B', 1, 1, size, keyCounts[i] as Dim]));
  const segments = input('segments', [count], 'i64');
  return {
    tokens: sizes.reduce<Dim>((sum, size) => (sum === 0 ? size : addDims(sum, size)), 0),
    feeds: {
      ...Object.fromEntries(masks.map((mask, i) => [`mask${i}`, mask])),
      ...(count > 1 ? { segments } : {}),
    },
    past: null,
    attend(config, { queries, keys, values }) {
      const cut = (x: Value) => (count === 1 ? [x] : split(x, 1, sizes, segments));
      const [q, k, v] = [cut(queries), cut(keys), cut(values)];
      const behindFirst = (parts: readonly Value[], i: number) => {
        const own = parts[i] as Value;
        return splitHeads(config, i === 0 ? own : concatenate([parts[0] as Value, own], 1));
      };
      const attended = q.map((own, i) =>
        attend(config, own, behindFirst(k, i), behindFirst(v, i), masks[i] as Value),
      );
      return { attended, present: null };
    },
  };
}

/** Generation: T new tokens behind P past ones, whose keys and values are kept. */
export function cachedSight({ kvHeads, headDim }: DecoderConfig): SightGraph {
  const mask = input('mask0', ['B', 1, 1, 'T', 'P+T']);
  const pastKeys = input('pastKeys', ['B', kvHeads, 'P', headDim]);
  const pastValues = input('pastValues', ['B', kvHeads, 'P', headDim]);
  return {
    tokens: 'T',
    feeds: { mask0: mask },
    past: { pastKeys, pastValues },
    attend(config, heads) {
      const keys = concatenate([pastKeys, splitHeads(config, heads.keys)], 2);
      const values = concatenate([pastValues, splitHeads(config, heads.values)], 2);
      return { attended: [attend(config, heads.queries, keys, values, mask)], present: { keys, values } };
    },
  };
}

/** Queries [B, T, H·d] over keys and values [B, KV, S, d] → [B, KV, G, T, d]. */
function attend(config: DecoderConfig, queries: Value, keys: Value, values: Value, mask: Value): Value {
  const { heads, kvHeads, headDim, attentionScale, attentionSoftcap } = config;
  // Query heads that share a key/value head sit beside each other: [B, KV, G, T, d] against [B, KV, 1, S, d].
  const grouped = reshape(queries, [...queries.shape.slice(0, 2), kvHeads, heads / kvHeads, headDim]);
  const oneGroup = (x: Value) => reshape(x, ['B', kvHeads, 1, x.shape[2] as Dim, headDim]);
  const q = transpose(grouped, [0, 2, 3, 1, 4]);
  return attention(q, oneGroup(keys), oneGroup(values), mask, attentionScale, attentionSoftcap);
}

/** [B, T, KV·d] → [B, KV, T, d] */
function splitHeads({ kvHeads, headDim }: DecoderConfig, x: Value): Value {
  return transpose(reshape(x, [...x.shape.slice(0, 2), kvHeads, headDim]), [0, 2, 1, 3]);
}

/** [B, KV, G, T, d] → [B, T, H·d] */
export function mergeHeads(x: Value): Value {
  const [B, KV, G, T, d] = x.shape as [Dim, number, number, Dim, number];
  return reshape(transpose(x, [0, 3, 1, 2, 4]), [B, T, KV * G * d]);
}
