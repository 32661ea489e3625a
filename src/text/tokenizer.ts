import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { inputError, WinnowError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { hashOf, sha256 } from '../base/hash.ts';
import { readJson } from '../base/json.ts';
import { cutLongWords } from './long-words.ts';
import { noToken, refuseLostCharacters } from './lost-characters.ts';
import { gatherInOneList } from './one-list.ts';
import { rememberWords } from './remembered-words.ts';
import { readChatTemplate } from './template-files.ts';
import { checkTokenizer } from './tokenizer-check.ts';
import { type JsonObject, needObject, specialToken } from './tokenizer-files.ts';

/** A model's tokenizer and chat template, as far as Winnow needs them. */
export interface TextTokenizer {
  /**
   * Token ids of a text. `special`: with the tokens that tokenizer.json puts around a text (BOS, …). Special
   * tokens that are written out in the text become their ids either way, as everywhere in this ecosystem.
   */
  encode(text: string, options: { readonly special: boolean }): number[];
  /** The text of ids, special tokens left out unless `special`; white space is never tidied up. */
  decode(ids: ArrayLike<number>, options?: { readonly special?: boolean }): string;
  /** Null when the model names no BOS token. */
  readonly bosId: number | null;
  readonly eosId: number;
  /** The padding token, or EOS where the model has none. */
  readonly padId: number;
  readonly bosToken: string | null;
  readonly eosToken: string;
  /** Tokens that `encode(…, {special: true})` puts in front of every text: usually one BOS or none. */
  readonly leadingIds: readonly number[];
  /** Special tokens that can end a turn (all but BOS and unknown; EOS always): text → id. */
  readonly endTokens: ReadonlyMap<string, number>;
  /** One more than the largest id that a text can give. A model can have more rows than this (padding). */
  readonly vocabSize: number;
  /** Identity of tokenizer.json, tokenizer_config.json and the chat template. */
  readonly hash: string;
  /** Jinja source of the default chat template, or null. */
  readonly chatTemplate: string | null;
  /** The file that the chat template (or, without one, the tokenizer) came from; for messages. */
  readonly source: string;
}

/**
 * Loads tokenizer.json and tokenizer_config.json of a Hugging Face model folder, and the chat template from
 * chat_template.jinja or tokenizer_config.json.
 *
 * `truncation` and `padding` in tokenizer.json are not applied: Winnow's own policy decides what is cut.
 *
 * @throws input error: missing or malformed files, a tokenizer type that @huggingface/tokenizers does not know,
 * no EOS token, special tokens that are not in the vocabulary.
 */
export function loadTokenizer(modelDir: string): TextTokenizer {
  const file = join(modelDir, 'tokenizer.json');
  const configFile = join(modelDir, 'tokenizer_config.json');
  for (const needed of [file, configFile]) {
    if (existsSync(needed)) continue;
    throw inputError('tokenizer-missing', 'the model folder has no such file', {
      file: needed,
      remedy: 'Save the tokenizer with save_pretrained() (fast tokenizer), or copy the file into the folder.',
    });
  }
  const json = needObject(readJson(file), file);
  const config = needObject(readJson(configFile), configFile);
  const template = readChatTemplate(modelDir, config);
  checkTokenizer(json, file);
  const tokenizer = build(json, config, file);
  const fields = specials(modelDir, config, tokenizer);
  return {
    ...fields,
    ...coding(tokenizer, file),
    hash: hashOf({
      tokenizer: sha256(readBytes(file)),
      config: sha256(readBytes(configFile)),
      template: template === null ? null : sha256(template.text),
    }),
    chatTemplate: template?.text ?? null,
    source: template?.file ?? file,
  };
}

function build(json: JsonObject, config: JsonObject, file: string): Tokenizer {
  try {
    const tokenizer = new Tokenizer(json, config);
    cutLongWords(tokenizer, json.model);
    refuseLostCharacters(tokenizer, json.model, file);
    rememberWords(tokenizer);
    gatherInOneList(tokenizer);
    return tokenizer;
  } catch (error) {
    throw inputError(
      'unknown-tokenizer',
      `the tokenizer cannot be built: ${error instanceof Error ? error.message : String(error)}`,
      {
        file,
        got: typeOf(json.model),
        need: 'a BPE, Unigram or WordPiece tokenizer of the tokenizers library',
        remedy: CONVERT,
      },
      error,
    );
  }
}

const CONVERT = 'Convert the tokenizer with transformers (AutoTokenizer, use_fast=True, save_pretrained).';

/** What the library's steps do with a text; parts of tokenizer.json that it has not looked at make it throw here. */
function working<T>(what: string, file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof WinnowError) throw error;
    throw inputError(
      'unknown-tokenizer',
      `the tokenizer cannot ${what} a text: ${error instanceof Error ? error.message : String(error)}`,
      { file, remedy: CONVERT },
      error,
    );
  }
}

