import type { Text } from '../pair.ts';

/** A text, or the contents of its messages, one under another. */
export function plainText(text: Text): string {
  return typeof text === 'string' ? text : text.map(({ content }) => content).join('\n');
}

/** What is left when Unicode form, case, punctuation and white space are taken out: letters and digits, spaces between. */
export function bareText(text: string): string {
  // Most text is ASCII, for which normalising does nothing but take time.
  const folded = isAscii(text) ? text.toLowerCase() : text.normalize('NFKC').toLowerCase().normalize('NFKC');
  return folded.replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** A text as a number below 2⁵², equal for equal texts and hardly ever for others: two 32-bit FNV-1a hashes, mixed. */
export function textHash(text: string): number {
  let [a, b] = [0x811c9dc5, 0x01234567];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13);
  }
  return (mix(a) >>> 0) + 2 ** 32 * (mix(b) >>> 12);
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
export function mix(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
