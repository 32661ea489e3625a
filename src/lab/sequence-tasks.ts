import { defineFamily, type Level, randomDigits, type TaskFamily } from './family.ts';
import { copyingSlip, pickOther } from './slips.ts';

/** A task over `length` digits that answers with a rearrangement of them all. */
function rearrangement(name: string, level: Level, length: number, arrange: (digits: string[]) => string[]) {
  return defineFamily({
    name,
    level,
    questions: 10 ** length,
    form: new RegExp(`^(\\d{${length}})$`),
    ask: (random) => randomDigits(random, length),
    answer: ([digits = '']) => arrange([...digits]).join(''),
    nearMiss: (random, _groups, answer) => copyingSlip(random, answer),
  });
}

/** A task over `length` digits that answers with one of them. */
function choice(name: string, level: Level, length: number, choose: (digits: string[]) => string) {
  return defineFamily({
    name,
    level,
    questions: 10 ** length,
    form: new RegExp(`^(\\d{${length}})$`),
    ask: (random) => randomDigits(random, length),
    answer: ([digits = '']) => choose([...digits]),
    nearMiss: (random, [digits = ''], answer) => pickOther(random, [...digits], answer),
  });
}

export const SEQUENCE_TASKS: readonly TaskFamily[] = [
  rearrangement('copy4', 0, 4, (digits) => digits),
  choice('last5', 0, 5, (digits) => digits.at(-1) as string),
  choice('max4', 0, 4, (digits) => digits.toSorted().at(-1) as string),
  rearrangement('rev4', 0, 4, (digits) => digits.toReversed()),
  rearrangement('sort4', 0, 4, (digits) => digits.toSorted()),
  rearrangement('rev6', 0, 6, (digits) => digits.toReversed()),
  rearrangement('sort6', 0, 6, (digits) => digits.toSorted()),
];
