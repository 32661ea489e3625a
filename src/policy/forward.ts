import type { DecoderConfig, LayerKind } from '../model/architecture.ts';
import type { HostTensor } from '../tensor/program.ts';
import { type RowBatch, windowMasks } from '../text/rows.ts';
import type { Policy } from './policy.ts';

/** Feeds of one layer beside its own: where its tokens stand and what they see. */
export type SharedFeeds = Readonly<Record<string, HostTensor>>;

/** The shared feeds of a batch, by layer; layers of one kind have the same. */
export function sharedFeeds(policy: Policy, batch: RowBatch): (layer: number) => SharedFeeds {
  const { rows, length, segments } = batch;
  const positions = { data: batch.positions, shape: [rows, length] };
  const sizes = { data: BigInt64Array.from(segments, BigInt), shape: [segments.length] };
  const made = new Map<number | null, SharedFeeds>();
  const masks = (window: number | null): SharedFeeds => {
    // A window that the longest text does not fill hides nothing.
    const key = window === null || window >= batch.positionCount ? null : window;
    let feeds = made.get(key);
    if (feeds === undefined) {
      const first = segments[0] as number;
      const arrays = key === null ? batch.masks : windowMasks(batch, key);
      feeds = Object.fromEntries(
        arrays.map((data, i) => {
          const own = segments[i] as number;
          return [`mask${i}`, { data, shape: [rows, 1, 1, own, i === 0 ? own : first + own] }];
        }),
      );
      made.set(key, feeds);
    }
    return feeds;
  };
  return (layer) => {
    const { window, rope } = policy.config.layerKinds[layer] as LayerKind;
    return {
      positions,
      segments: sizes,
      ...masks(window),
      // The operation asks for as many table rows as the row has tokens, though shared prompts need fewer positions.
      ...policy.rotary(rope, Math.max(batch.positionCount, length)),
    };
  };
}

/** Token embeddings of the batch, [B, T, D], in the policy's arena. */
export async function embed(policy: Policy, batch: RowBatch): Promise<HostTensor> {
  const program = await policy.programs.embed();
  const ids = { data: batch.ids, shape: [batch.rows, batch.length] };
  return (await program.run({ ids, ...policy.outerFeeds }, policy.arena.allocate)).hidden as HostTensor;
}

/** The batch through all layers without a backward pass to come: [B, T, D], before the last norm. */
export async function lastHidden(policy: Policy, batch: RowBatch): Promise<HostTensor> {
  const { arena, programs } = policy;
  arena.release();
  const shared = sharedFeeds(policy, batch);
  let hidden = await embed(policy, batch);
  // Two buffers take turns; what a layer leaves behind is given back before the next.
  const buffers = [hidden.data as Float32Array, arena.allocate(hidden.data.length)];
  for (let layer = 0; layer < policy.config.layers; layer++) {
    const program = await programs.score(layer, batch.segments.length);
    const free = buffers[(layer + 1) % 2] as Float32Array;
    hidden = (await program.run({ hidden, ...shared(layer), ...policy.layerFeeds(layer) }, () => free))
      .out as HostTensor;
  }
  return hidden;
}

/** The hidden states that predict completion tokens, [N, D], for a slice [from, to) of the predictions. */
export function gatherPredicting(
  policy: Policy,
  hidden: HostTensor,
  batch: RowBatch,
  from: number,
  to: number,
): HostTensor {
  return gatherHidden(policy, hidden, batch.predictions.at.subarray(from, to));
}

/** The hidden states at these places of B·T, [N, D]. */
export function gatherHidden(policy: Policy, hidden: HostTensor, places: Int32Array): HostTensor {
  const width = policy.config.hiddenSize;
  const source = hidden.data as Float32Array;
  const data = policy.arena.allocate(places.length * width);
  places.forEach((place, n) => {
    data.set(source.subarray(place * width, (place + 1) * width), n * width);
  });
  return { data, shape: [places.length, width] };
}

/** Logits of one chunk of the head stay under this many bytes. */
const HEAD_CHUNK_BYTES = 160e6;

/**
 * Half-open ranges over the predictions, so that the logits of each fit in memory; about equally long, because each
 * reads the whole output embedding.
 */
export function headChunks(policy: Policy, predictions: number): [number, number][] {
  const chunks = Math.ceil(predictions / headChunkRows(policy.config));
  const start = (chunk: number) => Math.floor((chunk * predictions) / chunks);
  return Array.from({ length: chunks }, (_, chunk) => [start(chunk), start(chunk + 1)]);
}

/** Most predictions of one chunk. */
export function headChunkRows({ vocabSize }: Pick<DecoderConfig, 'vocabSize'>): number {
  return Math.max(1, Math.floor(HEAD_CHUNK_BYTES / (4 * vocabSize)));
}

export function targetFeed(batch: RowBatch, from: number, to: number): HostTensor {
  return { data: batch.predictions.target.subarray(from, to), shape: [to - from, 1] };
}
