import { deriveSeed } from '../base/random.ts';
import { bootstrapStatistics } from '../stats/bootstrap-statistics.ts';
import { partialOf } from '../stats/correlation.ts';
import type { Interval } from '../stats/interval.ts';
import { clusteredProportion, type Proportion } from '../stats/proportion.ts';
import { signTest } from '../stats/sign-test.ts';
import type { Labels } from './agreement.ts';
import type { CheckOptions } from './check-labels.ts';
import type { JudgeVerdict } from './labelled.ts';

/** Whether a judge prefers a place to an answer. */
export type PositionShare =
  /** Pairs were judged in both orders, so that quality falls out. */
  | {
      readonly known: true;
      /** Pairs with a verdict in both orders. */
      readonly n: number;
      /** Both orders name the same answer, or both a tie. */
      readonly consistent: Proportion | null;
      /** Of all verdicts of both orders that prefer one: the answer shown first. ½ without bias. */
      readonly firstShare: Proportion | null;
      /** Pairs in which the answer shown first was preferred twice, or the one shown second. */
      readonly alwaysFirst: number;
      readonly alwaysSecond: number;
      /** Sign test of the two. */
      readonly p: number;
    }
  /** One order: what a judge prefers and what place it prefers cannot be told apart, only held against the labels. */
  | {
      readonly known: false;
      /** Pairs in which both the judge and the label prefer an answer. */
      readonly n: number;
      readonly firstShare: Proportion | null;
      /** Also of pairs in which the judge says tie. */
      readonly labelFirstShare: Proportion | null;
      /** The judge's less the labels'. */
      readonly difference: Interval | null;
    };

/** Whether a judge prefers the longer answer more than the labels do. */
export interface LengthBias {
  /** Pairs in which both the judge and the label prefer an answer, and lengths differ. */
  readonly n: number;
  readonly longerShare: Proportion | null;
  /** Also of pairs in which the judge says tie: where it does may depend on length. */
  readonly labelLongerShare: Proportion | null;
  /** The judge's less the labels'. */
  readonly difference: Interval | null;
  /** Where they disagree: how often the judge takes the longer answer. */
  readonly errorsLonger: Proportion | null;
  /** What that would be if errors fell on short and long answers alike: the labels' share of shorter ones. */
  readonly errorsLongerByChance: number | null;
  /** Of verdict and length (which is longer), given the label. 0 without bias. */
  readonly partialCorrelation: Interval | null;
}

export function positionBias(
  asked: readonly (JudgeVerdict | null)[],
  labels: Labels,
  clusters: readonly string[],
  options: CheckOptions,
): PositionShare {
  const rows = asked.map((verdict, i) => ({ verdict, label: labels[i], cluster: clusters[i] as string }));
  const both = rows.filter(({ verdict }) => verdict?.first != null && verdict.swapped != null);
  if (both.length === 0) {
    const shares = sharesOf(
      rows
        .filter(
          ({ verdict, label }) => verdict?.first != null && verdict.swapped === undefined && isSide(label),
        )
        .map(({ verdict, label, cluster }) => ({
          judge: isSide(verdict?.first) ? verdict.first === 'a' : null,
          label: label === 'a',
          cluster,
        })),
      { ...options, seed: deriveSeed(options.seed, 'first') },
    );
    const { share, labelShare, ...rest } = shares;
    return { known: false, ...rest, firstShare: share, labelFirstShare: labelShare };
  }
  const shown = both.flatMap(({ verdict, cluster }) => [
    { side: verdict?.first, first: 'a', cluster },
    { side: verdict?.swapped, first: 'b', cluster },
  ]);
  const preferring = shown.filter(({ side }) => isSide(side));
  const always = (first: string, swapped: string) =>
    both.filter(({ verdict }) => verdict?.first === first && verdict.swapped === swapped).length;
  const [alwaysFirst, alwaysSecond] = [always('a', 'b'), always('b', 'a')];
  return {
    known: true,
    n: both.length,
    consistent: clusteredProportion(
      both.map(({ verdict }) => (verdict?.first === verdict?.swapped ? 1 : 0)),
      both.map(({ cluster }) => cluster),
    ),
    firstShare: clusteredProportion(
      preferring.map(({ side, first }) => (side === first ? 1 : 0)),
      preferring.map(({ cluster }) => cluster),
    ),
    alwaysFirst,
    alwaysSecond,
    p: signTest([...Array<number>(alwaysFirst).fill(1), ...Array<number>(alwaysSecond).fill(-1)]).p,
  };
}

