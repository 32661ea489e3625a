import type { Level } from './family.ts';
import { FAMILIES } from './tasks.ts';

/** Weight of a family of this level: at hardness ½ all alike, at 0 no hard ones, at 1 no easy ones. */
function weightOf(level: Level, hardness: number): number {
  return [1 - hardness, 0.5, hardness][level] as number;
}

/**
 * How many of `count` prompts or pairs each family gets, by name: in proportion to the weights, whole numbers by
 * largest remainder (the first families of equal remainders get one more).
 */
export function familyShares(
  count: number,
  hardness = 0.5,
  takesPart: (name: string) => boolean = () => true,
): Map<string, number> {
  const taking = FAMILIES.filter(({ name, level }) => takesPart(name) && weightOf(level, hardness) > 0);
  const total = taking.reduce((sum, { level }) => sum + weightOf(level, hardness), 0);
  const exact = taking.map(({ level }) => (count * weightOf(level, hardness)) / total);
  const whole = exact.map((share) => Math.floor(share + 1e-9));
  const byRemainder = exact
    .map((share, i) => ({ i, remainder: share - (whole[i] as number) }))
    .sort((a, b) => (Math.abs(a.remainder - b.remainder) < 1e-9 ? a.i - b.i : b.remainder - a.remainder));
  const left = count - whole.reduce((sum, share) => sum + share, 0);
  for (const { i } of byRemainder.slice(0, left)) whole[i] = (whole[i] as number) + 1;
  return new Map(taking.map(({ name }, i) => [name, whole[i] as number]));
}
