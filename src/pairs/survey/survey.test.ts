import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../base/random.ts';
import { pairId } from '../id.ts';
import type { PreferencePair } from '../pair.ts';
import { findConflicts } from './conflicts.ts';
import { defectsOf } from './defects.ts';
import { FEATURES, featuresOf, isRefusal } from './features.ts';
import { differ, guessLanguage } from './language.ts';
import { nearDuplicateGroups, Sketches } from './near-duplicates.ts';
import { shortcutTest } from './shortcut.ts';
import { Surveyor } from './survey.ts';
import { bareText, textHash } from './text.ts';

let rows = 0;
function pair(
  prompt: string,
  chosen: string,
  rejected: string,
  meta: Record<string, unknown> = {},
): PreferencePair {
  return { id: pairId(prompt, chosen, rejected), row: rows++, prompt, chosen, rejected, meta };
}

const WORDS =
  'sun moon river stone cloud bread table green seven window paper lamp north quiet metal grass'.split(' ');
function sentence(random: Random, length: number): string {
  return Array.from({ length }, () => `${random.pick(WORDS)}${random.integer(90)}`).join(' ');
}

function survey(pairs: readonly PreferencePair[]) {
  const surveyor = new Surveyor(1);
  for (const one of pairs) surveyor.add(one);
  return surveyor.done();
}

/** Pairs of random words, in which nothing is wrong. */
function clean(seed: number, count: number): PreferencePair[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const [a, b] = [10 + random.integer(30), 10 + random.integer(30)];
    return pair(sentence(random, 14), sentence(random, a), sentence(random, b));
  });
}

describe('a survey', () => {
  test('of clean random pairs finds nothing', () => {
    const found = survey(clean(3, 400));
    expect(found.pairs).toBe(400);
    expect(found.prompts).toBe(400);
    expect(found.nearDuplicates.pairs.extra + found.nearDuplicates.prompts.extra).toBe(0);
    expect(found.conflicts.opposite.pairs + found.conflicts.circles.pairs).toBe(0);
    expect(Object.values(found.defects).every(({ pairs }) => pairs === 0)).toBe(true);
    const { all, length } = found.shortcut;
    expect((length?.low ?? 1) < 0.5 && (length?.high ?? 0) > 0.5).toBe(true);
    expect(Math.abs((all?.value ?? 0) - 0.5)).toBeLessThan(0.08);
  });

  test('finds planted near-duplicates, conflicts and contradicting ratings with their rows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), (seed) => {
        rows = 0;
        const pairs = clean(seed, 60);
        const [a, b, c, d] = [4, 17, 33, 52].map((i) => pairs[i] as PreferencePair);
        // One word of some thirty is another: near, not equal.
        pairs.push(pair(a!.prompt as string, `${a!.chosen} indeed`, a!.rejected as string));
        pairs.push(pair(b!.prompt as string, b!.rejected as string, b!.chosen as string));
        pairs.push(
          pair(
            `${c!.prompt}!`,
            'quite another answer about nothing at all',
            'and one more of the same kind, shorter',
          ),
        );
        pairs.push(pair(d!.prompt as string, 'x', 'y', { score_chosen: 3, score_rejected: 4.5 }));
        const found = survey(pairs);
        expect(found.nearDuplicates.pairs.rows).toContainEqual([a!.row, 60]);
        expect(found.conflicts.opposite).toEqual({ pairs: 2, rows: [[b!.row, 61]] });
        expect(found.meta.ratings).toEqual([
          { chosen: 'score_chosen', rejected: 'score_rejected', pairs: 1, against: 1, equal: 0, rows: [63] },
        ]);
        expect(found.prompts).toBe(60);
      }),
      { numRuns: 20 },
    );
  });

  test('of nothing, and of one pair, is told without a number that is none', () => {
    expect(survey([])).toMatchObject({
      pairs: 0,
      lengths: { chosen: null, chosenLonger: null },
      shortcut: { all: null, length: null },
    });
    const one = survey([pair('What is it?', 'It is a stone, I think.', 'No.')]);
    expect(one).toMatchObject({
      pairs: 1,
      prompts: 1,
      lengths: { chosenLonger: { value: 1, n: 1 } },
      shortcut: { all: null },
    });
    expect(JSON.stringify(one)).not.toMatch(/NaN|Infinity/);
  });

  test('categories are columns of few values', () => {
    const found = survey(
      Array.from({ length: 40 }, (_, i) =>
        pair(`p${i}`, `a${i}`, `b${i}`, { source: i % 4 ? 'x' : 'y', id2: `q${i}`, one: 1, ok: i % 2 === 0 }),
      ),
    );
    expect(found.meta.categories).toEqual([
      { column: 'source', values: { x: 30, y: 10 }, missing: 0 },
      { column: 'ok', values: { false: 20, true: 20 }, missing: 0 },
    ]);
  });
});

