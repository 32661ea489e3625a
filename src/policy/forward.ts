import type { LayerKind } from '../model/architecture.ts';
import type { HostTensor } from '../tensor/program.ts';
import { type RowBatch, windowMask } from '../text/rows.ts';
import type { Policy } from './policy.ts';

/** Feeds of one layer beside its own: where its tokens stand and what they see. */
export type SharedFeeds = Record<'positions' | 'mask' | 'cosine' | 'sine', HostTensor>;

/** The shared feeds of a batch, by layer; layers of one kind have the same. */
export function sharedFeeds(policy: Policy, batch: RowBatch): (layer: number) => SharedFeeds {
  const { rows, length } = batch;
  const masks = new Map<number | null, HostTensor>();
  const maskOf = (window: number | null): HostTensor => {
    // A window that the longest text does not fill hides nothing.
    const key = window === null || window >= batch.positionCount ? null : window;
    let mask = masks.get(key);
    if (mask === undefined) {
      const data = key === null ? batch.mask : windowMask(batch, key);
      mask = { data, shape: [rows, 1, 1, length, length] };
      masks.set(key, mask);
    }
    return mask;
  };
  return (layer) => {
    const { window, rope } = policy.config.layerKinds[layer] as LayerKind;
    return {
      positions: { data: batch.positions, shape: [rows, length] },
      mask: maskOf(window),
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

/** The hidden states that predict completion tokens, [N, D], for a slice [from, to) of the predictions. */
export function gatherPredicting(
  policy: Policy,
  hidden: HostTensor,
  batch: RowBatch,
  from: number,
  to: number,
): HostTensor {
  const width = policy.config.hiddenSize;
  const source = hidden.data as Float32Array;
  const data = policy.arena.allocate((to - from) * width);
  for (let n = from; n < to; n++) {
    const at = (batch.predictions.at[n] as number) * width;
    data.set(source.subarray(at, at + width), (n - from) * width);
  }
  return { data, shape: [to - from, width] };
}

/** Logits of one chunk of the head stay under this many bytes. */
const HEAD_CHUNK_BYTES = 128e6;

/** Half-open ranges over the predictions, so that the logits of each fit in memory. */
export function headChunks(policy: Policy, predictions: number): [number, number][] {
  const step = Math.max(1, Math.floor(HEAD_CHUNK_BYTES / (4 * policy.config.vocabSize)));
  const chunks: [number, number][] = [];
  for (let from = 0; from < predictions; from += step)
    chunks.push([from, Math.min(predictions, from + step)]);
  return chunks;
}

export function targetFeed(batch: RowBatch, from: number, to: number): HostTensor {
  return { data: batch.predictions.target.subarray(from, to), shape: [to - from, 1] };
}
