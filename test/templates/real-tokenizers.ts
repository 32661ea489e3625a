import { readFileSync } from 'node:fs';

/** Model folders' tokenizer files, made from the vocabularies that tokenizers were published as. */
export interface TokenizerFiles {
  readonly 'tokenizer.json': object;
  readonly 'tokenizer_config.json': object;
}

interface Specials {
  /** By id, from the end of the vocabulary on. */
  readonly tokens: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether tokenizer.json puts the BOS token in front of every text. */
  readonly addsBos: boolean;
}

/** Letters that GPT-2's byte-level vocabularies write bytes as. */
const LETTERS = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
})();

const lettersOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => LETTERS[byte]).join('');

/** A file of lines `<base64 of the token's bytes> <rank>` (OpenAI's tiktoken, Llama 3, Qwen). */
export function tiktokenFiles(file: string, pattern: string, specials: Specials): TokenizerFiles {
  const ranks = new Map<string, number>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [token, rank] = line.split(' ');
    if (token && rank) ranks.set(lettersOf(Buffer.from(token, 'base64')), Number(rank));
  }
  const merges: [string, string][] = [];
  for (const [token, rank] of ranks) {
    const parts = mergedBelow(Array.from(token), ranks, rank);
    if (parts.length === 2) merges.push(parts as [string, string]);
  }
  return byteLevelFiles(Object.fromEntries(ranks), merges, pattern, specials);
}

/** What is left of a token's letters after all merges of lower rank: the two parts that its own merge joins. */
function mergedBelow(parts: string[], ranks: ReadonlyMap<string, number>, limit: number): string[] {
  while (parts.length > 1) {
    let best = limit;
    let at = -1;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get((parts[i] as string) + (parts[i + 1] as string)) ?? limit;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return parts;
    parts.splice(at, 2, (parts[at] as string) + (parts[at + 1] as string));
  }
  return parts;
}

/** GPT-2's own two files. */
export function gpt2Files(encoder: string, merges: string): TokenizerFiles {
  const { '<|endoftext|>': end, ...vocab } = JSON.parse(readFileSync(encoder, 'utf8')) as Record<
    string,
    number
  >;
  const lines = readFileSync(merges, 'utf8').split('\n').slice(1).filter(Boolean);
  if (end !== Object.keys(vocab).length) throw new Error('the end of text is not the last token');
  return byteLevelFiles(
    vocab,
    lines.map((line) => line.split(' ') as [string, string]),
    null,
    {
      tokens: ['<|endoftext|>'],
      config: { bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', add_bos_token: false },
      addsBos: false,
    },
  );
}

function byteLevelFiles(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
  pattern: string | null,
  specials: Specials,
): TokenizerFiles {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
  const first = Object.keys(vocab).length;
  return {
    'tokenizer.json': {
      version: '1.0',
      added_tokens: addedTokens(specials.tokens, first),
      normalizer: null,
      pre_tokenizer:
        pattern === null
          ? { ...byteLevel, use_regex: true }
          : { type: 'Sequence', pretokenizers: [split, { ...byteLevel, use_regex: false }] },
      post_processor: specials.addsBos ? bosFirst(specials.tokens[0] as string, first) : null,
      decoder: byteLevel,
      model: { type: 'BPE', vocab, merges, ignore_merges: pattern !== null },
    },
    'tokenizer_config.json': specials.config,
  };
}

/** A SentencePiece model of type BPE with byte fallback (Llama 2, Mistral). */
export function sentencePieceFiles(file: string): TokenizerFiles {
  const pieces = readPieces(readFileSync(file));
  const ids = new Map(pieces.map(({ text }, id) => [text, id]));
  const merges: { pair: [string, string]; score: number }[] = [];
  for (const { text, score, type } of pieces) {
    if (type !== NORMAL) continue;
    const letters = Array.from(text);
    for (let i = 1; i < letters.length; i++) {
      const pair: [string, string] = [letters.slice(0, i).join(''), letters.slice(i).join('')];
      if (pair.every((part) => ids.has(part))) merges.push({ pair, score });
    }
  }
  merges.sort((a, b) => b.score - a.score);
  const controls = pieces.filter(({ type }) => type === CONTROL || type === UNKNOWN).map(({ text }) => text);
  return {
    'tokenizer.json': {
      version: '1.0',
      added_tokens: controls.map((content) => ({
        id: ids.get(content),
        content,
        special: true,
        normalized: false,
      })),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      pre_tokenizer: null,
      post_processor: bosFirst('<s>', ids.get('<s>') as number),
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        type: 'BPE',
        unk_token: '<unk>',
        fuse_unk: true,
        byte_fallback: true,
        vocab: Object.fromEntries(ids),
        merges: merges.map(({ pair }) => pair),
      },
    },
    'tokenizer_config.json': { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', add_bos_token: true },
  };
}

const [NORMAL, UNKNOWN, CONTROL] = [1, 2, 3];

/** Field 1 of sentencepiece's ModelProto, repeated: piece (1, text), score (2, float), type (3, enum). */
function readPieces(bytes: Buffer): { text: string; score: number; type: number }[] {
  const pieces: { text: string; score: number; type: number }[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const skip = (wire: number) => {
    if (wire === 0) varint();
    else if (wire === 2) {
      // Not `at += varint()`, which would take `at` as it was before.
      const length = varint();
      at += length;
    } else at += wire === 5 ? 4 : 8;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag !== 10) {
      skip(tag & 7);
      continue;
    }
    const size = varint();
    const end = at + size;
    const piece = { text: '', score: 0, type: NORMAL as number };
    while (at < end) {
      const field = varint();
      if (field === 10) {
        const length = varint();
        piece.text = bytes.toString('utf8', at, at + length);
        at += length;
      } else if (field === 21) {
        piece.score = bytes.readFloatLE(at);
        at += 4;
      } else if (field === 24) piece.type = varint();
      else skip(field & 7);
    }
    pieces.push(piece);
  }
  return pieces;
}

function addedTokens(tokens: readonly string[], first: number) {
  return tokens.map((content, i) => ({ id: first + i, content, special: true, normalized: false }));
}

function bosFirst(bos: string, id: number) {
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { [bos]: { id: bos, ids: [id], tokens: [bos] } },
  };
}
