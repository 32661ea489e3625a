import type { ErrorFields, ErrorKind } from '../base/errors.ts';

/** How far a unit is: `done` of `total` of `what` (steps, pairs, prompts …). */
export interface UnitProgress {
  readonly done: number;
  readonly total: number;
  readonly what: string;
  /** In nats. */
  readonly loss?: number;
}

/** One line of a worker's stdout. */
export type WorkerEvent = UnitProgress | { readonly note: string } | { readonly error: WorkerErrorEvent };

export interface WorkerErrorEvent {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly fields: ErrorFields;
}
