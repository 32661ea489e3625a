import { basename } from 'node:path';
import { inputError } from '../base/errors.ts';
import {
  type Architecture,
  type DecoderConfig,
  LLAMA_TRAITS,
  type RewardHead,
  type Widths,
} from './architecture.ts';
import { ARCHITECTURES } from './architectures/index.ts';
import { ConfigReader, isRecord, type RawConfig } from './config-reader.ts';
import { readRope } from './rope.ts';

/** Above any model's; what is larger is refused before a list of that length is made. */
const MOST_LAYERS = 10_000;
const MOST_HEAD_DIM = 2 ** 16;

/**
 * config.json (and generation_config.json, whose end-of-text ids are added) to a checked `DecoderConfig`.
 *
 * @param file path of config.json, for messages.
 * @throws inputError `unsupported-model` names what is supported and what was found; `bad-config` names the key;
 *   `reward-labels` of a classifier.
 */
export function parseConfig(
  value: unknown,
  file: string,
  generation?: { readonly value: unknown; readonly file: string },
): DecoderConfig {
  const read = new ConfigReader(needRecord(value, file), file);
  const architecture = architectureOf(read);
  const reward = readReward(read, architecture);
  if (read.has('quantization_config'))
    throw read.unsupported('quantization_config', 'full-precision weights', read.raw.quantization_config);
  const { defaults } = architecture;
  const widths = readWidths(read, defaults.headDim);
  const { rope, rotaryDim, maxPositions } = readRope(read, {
    theta: defaults.ropeTheta,
    headDim: widths.headDim,
    maxPositions: read.count('max_position_embeddings', defaults.maxPositions),
    partial: architecture.partialRotary ?? false,
  });
  const endIds =
    generation === undefined
      ? []
      : new ConfigReader(needRecord(generation.value, generation.file), generation.file).tokenIds(
          'eos_token_id',
        );
  return {
    modelType: architecture.modelType,
    reward,
    ...widths,
    rotaryDim,
    maxPositions,
    rmsNormEps: read.positive('rms_norm_eps', defaults.rmsNormEps),
    tieWordEmbeddings: read.flag('tie_word_embeddings', defaults.tieWordEmbeddings ?? false),
    bosTokenId: read.tokenIds('bos_token_id')[0] ?? null,
    eosTokenIds: [...new Set([...read.tokenIds('eos_token_id'), ...endIds])],
    ...LLAMA_TRAITS,
    attentionScale: 1 / Math.sqrt(widths.headDim),
    layerKinds: Array.from({ length: widths.layers }, () => ({ window: null, rope })),
    ...architecture.traits?.(read, widths, rope),
    source: read.raw,
  };
}

function needRecord(value: unknown, file: string): RawConfig {
  if (isRecord(value)) return value;
  const remedy = 'Fetch it again';
  throw inputError('bad-config', `${basename(file)} is not an object`, { file, got: value, remedy });
}

function architectureOf(read: ConfigReader): Architecture {
  const { model_type: type } = read.raw;
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === type);
  if (architecture === undefined) {
    const need = ARCHITECTURES.map(({ modelType }) => modelType).join(', ');
    throw read.unsupported('model_type', need, type ?? 'no model_type');
  }
  const { activation } = architecture;
  const known = [architecture.className, rewardClass(architecture)];
  const found = classNames(read, architecture);
  if (!Array.isArray(found) || !known.some((name) => found.includes(name)))
    throw read.unsupported('architectures', known.join(' or '), found);
  const { key, name } = activation ?? { key: 'hidden_act', name: 'silu' };
  read.oneOf(key, [name], name);
  return architecture;
}

/** The class that transformers has for a reward model of this architecture. */
function rewardClass({ className, rewardClassName }: Architecture): string {
  return rewardClassName ?? className.replace('ForCausalLM', 'ForSequenceClassification');
}

/** The same by `model_type`. */
export function rewardClassOf(modelType: string): string {
  return rewardClass(ARCHITECTURES.find((known) => known.modelType === modelType) as Architecture);
}

function classNames({ raw }: ConfigReader, { className }: Architecture): unknown {
  return raw.architectures ?? [className];
}

/**
 * The head of a sequence classifier with one label, which is what reward models are saved as; null of a language model.
 *
 * *Reference:* huggingface/transformers `configuration_utils.py`: labels are counted by `id2label`; where it is left
 * out by `num_labels`, whose default is 2.
 */
function readReward(read: ConfigReader, architecture: Architecture): RewardHead | null {
  const { raw } = read;
  const found = classNames(read, architecture) as readonly unknown[];
  if (found.includes(architecture.className)) return null;
  const labels = isRecord(raw.id2label) ? Object.keys(raw.id2label).length : (raw.num_labels ?? 2);
  if (labels !== 1)
    throw inputError('reward-labels', 'this is a classifier, and no reward model', {
      file: read.file,
      key: raw.id2label == null ? 'num_labels' : 'id2label',
      need: 'one label',
      got: labels,
      remedy: 'Take a reward model that gives one number (id2label of one entry), or a language model',
    });
  const named = 'pad_token_id' in raw ? read.tokenIds('pad_token_id')[0] : architecture.defaults.padTokenId;
  return { padTokenId: named ?? null };
}

function readWidths(read: ConfigReader, usualHeadDim: number | undefined): Widths {
  const hiddenSize = read.count('hidden_size');
  const heads = read.count('num_attention_heads');
  const kvHeads = read.count('num_key_value_heads', heads);
  if (heads % kvHeads !== 0)
    throw read.bad('num_key_value_heads', `a divisor of num_attention_heads = ${heads}`, kvHeads);
  const headDim = read.count('head_dim', usualHeadDim ?? hiddenSize / heads, MOST_HEAD_DIM);
  if (headDim % 2 !== 0)
    throw read.bad('head_dim', 'an even number (hidden_size / num_attention_heads)', headDim);
  if (heads * headDim >= 2 ** 31)
    throw read.bad('num_attention_heads', `heads of ${headDim} numbers that fit side by side`, heads);
  return {
    hiddenSize,
    intermediateSize: read.count('intermediate_size'),
    layers: read.count('num_hidden_layers', undefined, MOST_LAYERS),
    heads,
    kvHeads,
    headDim,
    vocabSize: read.count('vocab_size'),
  };
}

/** config.json for writing a model again: as it was read, with all its end-of-text ids. `dtype` e.g. 'float32'. */
export function formatConfig(config: DecoderConfig, dtype: string): RawConfig {
  const { eosTokenIds } = config;
  return {
    ...config.source,
    eos_token_id: eosTokenIds.length === 0 ? null : eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds,
    dtype,
    torch_dtype: dtype, // the name before transformers 4.56
  };
}