describe('the shortcut test', () => {
  const width = FEATURES.length;
  const differences = (seed: number, n: number, lift: number) => {
    const random = new Random(seed);
    return Float32Array.from({ length: n * width }, (_, i) => random.normal() + (i % width === 2 ? lift : 0));
  };

  test('swapping all labels mirrors single features and leaves the whole', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 999 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (seed, lift) => {
          const own = differences(seed, 60, lift);
          const prompts = Array.from({ length: 60 }, (_, i) => i >> 1);
          const [one, other] = [
            shortcutTest(own, prompts, 5),
            shortcutTest(
              own.map((x) => -x),
              prompts,
              5,
            ),
          ];
          for (let k = 0; k < width; k++)
            expect(one.alone[k]?.value).toBeCloseTo(1 - (other.alone[k]?.value ?? 9), 12);
          expect(one.all?.value).toBeCloseTo(other.all?.value ?? 9, 9);
          for (let k = 0; k < width; k++) expect(one.weights?.[k]).toBeCloseTo(-(other.weights?.[k] ?? 9), 6);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('a feature that always tells is found, and is the heaviest', () => {
    const found = shortcutTest(
      differences(1, 300, 3),
      Array.from({ length: 300 }, (_, i) => i),
      1,
    );
    expect(found.alone[2]?.value).toBeGreaterThan(0.97);
    expect(found.all?.value).toBeGreaterThan(0.97);
    const heaviest = (found.weights ?? []).indexOf(Math.max(...(found.weights ?? [])));
    expect(FEATURES[heaviest]?.name).toBe('lists');
  });

  test('differences that are all 0 tell nothing', () => {
    const found = shortcutTest(
      new Float32Array(20 * width),
      Array.from({ length: 20 }, (_, i) => i),
      1,
    );
    expect(found.all?.value).toBe(0.5);
    expect(found.length?.value).toBe(0.5);
  });
});

describe('near-duplicates', () => {
  const jaccard = (a: string, b: string) => {
    const shingles = (text: string) =>
      new Set(Array.from({ length: text.length - 4 }, (_, i) => text.slice(i, i + 5)));
    const [x, y] = [shingles(a), shingles(b)];
    const both = [...x].filter((one) => y.has(one)).length;
    return both / (x.size + y.size - both);
  };

  test('the estimate of the similarity is the shingles’ Jaccard index within its error', () => {
    const random = new Random(8);
    const sketches = new Sketches();
    const texts: string[] = [];
    let squares = 0;
    for (let i = 0; i < 40; i++) {
      const words = sentence(random, 80).split(' ');
      const changed = words.map((word) => (random.uniform() < i / 80 ? `zz${random.integer(1e6)}` : word));
      texts.push(words.join(' '), changed.join(' '));
    }
    for (const text of texts) sketches.add([text]);
    for (let i = 0; i < 40; i++) {
      const exact = jaccard(texts[2 * i] as string, texts[2 * i + 1] as string);
      const error = sketches.similarity(2 * i, 2 * i + 1) - exact;
      expect(Math.abs(error)).toBeLessThan(4 * Math.sqrt(0.25 / 64));
      squares += error ** 2;
    }
    expect(Math.sqrt(squares / 40)).toBeLessThan(0.08);
  });

  test('equal texts are one group, of any length; empty ones too; others are none', () => {
    const sketches = new Sketches();
    for (const text of [
      'ab',
      'abc',
      'ab',
      'a longer text of some words',
      'a longer text of some words',
      'xyz',
      '',
      '',
    ])
      sketches.add([text]);
    expect(nearDuplicateGroups(sketches)).toEqual([
      [0, 2],
      [3, 4],
      [6, 7],
    ]);
  });

  test('a thousand copies are one group', () => {
    const sketches = new Sketches();
    for (let i = 0; i < 1_000; i++) sketches.add(['the very same text, again and again']);
    expect(nearDuplicateGroups(sketches)).toEqual([Array.from({ length: 1_000 }, (_, i) => i)]);
  });
});

describe('conflicts', () => {
  const edge = (place: number, chosen: number, rejected: number, prompt = 1) => ({
    place,
    prompt,
    chosen,
    rejected,
  });

  test('opposite pairs and circles, within one prompt', () => {
    expect(findConflicts([edge(0, 1, 2), edge(1, 2, 1), edge(2, 2, 1, 9)])).toEqual({
      opposite: [[0, 1]],
      circles: [],
    });
    expect(findConflicts([edge(0, 1, 2), edge(1, 2, 3), edge(2, 3, 1), edge(3, 1, 7)])).toEqual({
      opposite: [],
      circles: [[0, 1, 2]],
    });
    expect(findConflicts([edge(0, 1, 2), edge(1, 2, 3), edge(2, 1, 3)])).toEqual({
      opposite: [],
      circles: [],
    });
    expect(findConflicts([edge(0, 1, 2), edge(1, 1, 2)])).toEqual({ opposite: [], circles: [] });
  });

  test('labels that follow an order have none; turning one of a chain’s closing edges makes a circle', () => {
    const order = fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 3, maxLength: 9 });
    fc.assert(
      fc.property(order, (answers) => {
        const chain = answers.slice(1).map((rejected, i) => edge(i, answers[i] as number, rejected));
        expect(findConflicts(chain)).toEqual({ opposite: [], circles: [] });
        const closed = [...chain, edge(chain.length, answers.at(-1) as number, answers[0] as number)];
        expect(findConflicts(closed).circles).toEqual([closed.map(({ place }) => place)]);
      }),
    );
  });
});

