import { hashOf, type Json } from '../base/hash.ts';
import type { Message, Text } from './pair.ts';

/**
 * The identity of a pair: SHA-256 of the canonical JSON of `{prompt, chosen, rejected}`. A text and a list of
 * messages with the same words are different (they give different token ids), and a swapped label is a
 * different pair. Not the prompt's hash: in public data many pairs share a prompt, and scores kept by prompt
 * overwrite one another.
 */
export function pairId(prompt: Text, chosen: Text, rejected: Text): string {
  return hashOf({ prompt: toJson(prompt), chosen: toJson(chosen), rejected: toJson(rejected) });
}

function toJson(text: Text): Json {
  // Only role and content count, whatever else an object may carry.
  return typeof text === 'string' ? text : text.map(({ role, content }: Message) => ({ role, content }));
}
