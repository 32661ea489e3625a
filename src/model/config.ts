import { basename } from 'node:path';
import { inputError } from '../base/errors.ts';
import { type Architecture, type DecoderConfig, LLAMA_TRAITS, type Widths } from './architecture.ts';
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
 * @throws inputError `unsupported-model` names what is supported and what was found; `bad-config` names the key.
 */
export function parseConfig(
  value: unknown,
  file: string,
  generation?: { readonly value: unknown; readonly file: string },
): DecoderConfig {
  const read = new ConfigReader(needRecord(value, file), file);
  const architecture = architectureOf(read);
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
  const { className, activation } = architecture;
  const found = read.raw.architectures ?? [className];
  if (!Array.isArray(found) || !found.includes(className))
    throw read.unsupported('architectures', className, found);
  const { key, name } = activation ?? { key: 'hidden_act', name: 'silu' };
  read.oneOf(key, [name], name);
  return architecture;
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
