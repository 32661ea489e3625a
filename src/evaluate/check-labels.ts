import { deriveSeed } from '../base/random.ts';
import { bootstrapStatistics } from '../stats/bootstrap-statistics.ts';
import type { Interval } from '../stats/interval.ts';
import { fleissKappa } from '../stats/kappa.ts';
import { clusteredProportion, type Proportion } from '../stats/proportion.ts';
import { type Agreement, agreementOf, kappaStatistic, type Labels } from './agreement.ts';
import { type Label, type LabelSet, lengthSign, majority } from './labelled.ts';

/** What human labels are, before any judge is held against them. */
export interface LabelCheck {
  readonly pairs: number;
  /** Different prompts: intervals take the pairs of one prompt together. */
  readonly prompts: number;
  readonly annotators: readonly string[];
  /** Of the label that more annotators give than any other; `none` where no label has that. */
  readonly majority: Readonly<Record<Label | 'none', number>>;
  /** How often the answer that the majority prefers is the longer one; of pairs with a preference and unequal lengths. */
  readonly longer: Proportion | null;
  /** How often it is the answer that the file has first. */
  readonly first: Proportion | null;
  /** Annotators among themselves; null with one. */
  readonly ceiling: HumanCeiling | null;
}

export interface HumanCeiling {
  readonly betweenTwo: readonly (Agreement & { readonly a: string; readonly b: string })[];
  /** Each against the label that most of the others give; pairs where none of theirs has most are not counted. */
  readonly againstOthers: readonly (Agreement & { readonly annotator: string })[];
  /** Mean of `betweenTwo`: what a judge's mean agreement with single annotators can be held against. */
  readonly meanAccuracy: number | null;
  readonly meanKappa: number | null;
  /** Over the pairs that all have labelled. */
  readonly fleissKappa: Interval | null;
}

export interface CheckOptions {
  /** Of the bootstrap behind the intervals of kappas and differences. */
  readonly seed: number;
  /** Default 2,000. */
  readonly resamples?: number;
}

/** How far annotators agree, each with each and with the others' majority: the ceiling for any judge. */
export function checkLabels({ annotators, pairs }: LabelSet, options: CheckOptions): LabelCheck {
  const clusters = pairs.map(({ prompt }) => prompt);
  const most = pairs.map(({ labels }) => majority(labels));
  const count = (label: Label | null) => most.filter((other) => other === label).length;
  const preferred = pairs
    .map((pair, i) => ({ label: most[i], sign: lengthSign(pair), cluster: pair.prompt }))
    .filter(({ label }) => label === 'a' || label === 'b');
  const unequal = preferred.filter(({ sign }) => sign !== 0);
  return {
    pairs: pairs.length,
    prompts: new Set(clusters).size,
    annotators,
    majority: { a: count('a'), b: count('b'), tie: count('tie'), none: count(null) },
    longer: clusteredProportion(
      unequal.map(({ label, sign }) => (label === (sign > 0 ? 'a' : 'b') ? 1 : 0)),
      unequal.map(({ cluster }) => cluster),
    ),
    first: clusteredProportion(
      preferred.map(({ label }) => (label === 'a' ? 1 : 0)),
      preferred.map(({ cluster }) => cluster),
    ),
    ceiling: annotators.length < 2 ? null : ceilingOf({ annotators, pairs }, clusters, options),
  };
}

function ceilingOf(
  { annotators, pairs }: LabelSet,
  clusters: readonly string[],
  { seed, resamples }: CheckOptions,
): HumanCeiling {
  const of = (k: number): Labels => pairs.map(({ labels }) => labels[k] as Label | null);
  const othersOf = (k: number): Labels =>
    pairs.map(({ labels }) => majority(labels.filter((_, i) => i !== k)));
  const twos = annotators.flatMap((a, i) =>
    annotators.slice(i + 1).map((b, j) => ({ a, b, x: of(i), y: of(i + 1 + j) })),
  );
  const alone = annotators.map((annotator, k) => ({ annotator, x: of(k), y: othersOf(k) }));
  const whole = pairs.map(({ labels }) => (labels.includes(null) ? 0 : 1));
  const counts = pairs.map(({ labels }) =>
    (['a', 'b', 'tie'] as const).map((label, k) => {
      const votes = labels.filter((other) => other === label).length;
      // Its weight is 0, but as many votes must stand there.
      return k === 2 ? votes + labels.filter((other) => other === null).length : votes;
    }),
  );
  const kappas = [...twos, ...alone].map(({ x, y }) => kappaStatistic(x, y));
  const intervals = bootstrapStatistics(
    pairs.length,
    (weights) => [
      ...kappas.map((kappa) => kappa(weights)),
      fleissKappa(
        counts,
        weights.map((weight, i) => weight * (whole[i] as number)),
      ),
    ],
    { seed: deriveSeed(seed, 'labels'), clusters, ...(resamples === undefined ? {} : { resamples }) },
  );
  const betweenTwo = twos.map(({ a, b, x, y }, k) => ({
    a,
    b,
    ...agreementOf(x, y, clusters),
    kappa: intervals[k] as Interval | null,
  }));
  return {
    betweenTwo,
    againstOthers: alone.map(({ annotator, x, y }, k) => ({
      annotator,
      ...agreementOf(x, y, clusters),
      kappa: intervals[twos.length + k] as Interval | null,
    })),
    meanAccuracy: meanOf(betweenTwo.map(({ accuracy }) => accuracy)),
    meanKappa: meanOf(betweenTwo.map(({ kappa }) => kappa)),
    fleissKappa: intervals.at(-1) as Interval | null,
  };
}

/** Mean of the values; null where one is not known. */
export function meanOf(values: readonly (Interval | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value.value;
  }
  return values.length === 0 ? null : sum / values.length;
}