export function lengthBias(
  verdicts: Labels,
  labels: Labels,
  /** Of a's length less b's. */
  signs: readonly number[],
  clusters: readonly string[],
  options: CheckOptions,
): LengthBias {
  const rows = verdicts.map((verdict, i) => {
    const longer = (signs[i] as number) > 0 ? 'a' : 'b';
    return { verdict, label: labels[i], sign: signs[i] as number, longer, cluster: clusters[i] as string };
  });
  const preferred = rows
    .filter(({ verdict, label, sign }) => verdict !== null && isSide(label) && sign !== 0)
    .map(({ verdict, label, longer, cluster }) => ({
      judge: isSide(verdict) ? verdict === longer : null,
      label: label === longer,
      cluster,
    }));
  const { share, labelShare, ...rest } = sharesOf(preferred, {
    ...options,
    seed: deriveSeed(options.seed, 'longer'),
  });
  const errors = preferred.filter(({ judge, label }) => judge !== null && judge !== label);
  const rated = rows.filter(({ verdict, label }) => verdict !== null && label != null);
  const [partialCorrelation] = bootstrapStatistics(
    rated.length,
    partialStatistic(
      rated.map(({ verdict }) => scoreOf(verdict)),
      rated.map(({ sign }) => sign),
      rated.map(({ label }) => scoreOf(label)),
    ),
    {
      ...options,
      seed: deriveSeed(options.seed, 'partial'),
      clusters: rated.map(({ cluster }) => cluster),
    },
  );
  return {
    ...rest,
    longerShare: share,
    labelLongerShare: labelShare,
    errorsLonger: clusteredProportion(
      errors.map(({ judge }) => (judge ? 1 : 0)),
      errors.map(({ cluster }) => cluster),
    ),
    errorsLongerByChance: labelShare === null ? null : 1 - labelShare.value,
    partialCorrelation: partialCorrelation as Interval | null,
  };
}

/** A pair whose label prefers an answer: whether the judge's and the label's is of a kind. null: the judge says tie. */
interface Preferred {
  readonly judge: boolean | null;
  readonly label: boolean;
  readonly cluster: string;
}

/** How often the judge and how often the label prefers the kind, and how far apart they are. */
function sharesOf(rows: readonly Preferred[], options: CheckOptions) {
  const decided = rows.filter(({ judge }) => judge !== null);
  const shareOf = (of: readonly Preferred[], which: 'judge' | 'label') =>
    clusteredProportion(
      of.map((row) => (row[which] ? 1 : 0)),
      of.map(({ cluster }) => cluster),
    );
  const [difference] = bootstrapStatistics(
    rows.length,
    (weights) => {
      let [judged, judgeHits, labelled, labelHits] = [0, 0, 0, 0];
      for (const [i, { judge, label }] of rows.entries()) {
        const weight = weights[i]!;
        labelled += weight;
        if (label) labelHits += weight;
        if (judge !== null) judged += weight;
        if (judge) judgeHits += weight;
      }
      return [judged === 0 || labelled === 0 ? null : judgeHits / judged - labelHits / labelled];
    },
    { ...options, clusters: rows.map(({ cluster }) => cluster) },
  );
  return {
    n: decided.length,
    share: shareOf(decided, 'judge'),
    labelShare: shareOf(rows, 'label'),
    difference: difference as Interval | null,
  };
}

function isSide(label: unknown): label is 'a' | 'b' {
  return label === 'a' || label === 'b';
}

function scoreOf(label: unknown): number {
  return label === 'a' ? 1 : label === 'b' ? -1 : 0;
}

/** The partial correlation of x and y given z over weighted cases. */
function partialStatistic(x: readonly number[], y: readonly number[], z: readonly number[]) {
  return (weights: Float64Array): (number | null)[] => {
    let [n, sx, sy, sz, xx, yy, zz, xy, xz, yz] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < x.length; i++) {
      const [w, a, b, c] = [weights[i]!, x[i]!, y[i]!, z[i]!];
      n += w;
      sx += w * a;
      sy += w * b;
      sz += w * c;
      xx += w * a * a;
      yy += w * b * b;
      zz += w * c * c;
      xy += w * a * b;
      xz += w * a * c;
      yz += w * b * c;
    }
    // Scores are −1, 0 and 1: sums are exact, and a constant side has a spread of exactly 0.
    const [vx, vy, vz] = [n * xx - sx * sx, n * yy - sy * sy, n * zz - sz * sz];
    const r = (ab: number, a: number, b: number, va: number, vb: number) =>
      va === 0 || vb === 0 ? null : (n * ab - a * b) / Math.sqrt(va * vb);
    return [partialOf(r(xy, sx, sy, vx, vy), r(xz, sx, sz, vx, vz), r(yz, sy, sz, vy, vz))];
  };
}
