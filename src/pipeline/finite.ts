import { inputError, machineError } from '../base/errors.ts';
import { openCheckpoint } from '../model/checkpoint.ts';
import { findNotFinite } from '../model/not-finite.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import type { PairScore } from '../train/preference.ts';

/** Whose log-probabilities they are. */
export interface Scorer {
  /** Folder of the start model. */
  readonly model: string;
  /** Whether it is the start model itself that scored. */
  readonly start: boolean;
  /** Steps that it was trained before. */
  readonly step?: number;
}

/**
 * Log-probabilities of a pair are numbers: a model whose weights hold NaN or infinities, or a training that ran away,
 * is told here, where the pair can be named. One such weight is enough: what it is multiplied with becomes NaN in the
 * next norm or softmax, and with it every log-probability of the text. Which weight it was is looked up only then.
 *
 * @throws inputError `model-not-finite` of a start model, machineError `diverged` of a trained one.
 */
export function needFinite(
  { chosen, rejected }: Pick<PairScore, 'chosen' | 'rejected'>,
  pair: Pick<TokenizedPair, 'id' | 'row'>,
  { model, start, step }: Scorer,
): void {
  const got = [chosen, rejected].find((value) => !Number.isFinite(value));
  if (got === undefined) return;
  const where = { file: model, row: pair.row, pair: pair.id, got: String(got) };
  const what = `a log-probability of pair ${pair.id} is not a number`;
  if (!start)
    throw machineError(
      'diverged',
      `${what} under a trained model${step === undefined ? '' : `, after step ${step}`}`,
      { ...where, step, remedy: 'Lower training.learningRate' },
    );
  const found = findNotFinite(openCheckpoint(model).weights.values());
  throw inputError('model-not-finite', `${what} under the start model`, {
    ...where,
    tensor: found?.tensor,
    remedy:
      found === null
        ? 'Its weights are finite, but too large to compute with: take another model'
        : `Its tensor ${found.tensor} in ${found.file} holds ${found.value}: fetch the model again`,
  });
}
