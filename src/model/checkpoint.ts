import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { hashFile } from '../base/file-hash.ts';
import { readBytes } from '../base/files.ts';
import { hashOf, sha256 } from '../base/hash.ts';
import { decodeUtf8, parseJson, readJson } from '../base/json.ts';
import type { DecoderConfig } from './architecture.ts';
import { parseConfig, rewardClassOf } from './config.ts';
import { SCORE_WEIGHT } from './head.ts';
import { openSafetensors, type TensorEntry } from './safetensors.ts';
import { expectedTensors } from './tensors.ts';

export type { DecoderConfig } from './architecture.ts';
export {
  initCheckpoint,
  type Weight,
  type WriteCheckpointOptions,
  writeCheckpoint,
} from './checkpoint-write.ts';
export { type LlamaShape, llamaConfig, rewardConfig } from './llama-config.ts';

/** A model folder in the Hugging Face layout, checked: every tensor is there and has the shape the config says. */
export interface Checkpoint {
  readonly dir: string;
  readonly config: DecoderConfig;
  /** Exactly the tensors of `expectedTensors(config)`, in that order; nothing is read yet. */
  readonly weights: ReadonlyMap<string, TensorEntry>;
  /** Names of tensors in the files that the model does not use (e.g. `rotary_emb.inv_freq`, a tied `lm_head`). */
  readonly unused: readonly string[];
  /** Count of trainable numbers; a tied embedding counts once. */
  readonly parameters: number;
  /**
   * Identity of the model for caches: SHA-256 over the bytes of config.json, the end-of-text ids and the SHA-256
   * of every weight file. Computed when first asked for (it reads all weights), then kept.
   */
  readonly hash: string;
  /**
   * Names, sizes and times of its files when it was opened: as long as they stay, so does the hash. Another stamp says
   * nothing: a copy has other times.
   */
  readonly stamp: string;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const FLOAT_DTYPES: readonly string[] = ['F32', 'F16', 'BF16'];

/**
 * Opens the folder of a language model: config.json, generation_config.json (optional), and model.safetensors or, when
 * that is missing, the shards of model.safetensors.index.json (the order of transformers' `from_pretrained`).
 *
 * @throws inputError `model-missing`, `weights-missing`, `shard-missing`, `tensor-missing`, `tensor-shape`,
 *   `tensor-dtype`, `is-reward-model`, and those of `parseConfig` and `openSafetensors`.
 */
export function openCheckpoint(dir: string): Checkpoint {
  return open(dir, ({ reward }, file) => {
    if (reward === null) return;
    throw inputError('is-reward-model', 'this is a reward model: it judges answers and cannot write any', {
      file,
      key: 'architectures',
      need: 'a language model',
      remedy: 'Give it as evaluation.rewardModel, and the language model that is to be trained as the model',
    });
  });
}

/**
 * Opens the folder of a reward model: a decoder with the weight of one score in place of its output embedding.
 *
 * @throws inputError `not-reward-model`, `reward-head`, and those of `openCheckpoint`.
 */
export function openRewardCheckpoint(dir: string): Checkpoint {
  const checkpoint = open(dir, ({ reward, modelType, source }, file) => {
    if (reward !== null) return;
    throw inputError('not-reward-model', 'this is a language model, and no reward model', {
      file,
      key: 'architectures',
      need: `${rewardClassOf(modelType)} with one label`,
      got: source.architectures ?? 'no architectures',
      remedy: 'Give the folder or hub id of a reward model',
    });
  });
  const other = checkpoint.unused.find((name) => name.startsWith('score.'));
  if (other === undefined) return checkpoint;
  throw inputError('reward-head', `the score of this model has a further tensor ${other}`, {
    file: dir,
    tensor: other,
    need: `${SCORE_WEIGHT} alone, as in transformers`,
    remedy: 'Its head is code of its own that Winnow does not know: take another reward model',
  });
}

function open(dir: string, check: (config: DecoderConfig, file: string) => void): Checkpoint {
  const folder = statSync(dir, { throwIfNoEntry: false });
  if (!folder?.isDirectory()) {
    const remedy = 'Give the folder that holds config.json and model.safetensors';
    throw inputError('model-missing', folder ? 'this is not a folder' : 'no such folder', {
      file: dir,
      remedy,
    });
  }
  const configFile = join(dir, 'config.json');
  if (!existsSync(configFile)) {
    const remedy = 'Give the folder of a whole model, not of an adapter or a tokenizer';
    throw inputError('model-missing', 'the folder has no config.json', { file: dir, remedy });
  }
  const configBytes = readBytes(configFile);
  const generationFile = join(dir, 'generation_config.json');
  const config = parseConfig(
    parseJson(decodeUtf8(configBytes, { file: configFile }), configFile),
    configFile,
    existsSync(generationFile) ? { value: readJson(generationFile), file: generationFile } : undefined,
  );
  check(config, configFile);
  const found = findTensors(dir);
  const weights = checkTensors(found, config, dir);
  const files = [...new Set([...found.values()].map((entry) => entry.file))];
  let parameters = 0;
  for (const { shape } of weights.values()) parameters += product(shape);
  let hash: string | undefined;
  return {
    dir,
    stamp: stampOf([configFile, generationFile, ...files]),
    config,
    weights,
    unused: [...found.keys()].filter((name) => !weights.has(name)).sort(),
    parameters,
    get hash() {
      hash ??= hashOf({
        config: sha256(configBytes),
        eos: config.eosTokenIds,
        weights: files.map(hashFile).sort(),
      });
      return hash;
    },
  };
}

function stampOf(files: readonly string[]): string {
  const seen = files.flatMap((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? [] : [[basename(file), stat.size, Math.floor(stat.mtimeMs)]];
  });
  return hashOf(seen.sort());
}

function findTensors(dir: string): ReadonlyMap<string, TensorEntry> {
  if (existsSync(join(dir, SINGLE))) return openSafetensors(join(dir, SINGLE)).tensors;
  const index = join(dir, INDEX);
  if (existsSync(index)) return findSharded(dir, index);
  const pickled = readdirSync(dir).filter((name) => /^pytorch_model.*\.(bin|index\.json)$/.test(name));
  if (pickled.length > 0) {
    const remedy = 'Convert them to safetensors: load the model with transformers and call save_pretrained';
    throw inputError('weights-missing', 'only pickled weights', {
      file: dir,
      need: SINGLE,
      got: pickled[0],
      remedy,
    });
  }
  const remedy = 'Fetch the weights, or give another folder';
  throw inputError('weights-missing', 'the folder has no weights', {
    file: dir,
    need: `${SINGLE} or ${INDEX}`,
    remedy,
  });
}

function findSharded(dir: string, index: string): ReadonlyMap<string, TensorEntry> {
  const map = (readJson(index) as { readonly weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw inputError('bad-index', 'the index has no weight_map', {
      file: index,
      got: map,
      remedy: 'Fetch it again',
    });
  }
  const shards = new Map<string, ReadonlyMap<string, TensorEntry>>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shard] of Object.entries(map as Record<string, unknown>)) {
    // A shard lies beside its index: a path out of the folder is not followed.
    if (typeof shard !== 'string' || !isFileName(shard)) {
      throw inputError('bad-index', `the shard of ${JSON.stringify(name)} is not a file name`, {
        file: index,
        got: shard,
      });
    }
    let entries = shards.get(shard);
    if (entries === undefined) {
      if (!existsSync(join(dir, shard))) {
        const remedy = 'Fetch the missing file';
        throw inputError('shard-missing', `the shard ${JSON.stringify(shard)} is missing`, {
          file: index,
          need: shard,
          remedy,
        });
      }
      entries = openSafetensors(join(dir, shard)).tensors;
      shards.set(shard, entries);
    }
    const entry = entries.get(name);
    if (entry === undefined) {
      throw inputError(
        'tensor-missing',
        `the index places tensor ${JSON.stringify(name)} in a shard that lacks it`,
        {
          file: join(dir, shard),
          tensor: name,
          remedy: 'Index and shards are not of one model: fetch both again',
        },
      );
    }
    tensors.set(name, entry);
  }
  return tensors;
}

