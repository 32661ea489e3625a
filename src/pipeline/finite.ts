import { inputError, machineError } from '../base/errors.ts';
import type { PairScore } from '../train/preference.ts';

/**
 * Log-probabilities of a pair are numbers: a model whose weights hold NaN, or a training that ran away, is told here,
 * where the row can be named.
 *
 * @param where of the file `model`, and whether it is the `start` model that scored.
 * @throws inputError `model-not-finite` of a start model, machineError `diverged` of a trained one.
 */
export function needFinite(
  { chosen, rejected }: Pick<PairScore, 'chosen' | 'rejected'>,
  row: number | undefined,
  { model, start }: { readonly model: string; readonly start: boolean },
): void {
  const got = [chosen, rejected].find((value) => !Number.isFinite(value));
  if (got === undefined) return;
  const where = { file: model, ...(row === undefined ? {} : { row }), got: String(got) };
  const what = 'a log-probability of this pair is not a number';
  throw start
    ? inputError('model-not-finite', `${what} under the start model`, {
        ...where,
        remedy: 'Its weights hold NaN or infinities, or are too large to compute with: fetch the model again',
      })
    : machineError('diverged', `${what} under a trained model`, {
        ...where,
        remedy: 'Lower training.learningRate',
      });
}
