import { Random } from '../../base/random.ts';
import type { Interval } from '../../stats/interval.ts';
import { normalCdf } from '../../stats/normal.ts';

/** A word is rare where it is in so many pairs: one alone is as often a slip of the pen. */
const RAREST = 2;
const MOST_RARE = 5;
/** More rare words than this are thinned evenly. */
const MOST_WORDS = 20_000;
const DRAWS = 400;

const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{M}\p{N}])+/gu;

/** The words of a text, in lower case; of Chinese and Japanese, which put no space between them, the characters. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

export interface VocabularyLoss {
  /** Distinct words of all pairs, and of the kept ones. */
  readonly words: number;
  readonly keptWords: number;
  /** Words that 2 to 5 pairs have. */
  readonly rare: number;
  /** Share of the rare words that no kept pair has, and the mean of it over random selections of as many pairs. */
  readonly rareLost: number;
  readonly rareLostAtRandom: number;
  /** The one minus the other, ± 1.96 standard deviations of random selections. */
  readonly excess: Interval;
  /** Two-sided. */
  readonly p: number;
}

/** Which pairs have which words. */
export class Vocabulary {
  #pairs = 0;
  /** Places of the first pairs that have a word, one more than a rare one has at most. */
  readonly #places = new Map<string, number[]>();
  /** Places of frequent words are not kept, but whether a kept pair has one. */
  readonly #keptWords = new Set<string>();
  readonly #kept: number[] = [];

  add(text: string, isKept: boolean): void {
    const place = this.#pairs++;
    if (isKept) this.#kept.push(place);
    for (const word of new Set(wordsOf(text))) {
      if (isKept) this.#keptWords.add(word);
      const places = this.#places.get(word);
      if (places === undefined) this.#places.set(word, [place]);
      else if (places.length <= MOST_RARE) places.push(place);
    }
  }

  /**
   * excess = share of rare words lost − its mean over random selections;  p = 2 · Φ(−|excess| / sd of these)
   *
   * Rare words come in company, so their number alone would claim too much: whole pairs are drawn, 400 times.
   * null without rare words, or where nothing or all was kept.
   */
  loss(seed: number): VocabularyLoss | null {
    const kept = this.#kept.length;
    if (kept === 0 || kept === this.#pairs) return null;
    const all = [...this.#places.values()].filter(
      (places) => places.length >= RAREST && places.length <= MOST_RARE,
    );
    const rare = all.filter((_, i) => i % Math.ceil(all.length / MOST_WORDS) === 0);
    if (rare.length === 0) return null;
    const lost = (isKept: Uint8Array) =>
      rare.reduce((sum, places) => sum + Number(places.every((place) => isKept[place] === 0)), 0) /
      rare.length;
    const own = new Uint8Array(this.#pairs);
    for (const place of this.#kept) own[place] = 1;
    const rareLost = lost(own);
    const random = new Random(seed, 'vocabulary');
    const places = Array.from({ length: this.#pairs }, (_, i) => i);
    const drawn = Array.from({ length: DRAWS }, () => {
      const isKept = new Uint8Array(this.#pairs);
      // The first of a shuffle, without the rest of it.
      for (let i = 0; i < kept; i++) {
        const j = i + random.integer(this.#pairs - i);
        const place = places[j] as number;
        places[j] = places[i] as number;
        places[i] = place;
        isKept[place] = 1;
      }
      return lost(isKept);
    });
    const mean = drawn.reduce((sum, share) => sum + share, 0) / DRAWS;
    const sd = Math.sqrt(drawn.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (DRAWS - 1));
    const value = rareLost - mean;
    return {
      words: this.#places.size,
      keptWords: this.#keptWords.size,
      rare: all.length,
      rareLost,
      rareLostAtRandom: mean,
      excess: { value, low: value - 1.96 * sd, high: value + 1.96 * sd },
      p: sd === 0 ? 1 : 2 * normalCdf(-Math.abs(value) / sd),
    };
  }
}
