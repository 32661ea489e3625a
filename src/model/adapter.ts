import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { inputError } from '../base/errors.ts';
import { writeError } from '../base/files.ts';
import { readJson, writeJson } from '../base/json.ts';
import {
  openSafetensors,
  readTensorF32,
  type TensorEntry,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts';

/**
 * A LoRA adapter (Hu et al. 2021): each adapted linear module computes x Wᵀ + (alpha / rank) · x Aᵀ Bᵀ.
 * rsLoRA's alpha / √rank (Kalajdzievski 2023) is the same with another alpha, and read so.
 *
 * *Reference:* the file layout of huggingface/peft `save_pretrained` (adapter_config.json,
 * adapter_model.safetensors with keys `base_model.model.<module>.lora_A.weight` and `.lora_B.weight`).
 */
export interface Adapter {
  /** Path or hub name of the model that the adapter belongs to. */
  readonly baseModel: string;
  readonly rank: number;
  readonly alpha: number;
  /** Last parts of the adapted modules' names, e.g. `q_proj`. */
  readonly targetModules: readonly string[];
  /** By module, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly tensors: ReadonlyMap<string, LoraPair>;
}

export interface LoraPair {
  /** `[rank, in]`. */
  readonly a: { readonly shape: readonly number[]; readonly data: Float32Array };
  /** `[out, rank]`. */
  readonly b: { readonly shape: readonly number[]; readonly data: Float32Array };
}

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const PREFIX = 'base_model.model.';

/** What is written beside rank, alpha and targets: the keys that every PEFT since 0.7 knows, at their plain values. */
const PLAIN = {
  peft_type: 'LORA',
  task_type: 'CAUSAL_LM',
  auto_mapping: null,
  revision: null,
  inference_mode: true,
  lora_dropout: 0,
  bias: 'none',
  fan_in_fan_out: false,
  init_lora_weights: true,
  modules_to_save: null,
  layers_to_transform: null,
  layers_pattern: null,
  rank_pattern: {},
  alpha_pattern: {},
  use_rslora: false,
  use_dora: false,
} as const;

/**
 * Writes the folder. The weights come first and adapter_config.json last, an old one is removed before: a
 * half-written adapter has no configuration and is taken by nobody.
 *
 * @throws inputError `bad-adapter` when shapes, rank and targets do not fit each other. machineError `disk-full`
 *   or `cannot-write`.
 */
export function writeAdapter(dir: string, adapter: Adapter): void {
  checkAdapter(adapter, dir);
  const tensors: Record<string, WritableTensor> = {};
  for (const [module, { a, b }] of adapter.tensors) {
    tensors[`${PREFIX}${module}.lora_A.weight`] = { dtype: 'F32', ...a };
    tensors[`${PREFIX}${module}.lora_B.weight`] = { dtype: 'F32', ...b };
  }
  const configFile = join(dir, CONFIG);
  try {
    mkdirSync(dir, { recursive: true });
    rmSync(configFile, { force: true });
  } catch (error) {
    throw writeError(dir, error);
  }
  writeSafetensors(join(dir, WEIGHTS), tensors, { format: 'pt' });
  writeJson(configFile, {
    ...PLAIN,
    base_model_name_or_path: adapter.baseModel,
    r: adapter.rank,
    lora_alpha: adapter.alpha,
    target_modules: adapter.targetModules,
  });
}

/** Of a LoRA adapter whose modules may differ in rank and alpha: W + scale · B·A for each. */
export interface LoraDeltas {
  readonly baseModel: string;
  /** By module; `scale` is alpha / rank. */
  readonly modules: ReadonlyMap<string, LoraPair & { readonly scale: number }>;
}

/**
 * Reads a LoRA adapter with any ranks and alphas (PEFT's `rank_pattern` and `alpha_pattern` too), for merging.
 * Throws as `readAdapter` does.
 */
export function readLoraDeltas(dir: string): LoraDeltas {
  const { config, file, baseModel, alpha } = readConfig(dir);
  const pattern = config.alpha_pattern ?? {};
  if (!isRecord(pattern))
    throw inputError('bad-adapter', 'alpha_pattern is not an object', { file, got: pattern });
  const pairs = readPairs(join(dir, WEIGHTS));
  const patternOf = modulePatterns(Object.keys(pattern), [...pairs.keys()], file);
  const modules = new Map<string, LoraPair & { scale: number }>();
  for (const [module, pair] of pairs) {
    const rank = pair.a.shape[0] as number;
    if (pair.a.shape.length !== 2 || pair.b.shape.length !== 2 || pair.b.shape[1] !== rank || rank < 1)
      throw inputError('bad-adapter', `lora_A and lora_B of ${module} do not fit each other`, {
        file: dir,
        got: [pair.a.shape, pair.b.shape],
      });
    const key = patternOf.get(module);
    const own = key === undefined ? alpha : pattern[key];
    if (typeof own !== 'number' || !Number.isFinite(own))
      throw inputError('bad-adapter', `the alpha of ${module} is not a number`, { file, got: own });
    modules.set(module, { ...pair, scale: own / (config.use_rslora ? Math.sqrt(rank) : rank) });
  }
  return { baseModel, modules };
}

/** Far more than any pattern of names takes; one that is made to take for ever ends here. */
const PATTERN_MS = 2000;

/**
 * The pattern of each module's name, as in PEFT (utils/other.py, get_pattern_key): the first key that is the name, or
 * its end behind a dot. A key is a regular expression.
 *
 * @throws inputError `bad-adapter`.
 */
function modulePatterns(
  keys: readonly string[],
  modules: readonly string[],
  file: string,
): ReadonlyMap<string, string> {
  if (keys.length === 0) return new Map();
  const patterns = keys.map((key) => `^(.*\\.)?(${key})$`);
  const code = 'modules.map((name) => patterns.findIndex((pattern) => new RegExp(pattern).test(name)))';
  try {
    const found = runInNewContext(code, { patterns, modules }, { timeout: PATTERN_MS }) as readonly number[];
    return new Map(
      modules.flatMap((module, i) => {
        const key = keys[found[i] as number];
        return key === undefined ? [] : [[module, key] as const];
      }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String((error as { message?: unknown }).message);
    throw inputError(
      'bad-adapter',
      `alpha_pattern cannot be matched: ${why}`,
      { file, got: keys, need: 'names of modules, or regular expressions' },
      error,
    );
  }
}

/**
 * Reads a LoRA adapter that PEFT or `writeAdapter` wrote; all tensors become float32.
 *
 * @throws inputError `adapter-missing`; `adapter-not-finite` (NaN or infinities); `unsupported-adapter` (DoRA, biases, ranks or alphas that differ between
 *   modules, other methods than LoRA); `bad-adapter` (a tensor that does not fit the rank, or half of a pair).
 */
export function readAdapter(dir: string): Adapter {
  const { config, file, baseModel, rank, alpha } = readConfig(dir);
  for (const key of ['rank_pattern', 'alpha_pattern'])
    if (!isEmpty(config[key])) {
      const remedy = 'Merge the adapter into its model (winnow merge) and give the merged model';
      throw inputError('unsupported-adapter', `${key} is not supported`, {
        file,
        key,
        need: 'not set',
        got: config[key],
        remedy,
      });
    }
  const tensors = readPairs(join(dir, WEIGHTS));
  // A pattern instead of names (PEFT allows a regular expression): the tensors tell which modules it met.
  const targets = config.target_modules;
  const targetModules = isTexts(targets) ? targets : [...new Set([...tensors.keys()].map(lastPart))].sort();
  const adapter = {
    baseModel,
    rank,
    alpha: config.use_rslora ? alpha * Math.sqrt(rank) : alpha,
    targetModules,
    tensors,
  };
  checkAdapter(adapter, dir);
  return adapter;
}

interface AdapterConfig {
  readonly config: Readonly<Record<string, unknown>>;
  readonly file: string;
  readonly baseModel: string;
  readonly rank: number;
  readonly alpha: number;
}

function readConfig(dir: string): AdapterConfig {
  for (const name of [CONFIG, WEIGHTS]) {
    if (existsSync(join(dir, name))) continue;
    const half = name === CONFIG && existsSync(join(dir, WEIGHTS));
    const remedy = half
      ? 'It was not written to its end: train it again'
      : 'Give the folder of a PEFT LoRA adapter';
    throw inputError('adapter-missing', `the adapter has no ${name}`, { file: dir, need: name, remedy });
  }
  const file = join(dir, CONFIG);
  const config = readJson(file);
  if (!isRecord(config)) throw inputError('bad-adapter', `${CONFIG} is not an object`, { file, got: config });
  requirePlain(config, file);
  const { r: rank, lora_alpha: alpha, base_model_name_or_path: baseModel } = config;
  if (typeof rank !== 'number' || typeof alpha !== 'number') {
    throw inputError('bad-adapter', 'r and lora_alpha are not numbers', { file, got: [rank, alpha] });
  }
  return { config, file, baseModel: typeof baseModel === 'string' ? baseModel : '', rank, alpha };
}

function readPairs(file: string): Map<string, LoraPair> {
  const { tensors } = openSafetensors(file);
  const read = (entry: TensorEntry) => ({ shape: entry.shape, data: finite(readTensorF32(entry), entry) });
  const pairs = new Map<string, LoraPair>();
  const halves = new Set<string>();
  for (const name of tensors.keys()) {
    const found = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(name);
    if (!found) {
      throw unsupported(
        file,
        `tensor ${JSON.stringify(name)}`,
        `${PREFIX}<module>.lora_A.weight or .lora_B.weight`,
        name,
      );
    }
    halves.add(found[1] as string);
  }
  for (const module of [...halves].sort()) {
    const a = tensors.get(`${PREFIX}${module}.lora_A.weight`);
    const b = tensors.get(`${PREFIX}${module}.lora_B.weight`);
    if (!a || !b) {
      const need = `${module}.lora_${a ? 'B' : 'A'}.weight`;
      throw inputError('bad-adapter', 'the adapter has one half of a pair', {
        file,
        need,
        remedy: 'Fetch it again',
      });
    }
    pairs.set(module, { a: read(a), b: read(b) });
  }
  return pairs;
}

function finite(data: Float32Array, { file, name }: TensorEntry): Float32Array {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return data;
  throw inputError('adapter-not-finite', `tensor ${JSON.stringify(name)} holds NaN or an infinity`, {
    file,
    tensor: name,
    got: String(data[at]),
    remedy: 'Its training ran away, or the file is damaged: train or fetch it again',
  });
}

/** Settings that change what the weights mean: anything but the plain value is refused, not ignored. */
function requirePlain(config: Readonly<Record<string, unknown>>, file: string): void {
  const kind = config.peft_type;
  if (kind !== 'LORA') throw unsupported(file, 'peft_type', 'LORA', kind);
  const bias = config.bias ?? 'none';
  if (bias !== 'none') throw unsupported(file, 'bias', 'none', bias);
  const switches = [
    ...['use_dora', 'use_qalora', 'lora_bias', 'fan_in_fan_out', 'modules_to_save', 'target_parameters'],
    ...['layer_replication', 'trainable_token_indices', 'alora_invocation_tokens'],
  ];
  for (const key of switches) if (!isEmpty(config[key])) throw unsupported(file, key, 'not set', config[key]);
  // These start from a changed base model, which the adapter's folder does not hold.
  const start = config.init_lora_weights;
  if (typeof start === 'string' && /^(pissa|olora|loftq|corda)/i.test(start)) {
    throw unsupported(file, 'init_lora_weights', 'true', start);
  }
}

function checkAdapter(adapter: Adapter, file: string): void {
  const { rank, alpha, targetModules, tensors } = adapter;
  const fault = (what: string, fields: { need?: unknown; got?: unknown }) =>
    inputError('bad-adapter', what, { file, ...fields });
  if (!Number.isSafeInteger(rank) || rank < 1)
    throw fault('the rank is no whole number of at least 1', { got: rank });
  if (!Number.isFinite(alpha)) throw fault('alpha is not a number', { got: String(alpha) });
  if (tensors.size === 0) throw fault('the adapter has no tensors', {});
  for (const [module, { a, b }] of tensors) {
    if (a.shape.length !== 2 || a.shape[0] !== rank) {
      throw fault(`lora_A of ${module} does not fit the rank`, { need: `[${rank}, in]`, got: a.shape });
    }
    if (b.shape.length !== 2 || b.shape[1] !== rank) {
      throw fault(`lora_B of ${module} does not fit the rank`, { need: `[out, ${rank}]`, got: b.shape });
    }
    // PEFT adapts a module when its name is, or ends with a dot and, a target: others it would leave out silently.
    if (!targetModules.some((target) => module === target || module.endsWith(`.${target}`))) {
      throw fault(`${module} is not among the target modules`, { need: targetModules });
    }
  }
}

function lastPart(module: string): string {
  return module.slice(module.lastIndexOf('.') + 1);
}

function isEmpty(value: unknown): boolean {
  return value == null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function unsupported(file: string, key: string, need: string, got: unknown) {
  const remedy = 'Merge the adapter into its model with PEFT (merge_and_unload) and give the merged model';
  return inputError('unsupported-adapter', `${key} is not supported`, {
    file,
    key,
    need,
    got: got ?? 'nothing',
    remedy,
  });
}
