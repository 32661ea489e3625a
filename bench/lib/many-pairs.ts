import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonLines } from '../../src/base/json.ts';
import { Random } from '../../src/base/random.ts';
import { initCheckpoint, writeCheckpoint } from '../../src/model/checkpoint.ts';
import { parseConfig } from '../../src/model/config.ts';
import { drawLengths } from './pairs.ts';

const CONSONANTS = [...'bcdfghjklmnprstvwz'];
const VOWELS = [...'aeiou'];
/** Different words, the r-th drawn with weight 1 / r (Zipf); English texts of some megabytes have about as many. */
const WORDS = 20_000;
/** Words that are one token; rarer ones are made of these and of letters. */
const TOKENS = 8_000;
const END = '<|end|>';

/** Made-up words, the most frequent first and, as in languages, the shortest. */
function vocabulary(): string[] {
  const random = new Random(1, 'bench', 'words');
  const words = new Set<string>();
  while (words.size < WORDS) {
    const syllables = 1 + Math.floor((3 * words.size) / WORDS + random.uniform());
    let word = '';
    for (let i = 0; i < syllables; i++) word += random.pick(CONSONANTS) + random.pick(VOWELS);
    if (random.uniform() < 0.5) word += random.pick(CONSONANTS);
    words.add(word);
  }
  return [...words];
}

/**
 * Writes `count` pairs as JSONL in hh-rlhf's form with hh-rlhf's lengths (`drawLengths`): about 4 characters a token,
 * one question a prompt, no two prompts alike.
 */
export function writeManyPairs(file: string, count: number): void {
  writeJsonLines(file, manyPairs(count));
}

function* manyPairs(count: number) {
  const words = vocabulary();
  const random = new Random(1, 'bench', 'texts');
  const text = (tokens: number) => {
    let made = '';
    // Of 1 / r weights the sum up to r is about ln r: a uniform exponent draws them.
    while (made.length < 4 * tokens) made += ` ${words[Math.floor(WORDS ** random.uniform()) - 1]}`;
    return made;
  };
  for (const [i, { prompt, chosen, rejected }] of drawLengths('hh', count).entries()) {
    const start = `\n\nHuman: ${i}${text(Math.max(1, prompt - 8))}?\n\nAssistant:`;
    yield { chosen: start + text(chosen), rejected: start + text(rejected) };
  }
}

/** GPT-2's byte alphabet: printable bytes stand for themselves, the others for letters from U+0100 on. */
function byteAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
}

/** A model folder: the least of decoders, and a byte-level BPE tokenizer whose merges grow the frequent words. */
export function writeManyPairsModel(dir: string): string {
  const alphabet = byteAlphabet();
  const tokens = new Set(alphabet);
  const merges: [string, string][] = [];
  for (const word of vocabulary()) {
    // "Ġ" is the byte of a space in this alphabet.
    const spaced = `Ġ${word}`;
    for (let end = 2; end <= spaced.length && merges.length < TOKENS; end++) {
      if (tokens.has(spaced.slice(0, end))) continue;
      tokens.add(spaced.slice(0, end));
      merges.push([spaced.slice(0, end - 1), spaced.slice(end - 1, end)]);
    }
  }
  const endId = tokens.size;
  const config = parseConfig(
    {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 2,
      intermediate_size: 16,
      vocab_size: endId + 1,
      max_position_embeddings: 2048,
      tie_word_embeddings: true,
      bos_token_id: endId,
      eos_token_id: endId,
    },
    'bench',
  );
  mkdirSync(dir, { recursive: true });
  writeCheckpoint(dir, config, initCheckpoint(config, 1));
  const tokenizer = {
    version: '1.0',
    added_tokens: [{ id: endId, content: END, special: true, normalized: false }],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: Object.fromEntries([...tokens].map((token, id) => [token, id])), merges },
  };
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(dir, 'tokenizer_config.json'), JSON.stringify({ eos_token: END }));
  return dir;
}