test.each([
  ['en', 'What is the best way to cook rice if you have not got a pot?'],
  ['ja', '東京の天気を教えてください。'],
  ['ja', 'カタカナ'],
  ['zh', '请告诉我北京的天气怎么样'],
  ['ko', '오늘 날씨가 어때요?'],
  ['de', 'Wie ist das Wetter heute und was soll ich nicht vergessen?'],
  ['fr', 'Quelle est la meilleure façon de cuire le riz pour vous ?'],
  ['es', '¿Cuál es la mejor forma de cocinar el arroz para los niños?'],
  ['Cyrillic', 'Какая сегодня погода?'],
  ['Latin', 'xyzzy plugh'],
  [null, '123 + 456 = ?'],
  ['ja', 'PythonでCSVを読む方法を教えて'],
])('guessLanguage: %s', (expected, text) => {
  expect(guessLanguage(text)).toBe(expected);
});

test('what cannot be told contradicts no language', () => {
  expect(differ('en', 'Latin')).toBe(false);
  expect(differ('en', null)).toBe(false);
  expect(differ('en', 'de')).toBe(true);
  expect(differ('ja', 'Latin')).toBe(true);
});

test('refusals, in English and Japanese', () => {
  for (const text of [
    "I'm sorry, but I can't help with that.",
    'As an AI language model, I have no feelings.',
    'I cannot do this.',
    '申し訳ありませんが、お答えできません。',
  ])
    expect(isRefusal(text)).toBe(true);
  for (const text of [
    'Sorry for the delay! Here it is.',
    'You cannot go wrong with rice.',
    'はい、こちらです。',
  ])
    expect(isRefusal(text)).toBe(false);
});

test('features count what they are called', () => {
  const values = Object.fromEntries(
    FEATURES.map(({ name }, k) => [
      name,
      featuresOf('# Head\n- one\n- two\n3. three?\n```js\n1\n```\nThanks!')[k],
    ]),
  );
  expect(values).toMatchObject({ lists: Math.log1p(3), markup: Math.log1p(1), code: Math.log1p(2), questions: Math.log1p(1), exclamations: Math.log1p(1), politeness: 1, refusal: 0, lines: Math.log1p(8) }); // biome-ignore format: one line
});

test('defects, each by its sign', () => {
  const of = (chosen: string, rejected: string, prompt = 'p') =>
    defectsOf({ prompt, chosen, rejected }, { chosen: bareText(chosen), rejected: bareText(rejected) });
  expect(of('Good!', 'good')).toEqual(['same-but-form']);
  expect(of('It is a stone that lies here.', 'It is a stone that lies here. And more.')).toEqual(['prefix']);
  expect(of('a\uFFFDb', 'c')).toEqual(['replacement-character']);
  expect(of('cafÃ©', 'tea')).toEqual(['mojibake']);
  expect(of('a\u0007', 'b')).toEqual(['control-character']);
  expect(of('```js\nx', 'b')).toEqual(['open-code-fence']);
  expect(of('Tell me about the stone here: it is grey', 'b', 'Tell me about the stone here')).toEqual([
    'prompt-repeated',
  ]);
  expect(of('fine', 'also fine')).toEqual([]);
});

test('text hashes are equal for equal texts, and differ for others', () => {
  const seen = new Map<number, string>();
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
      const hash = textHash(text);
      expect(hash).toBe(textHash(text));
      expect(seen.get(hash) ?? text).toBe(text);
      seen.set(hash, text);
    }),
    { numRuns: 2_000 },
  );
});
