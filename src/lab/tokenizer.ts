import type { Json } from '../base/hash.ts';
import { CLOSING_MARK, OPENING_MARK } from './answer.ts';
import { FAMILIES } from './tasks.ts';

export const PAD_TOKEN = '<pad>';
export const BOS_TOKEN = '<s>';
export const EOS_TOKEN = '</s>';
/** Never made by a text of the lab; there so that a foreign character is seen rather than dropped. */
export const UNKNOWN_TOKEN = '<unk>';

const SPECIAL_TOKENS = [PAD_TOKEN, BOS_TOKEN, EOS_TOKEN, UNKNOWN_TOKEN];
const CHARACTERS = [...'0123456789abcdefgh =?+*', OPENING_MARK, CLOSING_MARK];

/** Every token of the lab; a token's place is its id. */
export const LAB_TOKENS: readonly string[] = [
  ...SPECIAL_TOKENS,
  ...CHARACTERS,
  ...FAMILIES.map((family) => family.name),
];

export const PAD_ID = LAB_TOKENS.indexOf(PAD_TOKEN);
export const BOS_ID = LAB_TOKENS.indexOf(BOS_TOKEN);
export const EOS_ID = LAB_TOKENS.indexOf(EOS_TOKEN);

/** Files of a checkpoint folder in the Hugging Face layout, by file name. */
export interface TokenizerFiles {
  readonly 'tokenizer.json': Json;
  readonly 'tokenizer_config.json': Json;
}

/**
 * BPE without merges is a character-level tokenizer that every loader knows; family names are added tokens,
 * cut out before BPE sees the text. Asking for special tokens puts BOS in front and nothing behind.
 */
export function labTokenizer(): TokenizerFiles {
  const addedTokens = [...SPECIAL_TOKENS, ...FAMILIES.map((family) => family.name)].map((content) => ({
    id: LAB_TOKENS.indexOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: SPECIAL_TOKENS.includes(content),
  }));
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens,
      normalizer: null,
      pre_tokenizer: null,
      post_processor: bosInFront(),
      decoder: { type: 'Fuse' },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: UNKNOWN_TOKEN,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        // Family names stand here too, so that no loader gives the added tokens other ids.
        vocab: Object.fromEntries(LAB_TOKENS.map((token, id) => [token, id])),
        merges: [],
      },
    },
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: BOS_TOKEN,
      eos_token: EOS_TOKEN,
      pad_token: PAD_TOKEN,
      unk_token: UNKNOWN_TOKEN,
      add_bos_token: true,
      add_eos_token: false,
      // Left on, decoding would swallow the blank of " !" and " ?".
      clean_up_tokenization_spaces: false,
      model_max_length: 64,
      padding_side: 'right',
    },
  };
}

function bosInFront(): Json {
  const bos = { SpecialToken: { id: BOS_TOKEN, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [bos, { Sequence: { id: 'A', type_id: 0 } }, bos, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [BOS_TOKEN]: { id: BOS_TOKEN, ids: [BOS_ID], tokens: [BOS_TOKEN] } },
  };
}