function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name === basename(name) && !name.includes('\\');
}

function checkTensors(
  found: ReadonlyMap<string, TensorEntry>,
  config: DecoderConfig,
  dir: string,
): ReadonlyMap<string, TensorEntry> {
  const weights = new Map<string, TensorEntry>();
  const expected = expectedTensors(config);
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    throw inputError('tensor-missing', `the weights lack tensor ${missing[0]}${more}`, {
      file: dir,
      tensor: missing[0],
      need: `${expected.size} tensors`,
      got: `${expected.size - missing.length} of them`,
      remedy: remedyFor(missing),
    });
  }
  for (const [name, shape] of expected) {
    const entry = found.get(name) as TensorEntry;
    const { file } = entry;
    if (entry.shape.join() !== shape.join()) {
      const remedy = 'config.json and the weights are not of one model: fetch both again';
      throw inputError('tensor-shape', `tensor ${name} has the wrong shape`, {
        file,
        tensor: name,
        need: shape,
        got: entry.shape,
        remedy,
      });
    }
    if (!FLOAT_DTYPES.includes(entry.dtype)) {
      const remedy = 'Quantized and other weights cannot be trained here: take the full-precision model';
      throw inputError('tensor-dtype', `tensor ${name} has the wrong dtype`, {
        file,
        tensor: name,
        need: FLOAT_DTYPES.join(', '),
        got: entry.dtype,
        remedy,
      });
    }
    weights.set(name, entry);
  }
  return weights;
}

function remedyFor(missing: readonly string[]): string {
  if (missing.includes('lm_head.weight'))
    return 'If the model shares its embedding with the head, set tie_word_embeddings to true in config.json';
  if (missing.join() === SCORE_WEIGHT)
    return 'The head of the reward model has another name or was not saved: take another reward model';
  return 'Config and weights are not of one model, or a file is missing: fetch both again';
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
