import fc from 'fast-check';
import { expect } from 'vitest';
import { WinnowError } from './errors.ts';

/**
 * For tests: a property's runs, the same in every run of the tests. WINNOW_FUZZ=20 makes twenty times as many, each
 * time others; a failure tells its seed.
 */
export function seeded(numRuns: number): fc.Parameters<unknown> {
  const times = Number(process.env.WINNOW_FUZZ ?? 0);
  return times > 0 ? { numRuns: times * numRuns } : { seed: 20_231_018, numRuns };
}

/**
 * For tests: what a reader may do with a file that nobody meant. It gives a value, or (then null) it throws an input
 * error whose message begins with the path of that file or of another in `folder`.
 */
export function readOrRefused<T>(folder: string, read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    expect(error.kind).toBe('input');
    expect(error.message.slice(0, folder.length)).toBe(folder);
    expect(error.message.length).toBeLessThan(2000);
    return null;
  }
}

/** Texts, numbers and other values that a file of numbers and names is not made for. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, '', '0', 'NaN', '../x', [], {}, [[]], [null], { valueOf: 1 }),
  fc.constantFrom(0, -0, -1, 1, 2, 3, 0.5, 1e-320, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, -1e300, Infinity),
  fc.integer({ min: -8, max: 4096 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 3 }),
);

/** JSON text that keeps infinities, as files may hold them: 1e999. NaN has no JSON form and becomes null. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) =>
    item === Infinity || item === -Infinity ? `\u0000${item}` : item,
  );
  return text.replaceAll(/"\\u0000(-?)Infinity"/g, '$11e999');
}

/** `value` with one of its parts, at any depth, replaced by `by` or (undefined) left out. */
export function replacedWithin(value: unknown, by: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const places = placesOf(value);
  return fc
    .tuple(fc.constantFrom(...places), fc.oneof({ weight: 9, arbitrary: by }, fc.constant(undefined)))
    .map(([place, part]) => withPart(value, place, part));
}

type Place = readonly (string | number)[];

function placesOf(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [at];
  const parts = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [at, ...parts.flatMap(([key, part]) => placesOf(part, [...at, key]))];
}

function withPart(value: unknown, [key, ...rest]: Place, part: unknown): unknown {
  if (key === undefined) return part === undefined ? null : part;
  const change = (inner: unknown) => (rest.length === 0 ? part : withPart(inner, rest, part));
  if (Array.isArray(value)) {
    const items = value.map((item, i) => (i === key ? change(item) : item));
    return items.filter((item) => item !== undefined);
  }
  const record = value as Record<string, unknown>;
  return { ...record, [key]: change(record[key]) };
}
