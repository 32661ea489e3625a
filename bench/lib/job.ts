import type { Precision } from '../../src/tensor/integer-products.ts';
import type { ShapeName } from './shapes.ts';

export interface OnModel {
  /** A model folder. */
  readonly model: string;
  readonly threads: number;
  /** LoRA's, on all linear layers; 0: nothing is trained. */
  readonly rank: number;
  /** A JSON file of `PlainPair`s, used in its order, in turns. */
  readonly pairs: string;
  /** Of scoring; default f32. */
  readonly precision?: Precision;
}

/** What one of our worker processes is started for. */
export type Job =
  | ({ readonly kind: 'train'; readonly step: number } & OnModel)
  | ({ readonly kind: 'score' } & OnModel)
  | ({ readonly kind: 'first' } & OnModel)
  | { readonly kind: 'write-shape'; readonly shape: ShapeName };
