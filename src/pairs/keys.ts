import { hashOf } from '../base/hash.ts';
import type { PreferencePair, Text } from './pair.ts';

/** Equal for prompts that differ only in Unicode form (NFKC), case or white space. */
export function promptKey(pair: Pick<PreferencePair, 'prompt'>): string {
  return hashOf(normalised(pair.prompt));
}

/**
 * Equal for pairs that say the same about the same prompt, or the opposite: the hash of the normalised prompt
 * and the UNORDERED pair of normalised completions. A pair, its white-space variant and its label conflict
 * (A over B, B over A) share it, and must never sit on both sides of a split.
 */
export function nearDuplicateKey(pair: Pick<PreferencePair, 'prompt' | 'chosen' | 'rejected'>): string {
  const sides = [normalised(pair.chosen), normalised(pair.rejected)].sort();
  return hashOf([normalised(pair.prompt), ...sides]);
}

function normalised(text: Text): string {
  if (typeof text === 'string') return `text ${fold(text)}`;
  return `messages ${JSON.stringify(text.map(({ role, content }) => [role, fold(content)]))}`;
}

/** NFKC again after lower-casing: lower case can bring back letters that NFKC composes otherwise. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();
}
