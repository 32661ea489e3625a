import { inputError } from '../base/errors.ts';
import { deriveSeed } from '../base/random.ts';
import { bootstrapStatistics } from '../stats/bootstrap-statistics.ts';
import type { Interval } from '../stats/interval.ts';
import { type Agreement, agreementOf, kappaStatistic, type Labels } from './agreement.ts';
import { type CheckOptions, meanOf } from './check-labels.ts';
import { type LengthBias, lengthBias, type PositionShare, positionBias } from './judge-bias.ts';
import {
  type JudgeVerdict,
  type JudgeVerdicts,
  type Label,
  type LabelSet,
  lengthSign,
  majority,
} from './labelled.ts';

/** A judge held against human labels. */
export interface JudgeCheck {
  readonly judge: string;
  /** Pairs with a verdict that could be read, in every order asked. */
  readonly judged: number;
  readonly notAsked: number;
  /** Pairs whose verdict could not be read in one of the orders asked: in no figure below. */
  readonly unreadable: number;
  /** Verdicts whose id no pair has. */
  readonly unknownIds: number;
  /** Verdicts of a tie; with both orders also where they name different answers. */
  readonly ties: number;
  /** Against the label that most annotators give. */
  readonly againstMajority: Agreement;
  /** Against each annotator; with one the same as `againstMajority`. */
  readonly againstEach: readonly (Agreement & { readonly annotator: string })[];
  readonly meanAccuracy: number | null;
  readonly meanKappa: number | null;
  readonly position: PositionShare;
  readonly length: LengthBias;
}

/**
 * Calibration of a judge against human labels.
 *
 * A pair's verdict is that of the order asked, or of both: where they name different answers it is a tie
 * (*Reference:* Zheng et al. 2023, arXiv 2306.05685, section 3.4). The human label is the one that more annotators give
 * than any other; pairs without such a label are not in `againstMajority` and in no bias. Shares have Wilson's interval
 * by prompt, kappas and differences a bootstrap over prompts. Without a verdict every figure is null.
 *
 * @throws inputError where there are verdicts, but not one has the id of a pair.
 */
export function checkJudge(
  { annotators, pairs }: LabelSet,
  { judge, verdicts }: JudgeVerdicts,
  options: CheckOptions,
): JudgeCheck {
  const asked = pairs.map(({ id }) => verdicts.get(id) ?? null);
  const known = asked.filter((verdict) => verdict !== null).length;
  if (known === 0 && verdicts.size > 0)
    throw inputError('no-common-ids', `no verdict of ${judge} has the id of a labelled pair`, {
      got: [...verdicts.keys()].slice(0, 3),
      need: pairs.slice(0, 3).map(({ id }) => id),
      remedy: 'Name the verdicts on these pairs',
    });
  const says: Labels = asked.map((verdict) => (verdict === null ? null : combined(verdict)));
  const most: Labels = pairs.map(({ labels }) => majority(labels));
  const clusters = pairs.map(({ prompt }) => prompt);
  const each = annotators.map((_, k): Labels => pairs.map(({ labels }) => labels[k] as Label | null));
  const kappas = [most, ...each].map((labels) => kappaStatistic(says, labels));
  const within = { ...options, seed: deriveSeed(options.seed, 'judge', judge) };
  const intervals = bootstrapStatistics(pairs.length, (weights) => kappas.map((kappa) => kappa(weights)), {
    ...within,
    clusters,
  });
  const against = (labels: Labels, k: number): Agreement => ({
    ...agreementOf(says, labels, clusters),
    kappa: intervals[k] as Interval | null,
  });
  const againstEach = annotators.map((annotator, k) => ({
    annotator,
    ...against(each[k] as Labels, 1 + k),
  }));
  const judged = says.filter((label) => label !== null).length;
  return {
    judge,
    judged,
    notAsked: pairs.length - known,
    unreadable: known - judged,
    unknownIds: verdicts.size - known,
    ties: says.filter((label) => label === 'tie').length,
    againstMajority: against(most, 0),
    againstEach,
    meanAccuracy: meanOf(againstEach.map(({ accuracy }) => accuracy)),
    meanKappa: meanOf(againstEach.map(({ kappa }) => kappa)),
    position: positionBias(asked, most, clusters, within),
    length: lengthBias(says, most, pairs.map(lengthSign), clusters, within),
  };
}

function combined({ first, swapped }: JudgeVerdict): Label | null {
  if (swapped === undefined || first === null || swapped === null) return swapped === null ? null : first;
  return first === swapped ? first : 'tie';
}
