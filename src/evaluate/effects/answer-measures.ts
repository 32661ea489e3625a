import { differ, guessLanguage } from '../../pairs/survey/language.ts';
import { hasTrait } from '../../select/effects/traits.ts';
import { wordsOf } from '../../select/effects/vocabulary.ts';
import type { Answer } from '../answers.ts';

/** What is measured of a generated answer. length: tokens; all others 0 … 1. */
export const ANSWER_MEASURES = [
  'length',
  'repetition',
  'unterminated',
  'refusal',
  'markdown',
  'list',
  'languageSwitch',
] as const;

export type AnswerMeasure = (typeof ANSWER_MEASURES)[number];

/** Words (characters, of Chinese and Japanese) in a row that make one piece of text. */
export const REPEATED = 4;

/**
 * rep₄ = 1 − |distinct 4-grams| / |4-grams|
 *
 * The share of an answer's runs of four words (of Chinese and Japanese, four characters) that it has said before.
 * *Reference:* Welleck et al. 2020, "Neural text generation with unlikelihood training" (seq-rep-4), which counts tokens.
 * 0 for fewer than four words. Characters repeat more readily than words: compare within a language.
 */
export function repetition(text: string): number {
  const words = wordsOf(text);
  const total = words.length - REPEATED + 1;
  if (total < 1) return 0;
  const seen = new Set<string>();
  for (let i = 0; i < total; i++) seen.add(words.slice(i, i + REPEATED).join(' '));
  return 1 - seen.size / total;
}

/** @param asked what the answer should be in the language of: the last thing that the user said. */
export function measureAnswer(
  { text, tokens, ended }: Answer,
  measure: AnswerMeasure,
  asked: string,
): number {
  switch (measure) {
    case 'length':
      return tokens;
    case 'repetition':
      return repetition(text);
    case 'unterminated':
      return ended ? 0 : 1;
    case 'refusal':
    case 'list':
    case 'markdown':
      return hasTrait(text, measure) ? 1 : 0;
    case 'languageSwitch':
      return differ(guessLanguage(asked), guessLanguage(text)) ? 1 : 0;
  }
}
