import type { Outcome, Plan } from '../pipeline/plan.ts';
import { gigabytes } from '../pipeline/resources.ts';
import { duration } from './progress.ts';

/** A plan in three lines, for people; `begun`: a part of the run is done already. */
export function planLines(plan: Plan, begun = false): string[] {
  const { lanes, memory, tokensPerSecond: speed, stages } = plan;
  const units = stages.reduce((total, stage) => total + stage.units, 0);
  const activations = plan.keepsActivations
    ? ''
    : '; activations that do not fit are computed again, which is slower';
  return [
    `Plan: ${count(plan.pairs)} pairs (${count(plan.tokens)} tokens), ${units} units of work, about ${seconds(plan.seconds)} (${between(plan)})${begun ? ' in all; what is done already is taken from it' : ''}`,
    `  ${many(lanes.workers, 'worker')} of ${many(lanes.threads, 'thread')}; memory ${gigabytes(memory.need)} of ${gigabytes(memory.free)} free${activations}`,
    `  tokens a second: scoring ${count(speed.scoring)}, training ${count(speed.training)}, answering ${count(speed.answering)}`,
  ];
}

/** The stages of a plan, each in a line. */
export function planTable({ stages }: Plan): string[] {
  const rows = [
    ['Stage', 'Units', 'Expected', 'Between'],
    ...stages.map((stage) => [stage.stage, String(stage.units), seconds(stage.seconds), between(stage)]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell[column === 0 ? 'padEnd' : 'padStart'](widths[column] as number))
      .join('  '),
  );
}

/** What was expected of the stages that ran, and what they took. */
export function outcomeLine({ expectedSeconds, tookSeconds }: Outcome): string {
  return `Expected ${seconds(expectedSeconds)}, took ${seconds(tookSeconds)}`;
}

function between(item: { readonly between: readonly [number, number] }): string {
  return `${seconds(item.between[0])} to ${seconds(item.between[1])}`;
}

function seconds(amount: number): string {
  return duration(1000 * amount);
}

function count(amount: number): string {
  return Math.round(amount).toLocaleString('en-US');
}

function many(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`;
}
