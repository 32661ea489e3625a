import { holm, type MeanInterval, meanInterval } from '../../stats/student-t.ts';
import type { CellSummary } from './cells.ts';
import { type ArmNumbers, type ArmOutcome, meanOutcome } from './outcome.ts';

/** A statement with a number, from independent replicates. */
export interface Claim {
  readonly text: string;
  readonly value: number;
  /** null: one replicate says nothing of the next. JSON has no infinity, so none is kept here either. */
  readonly low: number | null;
  readonly high: number | null;
  /** Replicates. */
  readonly n: number;
  /** Two-sided, against 0, adjusted for all tests of the study (Holm); absent where nothing is tested. */
  readonly p?: number;
}

/** A claim before its study's tests are counted. */
interface Draft extends Omit<Claim, 'p'> {
  readonly tested: number | null;
}

/** Collects the claims of a study. */
export class Claims {
  readonly #drafts: Draft[] = [];

  /** The mean of the replicates' values. */
  mean(text: string, values: readonly number[]): MeanInterval {
    const interval = meanInterval(values);
    const { value, low, high, n } = interval;
    this.#drafts.push({ text, value, low: known(low), high: known(high), n, tested: null });
    return interval;
  }

  /** The mean of differences, tested against none. */
  difference(text: string, values: readonly number[]): MeanInterval {
    const interval = meanInterval(values);
    const { value, low, high, n, p } = interval;
    this.#drafts.push({ text, value, low: known(low), high: known(high), n, tested: p });
    return interval;
  }

  /** A number with bounds of its own making. */
  bounded(text: string, claim: Omit<Claim, 'text' | 'p'>): void {
    this.#drafts.push({ text, ...claim, tested: null });
  }

  done(): Claim[] {
    const adjusted = holm(this.#drafts.flatMap(({ tested }) => (tested === null ? [] : [tested])));
    let at = 0;
    return this.#drafts.map(({ tested, ...claim }) =>
      tested === null ? claim : { ...claim, p: adjusted[at++] as number },
    );
  }
}

function known(bound: number): number | null {
  return Number.isFinite(bound) ? bound : null;
}

/** An arm's trainings, one for each order. */
export function ordersIn(cell: CellSummary, name: string): readonly ArmOutcome[] {
  const found = cell.arms.filter((arm) => arm.name === name);
  if (found.length === 0) throw new Error(`no arm ${name} in ${cell.world.name}, ${cell.size}`);
  return found;
}

/** An arm's numbers of a cell, the mean over its orders. */
export function armIn(cell: CellSummary, name: string): ArmNumbers {
  return meanOutcome(ordersIn(cell, name));
}

/** a − b in each replicate. */
export function differences(
  cells: readonly CellSummary[],
  a: string,
  b: string,
  value: (arm: ArmNumbers) => number = ({ winRate }) => winRate,
): number[] {
  return cells.map((cell) => value(armIn(cell, a)) - value(armIn(cell, b)));
}
