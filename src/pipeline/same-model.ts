import { inputError } from '../base/errors.ts';
import { type Checkpoint, openCheckpoint } from '../model/checkpoint.ts';
import type { UnitContext } from '../run/worker.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { fittingAdapter } from './start.ts';

type Given = Pick<UnitContext, 'spec' | 'places'>;

const SHA256 = /^[0-9a-f]{64}$/;
const REMEDY =
  'Do not change a model while a run uses it. Put it back, or run the same command again: what was made with another model is then computed anew';

/**
 * Holds a model that a worker has opened against the one that the unit was made for: both may have the same name. Its
 * weights are only read for that where their files look different from what the driver saw.
 * @throws inputError `model-changed`.
 */
export function needSameModel({ spec, places }: Given, checkpoint: Checkpoint): void {
  const need = spec.inputs.model;
  // What an arm has trained is another unit's, and held against its record.
  if (checkpoint.dir !== places.model || typeof need !== 'string' || !SHA256.test(need)) return;
  if (places.modelStamp === checkpoint.stamp || checkpoint.hash === need) return;
  throw changed('the model', checkpoint.dir, need, checkpoint.hash);
}

/** As `needSameModel`, for files that may have been changed while they were used. */
export function needModelUnchanged(given: Given, opened: Checkpoint): void {
  if (opened.dir === given.places.model) needSameModel(given, openCheckpoint(opened.dir));
}

/** @throws inputError `model-changed`, of the adapter that the start model comes with. */
export function needSameAdapter({ spec, places }: Given, checkpoint: Checkpoint): void {
  const need = spec.inputs.adapter;
  if (places.adapter === undefined || typeof need !== 'string') return;
  const { hash } = fittingAdapter(places.adapter, checkpoint);
  if (hash !== need) throw changed('the adapter to go on from', places.adapter, need, hash);
}

/** @throws inputError `model-changed`, of the tokenizer that answers are told with. */
export function needSameTokenizer(need: string, tokenizer: TextTokenizer): void {
  if (SHA256.test(need) && tokenizer.hash !== need)
    throw changed('the tokenizer', tokenizer.source, need, tokenizer.hash);
}

function changed(what: string, file: string, need: string, got: string) {
  return inputError('model-changed', `${what} is no longer the one that this run began with`, {
    file,
    need: `SHA-256 ${need.slice(0, 16)}…`,
    got: `${got.slice(0, 16)}…`,
    remedy: REMEDY,
  });
}
