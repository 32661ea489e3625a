import { codePoints } from '../../base/code-points.ts';
import type { Both } from './words.ts';

/** What can be told of an answer without reading it: its shortcut features. */
export interface Feature {
  readonly name: string;
  /** What more of it is called: "the chosen answers …". */
  readonly more: Both;
  readonly less: Both;
}

export const FEATURES = [
  feature('length', 'are longer', 'are shorter', '長い', '短い'),
  feature('lines', 'have more lines', 'have fewer lines', '行数が多い', '行数が少ない'),
  feature('lists', 'have more list items', 'have fewer list items', '箇条書きが多い', '箇条書きが少ない'),
  feature('markup', 'have more headings and bold type', 'have fewer headings and bold type', '見出し・太字が多い', '見出し・太字が少ない'), // biome-ignore format: one feature a line
  feature('code', 'have more code blocks', 'have fewer code blocks', 'コードブロックが多い', 'コードブロックが少ない'), // biome-ignore format: one feature a line
  feature('digits', 'have more digits', 'have fewer digits', '数字が多い', '数字が少ない'),
  feature('questions', 'ask more', 'ask less', '質問が多い', '質問が少ない'),
  feature('exclamations', 'exclaim more', 'exclaim less', '感嘆符が多い', '感嘆符が少ない'),
  feature('refusal', 'refuse more often', 'refuse less often', '拒否が多い', '拒否が少ない'),
  feature('politeness', 'are more polite', 'are less polite', '丁寧な言い回しが多い', '丁寧な言い回しが少ない'), // biome-ignore format: one feature a line
] as const;

function feature(name: string, more: string, less: string, moreJa: string, lessJa: string): Feature {
  return { name, more: { en: more, ja: moreJa }, less: { en: less, ja: lessJa } };
}

/** The first of FEATURES. */
export const LENGTH = 0;

const REFUSAL =
  /\b(i(’|'| a)?m sorry,? but|i (cannot|can(’|')t|can not|am unable to|won(’|')t be able to)|as an ai( language model)?|i must decline|i(’|'| a)?m not able to)\b|申し訳(ありません|ございません)が|お(答え|手伝い)(することは)?(でき(ません|かね)|いたしかね)|対応(でき|いたし)かね/iu;
const POLITE =
  /\b(please|thank you|thanks|sorry|glad|happy to|hope this helps|feel free|you(’|')re welcome)\b|ください|下さい|ございます|ありがとう|申し訳|恐れ入り/iu;
/** A refusal is told in the beginning. */
const BEGINNING = 300;

/** Whether an answer begins as refusals do, in English or Japanese. */
export function isRefusal(answer: string): boolean {
  return REFUSAL.test(answer.slice(0, BEGINNING));
}

/** The features of an answer, in the order of FEATURES: logarithms of counts, shares, and yes or no as 1 or 0. */
export function featuresOf(answer: string): Float64Array {
  const chars = codePoints(answer);
  const count = (pattern: RegExp) => answer.match(pattern)?.length ?? 0;
  return Float64Array.of(
    Math.log1p(chars),
    Math.log1p(count(/^.*\S.*$/gmu)),
    Math.log1p(count(/^\s*(?:[-*+•・]|\d{1,3}[.)．）])\s*\S/gmu)),
    Math.log1p(count(/^#{1,6}\s|\*\*[^*\n]+\*\*/gmu)),
    Math.log1p(count(/^\s*```/gmu)),
    chars === 0 ? 0 : count(/\p{Nd}/gu) / chars,
    Math.log1p(count(/[?？]/gu)),
    Math.log1p(count(/[!！]/gu)),
    isRefusal(answer) ? 1 : 0,
    POLITE.test(answer) ? 1 : 0,
  );
}
