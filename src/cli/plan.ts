import type { Outcome, Plan } from '../pipeline/plan.ts';
import { gigabytes } from '../pipeline/resources.ts';
import { duration } from './progress.ts';

/** A plan in three lines, for people. */
export function planLines(plan: Plan): string[] {
  const { lanes, memory, tokensPerSecond: speed, stages } = plan;
  const units = stages.reduce((total, stage) => total + stage.units, 0);
  const done = stages.reduce((total, stage) => total + (stage.done ?? 0), 0);
  const left = done === 0 ? '' : `, ${seconds(plan.secondsLeft)} of it left`;
  const activations = plan.keepsActivations
    ? ''
    : '; activations that do not fit are computed again, which is slower';
  return [
    `Plan: ${count(plan.pairs)} pairs (${count(plan.tokens)} tokens), ${units} units of work, ${done} done already, about ${seconds(plan.seconds)} (${between(plan)})${left}`,
    `  ${many(lanes.workers, 'worker')} of ${many(lanes.threads, 'thread')}; memory ${gigabytes(memory.need)} of ${gigabytes(memory.free)} free${activations}`,
    `  tokens a second: scoring ${count(speed.scoring)}, training ${count(speed.training)}, answering ${count(speed.answering)}`,
  ];
}

/** The stages of a plan, each in a line. */
export function planTable({ stages }: Plan): string[] {
  const rows = [
    ['Stage', 'Units', 'Done', 'Expected', 'Between'],
    ...stages.map((stage) => [
      stage.stage,
      String(stage.units),
      stage.done === null ? '–' : String(stage.done),
      seconds(stage.seconds),
      between(stage),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell[column === 0 ? 'padEnd' : 'padStart'](widths[column] as number))
      .join('  '),
  );
  const unknown = stages.some(({ done }) => done === null) && stages.some(({ done }) => (done ?? 0) > 0);
  return unknown
    ? [...lines, '', '–: which units these will be, and so whether they are done, is known after scoring']
    : lines;
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
