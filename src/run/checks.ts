import { inputError } from '../base/errors.ts';
import type { Config } from './schema.ts';
import type { Place } from './source.ts';

/** One thing decides how many pairs are kept: a share, a band, a budget. */
export function checkSelection(
  { selection }: Pick<Config, 'selection'>,
  placeOf: (key: string) => Place,
): void {
  const { band, budget, keepFraction, pricePerMillionTokens } = selection;
  const fault = (name: string, what: string, got: unknown, need: string, remedy: string) => {
    const key = `selection.${name}`;
    return inputError('config-value', what, { ...placeOf(key), key, need, got, remedy });
  };
  const budgets = (['pairs', 'tokens', 'money'] as const).filter((unit) => budget[unit] !== null);
  if (band !== null && !((band[0] as number) < (band[1] as number)))
    throw fault(
      'band',
      'selection.band is empty',
      band,
      'a lower quantile, then a higher',
      'For example [0.2, 0.8]',
    );
  if (budgets.length > 1)
    throw fault(
      'budget',
      'there are two budgets',
      budgets.join(' and '),
      'one of them',
      'Leave one of them out',
    );
  if (budget.money !== null && pricePerMillionTokens === null)
    throw fault(
      'pricePerMillionTokens',
      'a budget in money needs a price',
      null,
      'the price of a million tokens of training',
      'Set it, or give a budget of tokens or pairs',
    );
  if (keepFraction === 'auto' && (band !== null || budgets.length > 0))
    throw fault(
      'keepFraction',
      'keepFraction auto chooses a share, and a band or a budget is given',
      'auto',
      'one of them',
      'Leave one of them out',
    );
}

/** A scorer has what it needs, and nothing that means nothing to it. */
export function checkScorer(
  { difficulty, evaluation }: Pick<Config, 'difficulty' | 'evaluation'>,
  placeOf: (key: string) => Place,
): void {
  const { scorer, first, scoresFile, checkpoints } = difficulty;
  const fault = (name: string, what: string, got: unknown, need: string, remedy: string) => {
    const key = `difficulty.${name}`;
    return inputError('config-value', what, { ...placeOf(key), key, need, got, remedy });
  };
  if ((scorer === 'file') !== (scoresFile !== null))
    throw scorer === 'file'
      ? fault(
          'scoresFile',
          'the scorer file needs a file',
          null,
          'a file of scores or a run folder',
          'Name it',
        )
      : fault(
          'scoresFile',
          `a file of scores means nothing to the scorer ${scorer}`,
          scoresFile,
          'null',
          'Leave it out, or set difficulty.scorer: file',
        );
  if (scorer === 'reward-margin' && evaluation.rewardModel === null)
    throw fault(
      'scorer',
      'the scorer reward-margin needs a reward model',
      scorer,
      'evaluation.rewardModel',
      'Name a reward model, or choose another scorer',
    );
  if (scorer === 'validation-loss' && first !== 'default')
    throw fault(
      'first',
      'a low loss is easy',
      first,
      'default',
      'Leave it out; selection.direction: hardest keeps the other end',
    );
  if (scorer === 'learned-step' && checkpoints < 2)
    throw fault(
      'checkpoints',
      'a learned step needs points of the training at which it is looked for',
      checkpoints,
      'at least 2, better 10',
      'Set difficulty.checkpoints',
    );
}
