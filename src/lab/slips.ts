import type { Random } from '../base/random.ts';

/** One digit moved up or down by one (9 and 0 are neighbours): always another text of the same length. */
export function nudgeDigit(random: Random, text: string): string {
  const at = random.integer(text.length);
  const digit = (Number(text[at]) + (random.uniform() < 0.5 ? 1 : 9)) % 10;
  return text.slice(0, at) + digit + text.slice(at + 1);
}

/** Two neighbours change places; where all characters are alike, one digit is nudged instead. */
export function swapNeighbours(random: Random, text: string): string {
  const places = Array.from(text, (_, i) => i).filter((i) => i > 0 && text[i] !== text[i - 1]);
  if (places.length === 0) return nudgeDigit(random, text);
  const at = random.pick(places);
  return text.slice(0, at - 1) + text[at] + text[at - 1] + text.slice(at + 1);
}

/** The slips of copying: as often two places exchanged as one digit misread. */
export function copyingSlip(random: Random, text: string): string {
  return random.uniform() < 0.5 ? swapNeighbours(random, text) : nudgeDigit(random, text);
}

/** One of `items` that differs from `answer`; where all equal it, a random other digit. */
export function pickOther(random: Random, items: readonly string[], answer: string): string {
  const others = items.filter((item) => item !== answer);
  if (others.length > 0) return random.pick(others);
  return String((Number(answer) + 1 + random.integer(9)) % 10);
}
