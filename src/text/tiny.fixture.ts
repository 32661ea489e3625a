import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { loadTokenizer, type TextTokenizer } from './tokenizer.ts';

export const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

export interface TinyOptions {
  readonly chatTemplate?: unknown;
  /** Merges of the byte-level BPE, as characters of the GPT-2 byte alphabet. */
  readonly merges?: readonly (readonly [string, string])[];
  readonly bos?: boolean;
  readonly specials?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
}

/** GPT-2's byte alphabet: printable bytes stand for themselves, the others for letters from U+0100 on. */
function byteAlphabet(): string[] {
  const letters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.push(String.fromCodePoint(printable ? byte : next++));
  }
  return letters;
}

/** The files of a byte-level BPE tokenizer: 256 bytes, the merges, then the special tokens. */
export function tinyFiles(options: TinyOptions = {}): { tokenizer: object; config: object } {
  const {
    merges = [],
    bos = true,
    specials = ['<s>', '</s>', '<|im_start|>', '<|im_end|>', '<unk>'],
  } = options;
  const words = [...byteAlphabet(), ...merges.map(([a, b]) => a + b)];
  const added = specials.map((content, i) => ({
    id: words.length + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const post = {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [words.length], tokens: ['<s>'] } },
  };
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      post_processor: bos ? post : null,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: { type: 'BPE', vocab: Object.fromEntries(words.map((word, id) => [word, id])), merges },
    },
    config: {
      bos_token: '<s>',
      eos_token: '</s>',
      unk_token: null,
      ...(options.chatTemplate === undefined ? {} : { chat_template: options.chatTemplate }),
      ...options.config,
    },
  };
}

let folder: string | undefined;
afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
let models = 0;

/** A fresh model folder with these files (content that is not text is written as JSON). */
export function modelFolder(files: Readonly<Record<string, unknown>>): string {
  folder ??= mkdtempSync(join(tmpdir(), 'winnow-tiny-'));
  const dir = join(folder, String(models++));
  mkdirSync(dir);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

export function tinyTokenizer(options: TinyOptions = {}): TextTokenizer {
  const { tokenizer, config } = tinyFiles(options);
  return loadTokenizer(modelFolder({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': config }));
}
