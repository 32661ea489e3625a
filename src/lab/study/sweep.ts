import { easiest, full, hardest, random } from './arms.ts';
import { type Cell, type CellSummary, type Lab, runCells } from './cells.ts';
import type { LabArm, Replicate } from './replicate.ts';
import { range } from './stability.ts';
import { SWEEP } from './worlds.ts';

/** Shares that the sweep tries; what `keep: auto` chooses from, with all pairs. */
export const SWEPT = [0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** What the sweep trains in each world. */
export function sweptArms(replicate: Replicate): LabArm[] {
  return [
    full(replicate),
    ...SWEPT.map((tau) => easiest(replicate, tau)),
    random(replicate, 0.8),
    hardest(replicate, 0.2),
  ];
}

/** All worlds with the smallest model, every second one with the next. */
export function runSweep(lab: Lab, seeds: number | null): Promise<CellSummary[]> {
  const cells = SWEEP.flatMap((world, i) => [
    ...range(seeds ?? 3).map((index): Cell => ({ study: 'sweep', world, size: 's', index, arms: sweptArms })),
    ...(i % 2 === 0
      ? range(Math.min(2, seeds ?? 2)).map(
          (index): Cell => ({ study: 'sweep', world, size: 'm', index, arms: sweptArms }),
        )
      : []),
  ]);
  return runCells(lab, cells);
}
