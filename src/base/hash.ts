import { createHash } from 'node:crypto';

/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Lower-case hexadecimal SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** JSON with sorted keys and no white space, so that equal values have equal bytes. Rejects NaN and infinities. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value as { readonly [key: string]: Json });
    return `{${entries
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`)
      .join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`not a JSON number: ${value}`);
  return JSON.stringify(value);
}

/** SHA-256 of the canonical JSON: the identity of a value. */
export function hashOf(value: Json): string {
  return sha256(canonicalJson(value));
}

/** `hashOf` of a list, whose text is never held as a whole. */
export function hashOfList(items: Iterable<Json>): string {
  const hash = createHash('sha256');
  let before = '[';
  for (const item of items) {
    hash.update(before + canonicalJson(item));
    before = ',';
  }
  return hash.update(before === '[' ? '[]' : ']').digest('hex');
}
