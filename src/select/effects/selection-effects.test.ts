import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import { type EffectPair, selectionEffects } from './selection-effects.ts';
import { tagsOf } from './tags.ts';
import { hasTrait } from './traits.ts';
import { wordsOf } from './vocabulary.ts';

function pairsOf(n: number, seed: number): EffectPair[] {
  const random = new Random(seed, 'effects test');
  return Array.from({ length: n }, (_, i) => {
    const isJapanese = random.uniform() < 0.3;
    const isList = random.uniform() < 0.25;
    const chosen = 20 + random.integer(200);
    return {
      id: String(i),
      row: i,
      prompt: isJapanese ? 'これは何ですか、教えてください' : 'What is this and how do I do it?',
      chosen: `${isList ? '- one\n- two' : 'one two'} word${random.integer(n / 3)}`,
      rejected: 'no',
      meta: {
        source: random.pick(['chat', 'code', 'maths', 'news']),
        harms: { violence: random.uniform() < 0.2, crime: random.uniform() < 0.2 },
      },
      tokens: { prompt: 10 + random.integer(40), chosen, rejected: 20 + random.integer(200) },
    };
  });
}
const keep = (pairs: readonly EffectPair[], is: (pair: EffectPair) => boolean) =>
  new Set(pairs.filter(is).map(({ id }) => id));

describe('side effects of a selection', () => {
  it('calls nothing found in 95 % of random selections, all its tests together', () => {
    let flagged = 0;
    for (let seed = 0; seed < 60; seed++) {
      const pairs = pairsOf(300, seed);
      const kept = new Set(new Random(seed, 'keep').shuffle(pairs.map(({ id }) => id)).slice(0, 150));
      const found = selectionEffects(pairs, kept, { seed, safety: 'harms' });
      const all = [...(found?.groups ?? []), ...(found?.lengths ?? []), found?.vocabulary];
      if (all.some((effect) => effect && effect.pHolm < 0.05)) flagged++;
    }
    // Of 60 at 5 % more than 8 come once in two hundred.
    expect(flagged).toBeLessThanOrEqual(8);
  });

  it('finds a language, a category, a trait and a tag of which it drops more than their share', () => {
    const pairs = pairsOf(600, 1);
    const random = new Random(2);
    const planted: [string, (pair: EffectPair) => boolean][] = [
      ['ja', ({ prompt }) => String(prompt).startsWith('これ')],
      ['code', ({ meta }) => meta.source === 'code'],
      ['list', ({ chosen }) => String(chosen).startsWith('- ')],
      ['violence', ({ meta }) => (meta.harms as { violence: boolean }).violence],
    ];
    for (const [value, is] of planted) {
      const kept = keep(pairs, (pair) => random.uniform() < (is(pair) ? 0.25 : 0.6));
      const found = selectionEffects(pairs, kept, { seed: 3, safety: 'harms' });
      const first = found?.groups[0];
      // Of two languages one is tested: the rarer.
      expect(first?.value).toBe(value);
      expect(first?.pHolm).toBeLessThan(0.001);
      expect(first?.effect.low).toBeGreaterThan(0.1);
      expect(first?.pairs).toBe(pairs.filter(is).length);
      expect(first?.dropped).toBe(pairs.filter((pair) => is(pair) && !kept.has(pair.id)).length);
    }
  });

  it('finds that long answers are dropped, and rare words with them', () => {
    const pairs = pairsOf(600, 4);
    const kept = keep(pairs, ({ tokens }) => tokens.chosen < 120);
    const found = selectionEffects(pairs, kept, { seed: 3 });
    const chosen = found?.lengths.find(({ of }) => of === 'chosen');
    expect(chosen?.effect.value).toBe(1);
    expect(chosen?.droppedMean).toBeGreaterThan(120);
    expect(chosen?.pHolm).toBeLessThan(1e-12);
    // Words come in twos: those of one half of the pairs are all lost.
    const twins = pairs.map((pair, i) => ({ ...pair, chosen: `term${Math.floor(i / 2)}` }));
    const half = selectionEffects(
      twins,
      keep(twins, ({ row }) => row < 300),
      { seed: 3 },
    )?.vocabulary;
    expect(half).toMatchObject({ rare: 300, rareLost: 0.5 });
    // Both of a word's two pairs are dropped with probability 300/600 · 299/599.
    expect(half?.rareLostAtRandom).toBeCloseTo((0.5 * 299) / 599, 2);
    expect(half?.p).toBeLessThan(1e-6);
  });

  it('says nothing where nothing was dropped, and of one pair', () => {
    const pairs = pairsOf(20, 5);
    expect(
      selectionEffects(
        pairs,
        keep(pairs, () => true),
        { seed: 1 },
      ),
    ).toBeNull();
    expect(selectionEffects([], new Set(), { seed: 1 })).toBeNull();
    const tiny = selectionEffects(pairs.slice(0, 2), new Set(['0']), { seed: 1 });
    expect(tiny?.groups).toEqual([]);
    expect(tiny?.untested).toBeGreaterThan(0);
  });
});

describe('traits, tags and words', () => {
  it('sees lists, markdown, code and refusals in English and Japanese', () => {
    expect(hasTrait('以下です。\n・りんご\n・みかん', 'list')).toBe(true);
    expect(hasTrait('1. first', 'list')).toBe(true);
    expect(hasTrait('3.5 metres - no list', 'list')).toBe(false);
    expect(hasTrait('-5 degrees\n**bold**', 'list')).toBe(false);
    expect(hasTrait('## Head\ntext', 'markdown')).toBe(true);
    expect(hasTrait('a # b', 'markdown')).toBe(false);
    expect(hasTrait('x\n```js\n1\n```', 'code')).toBe(true);
    expect(hasTrait('I’m sorry, but I can’t help with that.', 'refusal')).toBe(true);
    expect(hasTrait('申し訳ありませんが、お答えできません。', 'refusal')).toBe(true);
    expect(hasTrait('東京です。', 'refusal')).toBe(false);
  });
  it('reads tags as people write them', () => {
    expect(tagsOf({ violence: true, crime: false, other: 1 })).toEqual(['violence', 'other']);
    expect(tagsOf(['a', 'b', 'a', ''])).toEqual(['a', 'b']);
    expect(tagsOf('unsafe')).toEqual(['unsafe']);
    expect(tagsOf(false)).toEqual([]);
    expect(tagsOf(null)).toEqual([]);
  });
  it('takes words of spaced scripts and characters of the others', () => {
    expect(wordsOf('The CAT 2, naïve 東京へ')).toEqual(['the', 'cat', '2', 'naïve', '東', '京', 'へ']);
    expect(wordsOf('한국어 말')).toEqual(['한국어', '말']);
  });
});
