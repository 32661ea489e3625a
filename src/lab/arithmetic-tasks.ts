import { defineFamily, type Level, randomDigits, type TaskFamily } from './family.ts';
import { nudgeDigit } from './slips.ts';

/**
 * Numbers of fixed width, in questions and answers alike (`047+380=0427`): a decoder writes the highest digit
 * first and would otherwise have to know the length of a result before it has computed it.
 */
function addition(name: string, level: Level, width: number, addendWidth: number): TaskFamily {
  return defineFamily({
    name,
    level,
    questions: 10 ** (width + addendWidth),
    form: new RegExp(`^(\\d{${width}})\\+(\\d{${addendWidth}})$`),
    ask: (random) => `${randomDigits(random, width)}+${randomDigits(random, addendWidth)}`,
    answer: ([a, b]) => fixed(Number(a) + Number(b), width + 1),
    nearMiss(random, [a = '', b = ''], answer) {
      const forgotten = addWithoutCarry(a, b, width + 1);
      return forgotten !== answer && random.uniform() < 0.5 ? forgotten : nudgeDigit(random, answer);
    },
  });
}

/** Two digits times `factorWidth` digits; the wrong answer is off by one row of the table or by one digit. */
function multiplication(name: string, level: Level, factorWidth: number): TaskFamily {
  const width = 2 + factorWidth;
  return defineFamily({
    name,
    level,
    questions: 10 ** width,
    form: new RegExp(`^(\\d{2})\\*(\\d{${factorWidth}})$`),
    ask: (random) => `${randomDigits(random, 2)}*${randomDigits(random, factorWidth)}`,
    answer: ([a, b]) => fixed(Number(a) * Number(b), width),
    nearMiss(random, [a = '', b = ''], answer) {
      const factor = Number(b) + (b === '0'.repeat(factorWidth) || random.uniform() < 0.5 ? 1 : -1);
      const neighbour = fixed(Number(a) * factor, width);
      return neighbour !== answer && random.uniform() < 0.5 ? neighbour : nudgeDigit(random, answer);
    },
  });
}

/** The last digit of a sum of digits. */
function sumModTen(name: string, level: Level, count: number): TaskFamily {
  return defineFamily({
    name,
    level,
    questions: 10 ** count,
    form: new RegExp(`^(\\d{${count}})$`),
    ask: (random) => randomDigits(random, count),
    answer: ([digits = '']) => String([...digits].reduce((sum, digit) => sum + Number(digit), 0) % 10),
    nearMiss: (random, _groups, answer) => nudgeDigit(random, answer),
  });
}

/** `addN` and `mulN` are named by the width of the second number. */
export const ARITHMETIC_TASKS: readonly TaskFamily[] = [
  // Three digits plus one: one digit plus one would be 100 questions in all, too few to keep some unseen.
  addition('add1', 0, 3, 1),
  sumModTen('sum3', 1, 3),
  addition('add2', 1, 2, 2),
  multiplication('mul1', 1, 1),
  addition('add3', 2, 3, 3),
  sumModTen('sum5', 2, 5),
  multiplication('mul2', 2, 2),
];

function fixed(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Column by column, each carry lost. */
function addWithoutCarry(a: string, b: string, width: number): string {
  const [top, bottom] = [a.padStart(width, '0'), b.padStart(width, '0')];
  return Array.from(top, (digit, i) => (Number(digit) + Number(bottom[i])) % 10).join('');
}