function typeOf(model: unknown): unknown {
  return model !== null && typeof model === 'object' && 'type' in model ? model.type : model;
}

function coding(
  tokenizer: Tokenizer,
  file: string,
): Pick<TextTokenizer, 'encode' | 'decode' | 'leadingIds' | 'vocabSize'> {
  let vocabSize = 0;
  for (const id of tokenizer.get_vocab().values()) vocabSize = Math.max(vocabSize, id + 1);
  const encode: TextTokenizer['encode'] = (text, { special }) => {
    // The declared type hides that an unknown character of a model without an unknown token gives none.
    const ids = working(
      'encode',
      file,
      (): readonly (number | null | undefined)[] =>
        tokenizer.encode(text, { add_special_tokens: special }).ids,
    );
    return ids.map((id) => {
      if (id != null) return id;
      throw noToken(file, text);
    });
  };
  return {
    encode,
    decode: (ids, options = {}) => {
      const list = Array.from(ids);
      for (const id of list) {
        if (Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
        throw inputError('id-out-of-vocabulary', 'the token id has no text', {
          file,
          got: id,
          need: `0 to ${vocabSize - 1}`,
          remedy: 'Use the tokenizer that belongs to the model.',
        });
      }
      // The library refuses an empty list.
      if (list.length === 0) return '';
      // clean_up_tokenization_spaces (on in Llama 3's files) would turn "a ." into "a.": not what was generated.
      return working('decode', file, () =>
        tokenizer.decode(list, {
          skip_special_tokens: options.special !== true,
          clean_up_tokenization_spaces: false,
        }),
      );
    },
    leadingIds: leading(encode),
    vocabSize,
  };
}

/** What the post-processor puts in front, told from what it puts around a text. */
function leading(encode: TextTokenizer['encode']): number[] {
  const bare = encode('a', { special: false });
  const around = encode('a', { special: true });
  const start = around.findIndex((_, i) => bare.every((id, j) => around[i + j] === id));
  return around.slice(0, Math.max(start, 0));
}

function specials(
  modelDir: string,
  config: JsonObject,
  tokenizer: Tokenizer,
): Pick<TextTokenizer, 'bosId' | 'eosId' | 'padId' | 'bosToken' | 'eosToken' | 'endTokens'> {
  const find = (name: string): { text: string; id: number } | null => {
    const text = specialToken(modelDir, config, name);
    if (text === null) return null;
    const id = tokenizer.token_to_id(text);
    if (id !== undefined) return { text, id };
    throw inputError('special-token-unknown', `the ${name} is not in the vocabulary of tokenizer.json`, {
      file: join(modelDir, 'tokenizer_config.json'),
      got: text,
      remedy: `Correct ${name}, or add the token to tokenizer.json.`,
    });
  };
  const [bos, eos, pad, unk] = ['bos_token', 'eos_token', 'pad_token', 'unk_token'].map(find);
  if (!eos) {
    throw inputError('no-eos', 'the tokenizer names no eos_token', {
      file: join(modelDir, 'tokenizer_config.json'),
      remedy: 'Add "eos_token": without it no completion ever ends.',
    });
  }
  const others = new Set([bos?.id, unk?.id]);
  const special = [...tokenizer.get_added_tokens_decoder()].filter(
    ([id, token]) => token.special && !others.has(id),
  );
  return {
    bosId: bos?.id ?? null,
    eosId: eos.id,
    padId: pad?.id ?? eos.id,
    bosToken: bos?.text ?? null,
    eosToken: eos.text,
    endTokens: new Map([...special.map(([id, token]) => [token.content, id] as const), [eos.text, eos.id]]),
  };
}
