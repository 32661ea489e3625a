import type { Interval } from '../stats/interval.ts';
import { cohenKappa } from '../stats/kappa.ts';
import { clusteredProportion, type Proportion } from '../stats/proportion.ts';
import type { Label } from './labelled.ts';

/** How far two raters agree on the pairs that both have rated. */
export interface Agreement {
  readonly n: number;
  /** Share of equal labels, a tie being one; null without a common pair. */
  readonly accuracy: Proportion | null;
  /** Cohen's kappa over a, b and tie; null where it is not defined, or not in most resamples. */
  readonly kappa: Interval | null;
  /** Accuracy where neither says tie. */
  readonly decided: Proportion | null;
}

export type Labels = readonly (Label | null)[];

/** The parts of an agreement that need no resampling. Shares have Wilson's interval, by clusters. */
export function agreementOf(
  x: Labels,
  y: Labels,
  clusters: readonly (string | number)[],
): Omit<Agreement, 'kappa'> {
  const share = (which: (a: Label, b: Label) => boolean) => {
    const rows = x
      .map((a, i) => ({ a, b: y[i], cluster: clusters[i] as string | number }))
      .filter(({ a, b }) => a !== null && b !== null && b !== undefined && which(a, b));
    return clusteredProportion(
      rows.map(({ a, b }) => (a === b ? 1 : 0)),
      rows.map(({ cluster }) => cluster),
    );
  };
  const accuracy = share(() => true);
  return { n: accuracy?.n ?? 0, accuracy, decided: share((a, b) => a !== 'tie' && b !== 'tie') };
}

/** Cohen's kappa of two raters as a statistic of weighted pairs, for the bootstrap. */
export function kappaStatistic(x: Labels, y: Labels): (weights: Float64Array) => number | null {
  const number = (label: Label | null | undefined) => (label == null ? -1 : ['a', 'b', 'tie'].indexOf(label));
  const cells = Int8Array.from(x, (label, i) => {
    const [one, other] = [number(label), number(y[i])];
    return one < 0 || other < 0 ? -1 : 3 * one + other;
  });
  return (weights) => {
    const table = new Float64Array(9);
    for (let i = 0; i < cells.length; i++) if (cells[i]! >= 0) table[cells[i]!]! += weights[i]!;
    return cohenKappa([table.subarray(0, 3), table.subarray(3, 6), table.subarray(6)])?.value ?? null;
  };
}
