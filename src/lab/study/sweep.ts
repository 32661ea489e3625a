import { AUTO_SHARES } from '../../select/auto-keep.ts';
import { easiest, full, hardest, inOrders, random } from './arms.ts';
import { type Cell, type CellSummary, type Lab, runCells } from './cells.ts';
import type { LabArm, Replicate } from './replicate.ts';
import { range } from './stability.ts';
import type { Extent } from './study.ts';
import { SWEEP } from './worlds.ts';

/** Shares that the sweep tries. */
export const SWEPT = AUTO_SHARES;

/** What the sweep trains in each world. */
export function sweptArms(replicate: Replicate): LabArm[] {
  return [
    // Every difference is one to these.
    ...inOrders(3, (order) => full(replicate, order)),
    ...SWEPT.map((tau) => easiest(replicate, tau)),
    random(replicate, 0.8),
    hardest(replicate, 0.2),
  ];
}

/** Four worlds that differ most, three of them the other quick studies' own: enough for a look. */
const QUICK = ['mixed c1.25 h1', 'mixed c0 h0.5', 'mixed c-1 h0.5', 'on-policy h0.5'];

/** All worlds with the smallest model, two replicates of each; every third one with the next, once. */
export function runSweep(lab: Lab, extent: Extent, seeds: number | null): Promise<CellSummary[]> {
  const quick = extent === 'quick';
  const worlds = SWEEP.filter(({ name }) => !quick || QUICK.includes(name));
  const cells = worlds.flatMap((world, i) => [
    ...range(seeds ?? 2).map((index): Cell => ({ study: 'sweep', world, size: 's', index, arms: sweptArms })),
    ...(!quick && i % 3 === 0
      ? [{ study: 'sweep', world, size: 'm', index: 0, arms: sweptArms } satisfies Cell]
      : []),
  ]);
  return runCells(lab, cells);
}
