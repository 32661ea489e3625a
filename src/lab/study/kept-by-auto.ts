import { autoKeep } from '../../select/auto-keep.ts';
import { meanInterval, pooledDeviation } from '../../stats/student-t.ts';
import { percent } from './arms.ts';
import type { CellSummary } from './cells.ts';
import { armIn, ordersIn } from './claims.ts';
import { type ArmOutcome, mean } from './outcome.ts';
import { points, signedPoints, type Table } from './study.ts';
import { SWEPT } from './sweep.ts';

export interface AutoKept {
  readonly name: string;
  readonly chosen: readonly number[];
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Of the share that is best on the evaluation prompts: what could have been had. */
  readonly best: number;
  readonly bestLow: number;
  /** What the same choosing gains among several orders of all pairs: luck that can be chosen without leaving out any. */
  readonly luck: number | null;
}

/** Against the mean of the orders of all pairs: a choice made beside an unlucky one of them gains nothing by that. */
export function keptByAuto(
  groups: readonly { readonly name: string; readonly cells: readonly CellSummary[] }[],
): AutoKept[] {
  const found = groups.map(({ name, cells }) => {
    const picks = cells.map(autoShare);
    const over = (cell: CellSummary, tau: number) => (tau === 1 ? 0 : winAt(cell, tau) - winAt(cell, 1));
    const values = cells.map((cell, i) => over(cell, picks[i] as number));
    const shares = SWEPT.map((tau) => cells.map((cell) => over(cell, tau)));
    const best = shares.reduce((a, b) => (mean(b) > mean(a) ? b : a));
    return { name, picks, values, best, luck: luckOf(cells) };
  });
  const pooled = pooledDeviation(found.map(({ values }) => values));
  const pooledBest = pooledDeviation(found.map(({ best }) => best));
  return found.map(({ name, picks, values, best, luck }) => {
    const own = meanInterval(values, pooled === null ? {} : { pooled });
    const top = meanInterval(best, pooledBest === null ? {} : { pooled: pooledBest });
    return {
      name,
      chosen: picks,
      difference: own.value,
      low: own.low,
      high: own.high,
      best: Math.max(0, top.value),
      bestLow: top.low,
      luck,
    };
  });
}

/** What keep: auto takes, here with one order of each share. */
function autoShare(cell: CellSummary): number {
  const tried = (keepFraction: number) => ({
    keepFraction,
    wins: [Array.from(first(cell, keepFraction).tuning.wins, (digit) => Number(digit) / 2)],
  });
  return autoKeep(SWEPT.map(tried), tried(1), cell.index).keepFraction;
}

/** One training of each share, that of all pairs too: what a user would have chosen among. */
function first(cell: CellSummary, tau: number): ArmOutcome {
  return ordersIn(cell, shareName(tau))[0] as ArmOutcome;
}

/** The order of all pairs that wins most on the tuning prompts − the mean of the orders; null with one order. */
function luckOf(cells: readonly CellSummary[]): number | null {
  const gains = cells.map((cell) => {
    const orders = ordersIn(cell, shareName(1));
    const chosen = orders.reduce((a, b) => (b.tuning.winRate > a.tuning.winRate ? b : a));
    return orders.length < 2 ? null : chosen.winRate - winAt(cell, 1);
  });
  return gains.some((gain) => gain === null) ? null : mean(gains as number[]);
}

function winAt(cell: CellSummary, tau: number): number {
  return armIn(cell, shareName(tau)).winRate;
}

export function shareName(tau: number): string {
  return tau === 1 ? 'full' : `easiest ${percent(tau)}`;
}

export function autoTable(auto: readonly AutoKept[]): Table {
  return {
    title: 'keep: auto, on prompts that it did not choose on: win rate − all pairs',
    head: ['world, model', 'shares taken', 'keep: auto', 'best share', 'luckiest order of all pairs'],
    rows: auto.map((one) => [
      one.name,
      one.chosen.map(percent).join(', '),
      points({ value: one.difference, low: one.low, high: one.high }),
      signedPoints(one.best),
      signedPoints(one.luck),
    ]),
    meaning:
      'What it is for: never far below zero, and near the best share where there is a gain. The best share is the one that won most here, with hindsight.',
  };
}

/** The two promises of `keep: auto`, in a sentence. */
export function autoSentence(auto: readonly AutoKept[]): string {
  const worse = auto.filter(({ high }) => high < 0);
  const gains = auto.filter(({ bestLow }) => bestLow > 0);
  const captured = mean(gains.map(({ difference }) => difference)) / mean(gains.map(({ best }) => best));
  const had =
    gains.length === 0
      ? 'had no gain to get that was shown'
      : `had ${Math.round(100 * captured)} % of the best share’s gain in the ${gains.length} where one was shown`;
  return `keep: auto was significantly worse than all pairs in ${worse.length} of ${auto.length} groups, and ${had}.`;
}
