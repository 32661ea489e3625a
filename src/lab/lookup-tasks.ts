import type { Random } from '../base/random.ts';
import { defineFamily, type TaskFamily } from './family.ts';
import { pickOther } from './slips.ts';

/** Letters that name things: keys of a table. */
const KEYS = [...'abcdefgh'];
/** Letters that are counted: few, so that counts above one are common. */
const COUNTED = [...'abcd'];

/** `c4a7f1?a`: the digit behind the letter that is asked for. */
const find3 = defineFamily({
  name: 'find3',
  level: 1,
  questions: 8 * 7 * 6 * 10 ** 3 * 3,
  form: /^((?:[a-h]\d){3})\?([a-h])$/,
  ask(random) {
    const keys = random.shuffle(KEYS).slice(0, 3);
    return `${keys.map((key) => key + random.integer(10)).join('')}?${random.pick(keys)}`;
  },
  answer: ([table = '', key = '']) => entryOf(table, key),
  nearMiss: (random, [table = ''], answer) => pickOther(random, table.match(/\d/g) ?? [], answer),
});

/** `abdaca?a`: how often the letter occurs. */
const count6 = defineFamily({
  name: 'count6',
  level: 1,
  questions: 4 ** 6 * 4,
  form: /^([a-d]{6})\?([a-d])$/,
  ask: (random) => `${letters(random, COUNTED, 6)}?${random.pick(COUNTED)}`,
  answer: ([row = '', letter = '']) => String(occurrences(row, letter)),
  nearMiss(random, _groups, answer) {
    const neighbours = [Number(answer) - 1, Number(answer) + 1].filter((n) => n >= 0 && n <= 6);
    return String(random.pick(neighbours));
  },
});

/**
 * `acd1bdc4?a`: a leads to c, c to 4. Two chains, their four links in any order; the wrong answer is the end
 * of the other chain.
 */
const hop2 = defineFamily({
  name: 'hop2',
  level: 1,
  // Unordered pairs of links between four distinct letters, two digits, orders of the links, two starts.
  questions: ((8 * 7 * 6 * 5) / 2) * 10 ** 2 * 24 * 2,
  form: /^((?:[a-h][a-h0-9]){4})\?([a-h])$/,
  ask(random) {
    const [a, b, c, d] = random.shuffle(KEYS) as [string, string, string, string];
    const links = random.shuffle([a + c, b + d, c + random.integer(10), d + random.integer(10)]);
    return `${links.join('')}?${random.pick([a, b])}`;
  },
  answer: ([table = '', key = '']) => entryOf(table, entryOf(table, key)),
  nearMiss: (random, [table = ''], answer) => pickOther(random, table.match(/\d/g) ?? [], answer),
});

/**
 * `abcaacba`: 1 when the number of a's among eight letters is odd, else 0. Three letters rather than two
 * bits, because 256 questions could be learnt by heart.
 */
const parity8 = defineFamily({
  name: 'parity8',
  level: 2,
  questions: 3 ** 8,
  form: /^([a-c]{8})$/,
  ask: (random) => letters(random, COUNTED.slice(0, 3), 8),
  answer: ([row = '']) => String(occurrences(row, 'a') % 2),
  nearMiss: (_random, _groups, answer) => (answer === '1' ? '0' : '1'),
});

export const LOOKUP_TASKS: readonly TaskFamily[] = [find3, count6, hop2, parity8];

function letters(random: Random, alphabet: readonly string[], length: number): string {
  return Array.from({ length }, () => random.pick(alphabet)).join('');
}

function occurrences(row: string, letter: string): number {
  return row.split(letter).length - 1;
}

/** What stands behind a key in a row of two-character entries; '' where the key is missing. */
function entryOf(table: string, key: string): string {
  for (let i = 0; i < table.length; i += 2) if (table[i] === key) return table[i + 1] ?? '';
  return '';
}
