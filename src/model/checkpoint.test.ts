import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import type { DecoderConfig } from './architecture.ts';
import {
  initCheckpoint,
  type LlamaShape,
  llamaConfig,
  openCheckpoint,
  type Weight,
  writeCheckpoint,
} from './checkpoint.ts';
import { parseConfig } from './config.ts';
import { readTensorF32, type WritableTensor, writeSafetensors } from './safetensors.ts';

const SHAPE: LlamaShape = {
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  vocabSize: 32,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 500000,
  tieWordEmbeddings: false,
  bosTokenId: 1,
  eosTokenIds: [2],
};
const CONFIG = llamaConfig(SHAPE);

/** A config without the config.json that it came from: a written one has other keys. */
const read = ({ source: _, ...rest }: DecoderConfig) => rest;

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-checkpoint-'));
  dir = join(root, 'model');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function caught(action: () => unknown): WinnowError {
  try {
    action();
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function editConfig(change: Record<string, unknown>): void {
  const file = join(dir, 'config.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
}

/** Writes tensors beside the config of `dir`, as they are. */
function writeWeights(
  name: string,
  weights: Iterable<readonly [string, Weight]>,
  dtype: 'F32' | 'F16' = 'F32',
): void {
  const tensors: Record<string, WritableTensor> = {};
  for (const [key, weight] of weights) tensors[key] = { dtype, ...weight };
  writeSafetensors(join(dir, name), tensors);
}

describe('writeCheckpoint and openCheckpoint', () => {
  it.each([
    ['untied', SHAPE],
    ['tied', { ...SHAPE, tieWordEmbeddings: true }],
    ['with biases', { ...SHAPE, attentionBias: true, mlpBias: true }],
    ['without token ids', { ...SHAPE, bosTokenId: null, eosTokenIds: [] }],
    ['with two ends', { ...SHAPE, eosTokenIds: [2, 7] }],
    ['a head width of its own', { ...SHAPE, headDim: 6 }],
  ])('round-trips config and weights (%s)', (_what, shape) => {
    const config = llamaConfig(shape);
    const weights = initCheckpoint(config, 7);
    writeCheckpoint(dir, config, weights);
    const opened = openCheckpoint(dir);
    expect(read(opened.config)).toEqual(read(config));
    expect([...opened.weights.keys()]).toEqual([...weights.keys()]);
    expect(opened.unused).toEqual([]);
    let parameters = 0;
    for (const [name, { data }] of weights) {
      parameters += data.length;
      expect(readTensorF32(opened.weights.get(name)!)).toEqual(data);
    }
    expect(opened.parameters).toBe(parameters);
  });

  it('writes half precision and says so in config.json', () => {
    writeCheckpoint(dir, CONFIG, initCheckpoint(CONFIG, 7), { dtype: 'BF16' });
    expect(openCheckpoint(dir).weights.get('model.norm.weight')?.dtype).toBe('BF16');
    expect(JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      dtype: 'bfloat16',
      torch_dtype: 'bfloat16',
    });
  });

  it('copies the tokenizer and nothing else, or says that there is none', () => {
    const from = join(root, 'from');
    mkdirSync(from);
    const weights = initCheckpoint(CONFIG, 7);
    expect(caught(() => writeCheckpoint(dir, CONFIG, weights, { copyTokenizerFrom: from })).code).toBe(
      'file-missing',
    );
    expect(existsSync(join(dir, 'config.json'))).toBe(false);
    for (const name of ['tokenizer.json', 'chat_template.jinja', 'optimizer.pt'])
      writeFileSync(join(from, name), name);
    writeCheckpoint(dir, CONFIG, weights, { copyTokenizerFrom: from });
    expect(readdirSync(dir).sort()).toEqual([
      'chat_template.jinja',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
  });

  it('refuses weights that are not those of the config', () => {
    const weights = initCheckpoint(CONFIG, 7);
    const tied = { ...CONFIG, tieWordEmbeddings: true };
    expect(caught(() => writeCheckpoint(dir, tied, weights)).code).toBe('tensor-unknown');
    expect(caught(() => writeCheckpoint(dir, { ...CONFIG, vocabSize: 33 }, weights)).code).toBe(
      'tensor-shape',
    );
    expect(caught(() => writeCheckpoint(dir, { ...CONFIG, layers: 3 }, weights)).code).toBe('tensor-missing');
    expect(existsSync(dir)).toBe(false);
  });
});

describe('shards', () => {
  const weights = [...initCheckpoint(CONFIG, 7)];
  const shardOf = (i: number) => `model-0000${(i % 2) + 1}-of-00002.safetensors`;

  function writeSharded(): void {
    writeCheckpoint(dir, CONFIG, new Map(weights));
    rmSync(join(dir, 'model.safetensors'));
    for (const k of [0, 1])
      writeWeights(
        shardOf(k),
        weights.filter((_, i) => i % 2 === k),
      );
    writeIndex(Object.fromEntries(weights.map(([name], i) => [name, shardOf(i)])));
  }
  function writeIndex(map: Record<string, unknown>): void {
    writeFileSync(
      join(dir, 'model.safetensors.index.json'),
      JSON.stringify({ metadata: {}, weight_map: map }),
    );
  }

  it('open as one model', () => {
    writeSharded();
    const opened = openCheckpoint(dir);
    for (const [name, { data }] of weights) expect(readTensorF32(opened.weights.get(name)!)).toEqual(data);
  });

  it('a missing shard and a tensor missing in its shard are named', () => {
    writeSharded();
    writeIndex(Object.fromEntries(weights.map(([name]) => [name, shardOf(0)])));
    expect(caught(() => openCheckpoint(dir))).toMatchObject({
      code: 'tensor-missing',
      fields: { tensor: weights[1]?.[0], file: join(dir, shardOf(0)) },
    });
    writeSharded();
    rmSync(join(dir, shardOf(1)));
    expect(caught(() => openCheckpoint(dir))).toMatchObject({
      code: 'shard-missing',
      fields: { need: shardOf(1) },
    });
  });

  it.each([['../model.safetensors'], ['/etc/passwd'], ['a\\b'], [7], ['']])('does not follow %j', (shard) => {
    writeSharded();
    writeIndex({ 'model.norm.weight': shard });
    expect(caught(() => openCheckpoint(dir))).toMatchObject({ code: 'bad-index', fields: { got: shard } });
  });
});

describe('openCheckpoint refuses', () => {
  beforeEach(() => writeCheckpoint(dir, CONFIG, initCheckpoint(CONFIG, 7)));

  it('a folder that is missing or holds no model, and pickled weights', () => {
    expect(caught(() => openCheckpoint(join(root, 'none'))).message).toContain('no such folder');
    expect(caught(() => openCheckpoint(join(dir, 'config.json'))).message).toContain('not a folder');
    expect(caught(() => openCheckpoint(root)).message).toContain('no config.json');
    rmSync(join(dir, 'model.safetensors'));
    expect(caught(() => openCheckpoint(dir))).toMatchObject({ code: 'weights-missing' });
    writeFileSync(join(dir, 'pytorch_model.bin'), '');
    const error = caught(() => openCheckpoint(dir));
    expect(error).toMatchObject({ code: 'weights-missing', fields: { got: 'pytorch_model.bin' } });
    expect(error.message).toContain('save_pretrained');
  });

  it.each([
    [{ model_type: 'mamba' }, /model_type is not supported \(need "llama.*got "mamba"\)/],
    [{ model_type: 'toString' }, /model_type/],
    [{ architectures: ['LlamaModel'] }, /architectures.*need "LlamaForCausalLM or LlamaForSequence/],
    [{ architectures: ['LlamaForSequenceClassification'] }, /this is a classifier.*need "one label", got 2/],
    [
      { architectures: ['LlamaForSequenceClassification'], id2label: { 0: 'r' } },
      /this is a reward model.*need "a language model"/,
    ],
    [{ hidden_act: 'gelu' }, /hidden_act is not supported \(need "silu", got "gelu"\)/],
    [{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, /rope_scaling.low_freq_factor.*got "nothing"/],
    [{ rope_scaling: { type: 'dynamic', factor: 2 } }, /need "default, linear, llama3.*got "dynamic"/],
    [{ rope_scaling: { type: 'linear', factor: 0 } }, /rope_scaling.factor.*above 0/],
    [{ rope_scaling: { type: 'longrope', short_factor: [1, 1, 1] } }, /original_max_position_embeddings/],
    [{ rope_parameters: { rope_type: 'yarn', rope_theta: 1 } }, /rope_parameters.rope_type.*got "yarn"/],
    [{ rope_parameters: { rope_theta: 1, partial_rotary_factor: 0.5 } }, /partial_rotary_factor/],
    [{ quantization_config: { quant_method: 'gptq' } }, /quantization_config/],
    [{ hidden_size: undefined }, /hidden_size.*got "nothing"/],
    [{ vocab_size: 1.5 }, /vocab_size.*got 1.5/],
    [{ num_key_value_heads: 3 }, /divisor of num_attention_heads = 4/],
    [{ head_dim: 5 }, /head_dim.*even/],
    [{ rms_norm_eps: 0 }, /rms_norm_eps/],
    [{ tie_word_embeddings: 'no' }, /tie_word_embeddings.*true or false/],
    [{ eos_token_id: [-1] }, /eos_token_id/],
  ])('%j', (change, message) => {
    editConfig(change);
    const error = caught(() => openCheckpoint(dir));
    expect(error).toMatchObject({ kind: 'input', fields: { file: join(dir, 'config.json') } });
    expect(error.message).toMatch(message);
  });

  it('weights of another model: a tensor missing, of another shape, of another dtype', () => {
    editConfig({ num_hidden_layers: 3 });
    expect(caught(() => openCheckpoint(dir)).message).toMatch(
      /lack tensor model.layers.2.input_layernorm.weight and 8 more/,
    );
    editConfig({ num_hidden_layers: 2, vocab_size: 33 });
    expect(caught(() => openCheckpoint(dir)).message).toMatch(
      /embed_tokens.weight has the wrong shape.*need \[33,16\], got \[32,16\]/,
    );
    editConfig({ vocab_size: 32 });
    const tensors: Record<string, WritableTensor> = {};
    for (const [name, weight] of initCheckpoint(CONFIG, 7)) tensors[name] = { dtype: 'F32', ...weight };
    tensors['model.norm.weight'] = { dtype: 'I32', shape: [16], data: new Int32Array(16) };
    writeSafetensors(join(dir, 'model.safetensors'), tensors);
    expect(caught(() => openCheckpoint(dir))).toMatchObject({
      code: 'tensor-dtype',
      fields: { tensor: 'model.norm.weight', got: 'I32' },
    });
  });

  it('an untied model without its head', () => {
    writeWeights('model.safetensors', [...initCheckpoint({ ...CONFIG, tieWordEmbeddings: true }, 7)]);
    const error = caught(() => openCheckpoint(dir));
    expect(error).toMatchObject({ code: 'tensor-missing', fields: { tensor: 'lm_head.weight' } });
    expect(error.message).toContain('tie_word_embeddings');
  });
});

describe('openCheckpoint accepts', () => {
  beforeEach(() => writeCheckpoint(dir, CONFIG, initCheckpoint(CONFIG, 7)));

  it('a tied model that also stores its head: the embedding wins', () => {
    editConfig({ tie_word_embeddings: true });
    const opened = openCheckpoint(dir);
    expect(opened.weights.has('lm_head.weight')).toBe(false);
    expect(opened.unused).toEqual(['lm_head.weight']);
  });

  it('extra tensors, and lists them', () => {
    const inv = 'model.layers.0.self_attn.rotary_emb.inv_freq';
    writeWeights(
      'model.safetensors',
      [...initCheckpoint(CONFIG, 7), [inv, { shape: [2], data: new Float32Array(2) }]],
      'F16',
    );
    expect(openCheckpoint(dir).unused).toEqual([inv]);
  });

  it('the rope settings of transformers 5, the defaults of 4, and the ends of generation_config.json', () => {
    const bare = {
      model_type: 'llama',
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      vocab_size: 32,
    };
    const { source: _, ...parsed } = parseConfig(bare, 'config.json');
    const { source: __, ...expected } = llamaConfig({
      ...SHAPE,
      kvHeads: 4,
      maxPositions: 2048,
      rmsNormEps: 1e-6,
      ropeTheta: 10000,
      bosTokenId: null,
      eosTokenIds: [],
    });
    expect(parsed).toEqual(expected);
    editConfig({
      rope_theta: undefined,
      rope_parameters: { rope_theta: 12345, rope_type: 'default' },
      head_dim: null,
    });
    writeFileSync(join(dir, 'generation_config.json'), '{"eos_token_id": [9, 2]}');
    const reference = llamaConfig({ ...SHAPE, ropeTheta: 12345, eosTokenIds: [2, 9] });
    expect(read(openCheckpoint(dir).config)).toEqual(read(reference));
  });
});

describe('hash', () => {
  it('names the content: equal for equal models, other for another weight, config or end', () => {
    const other = join(root, 'other');
    const write = (where: string, seed: number, config = CONFIG) => {
      writeCheckpoint(where, config, initCheckpoint(config, seed));
      return openCheckpoint(where).hash;
    };
    const hash = write(dir, 7);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(write(other, 7)).toBe(hash);
    writeFileSync(join(other, 'generation_config.json'), '{"eos_token_id": 3}');
    expect(openCheckpoint(other).hash).not.toBe(hash);
    rmSync(join(other, 'generation_config.json'));
    expect(openCheckpoint(other).hash).toBe(hash);
    expect(write(other, 8)).not.toBe(hash);
    expect(write(other, 7, llamaConfig({ ...SHAPE, ropeTheta: 1 }))).not.toBe(hash);
  });
});

describe('initCheckpoint', () => {
  const wide = { hiddenSize: 64, headDim: 16, intermediateSize: 128, vocabSize: 512, layers: 8 };
  const config = llamaConfig({ ...SHAPE, ...wide });
  const std = (name: string, weights: Map<string, Weight>) => {
    const data = weights.get(name)!.data;
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  };

  it('draws matrices from N(0, 0.02²), residual projections from N(0, 0.02² / 2L), norms are 1', () => {
    const weights = initCheckpoint(config, 3);
    expect(Math.abs(std('model.embed_tokens.weight', weights) / 0.02 - 1)).toBeLessThan(0.02);
    expect(Math.abs(std('model.layers.7.mlp.up_proj.weight', weights) / 0.02 - 1)).toBeLessThan(0.04);
    for (const name of ['self_attn.o_proj', 'mlp.down_proj']) {
      expect(Math.abs(std(`model.layers.0.${name}.weight`, weights) / 0.005 - 1)).toBeLessThan(0.05);
    }
    expect(std('model.layers.3.post_attention_layernorm.weight', weights)).toBe(1);
  });

  it('gives the same weights for the same seed, others for another', () => {
    expect(initCheckpoint(CONFIG, 3)).toEqual(initCheckpoint(CONFIG, 3));
    expect(initCheckpoint(CONFIG, 4).get('lm_head.weight')).not.toEqual(
      initCheckpoint(CONFIG, 3).get('lm_head.weight'),
    );
  });
});

const STORIES = new URL('../../../shared/data/stories260K/hf', import.meta.url).pathname;

describe.skipIf(!existsSync(STORIES))('stories260K (needs ../shared/data)', () => {
  it('opens, and survives a rewrite bit by bit', () => {
    const opened = openCheckpoint(STORIES);
    expect(opened.config).toMatchObject({
      hiddenSize: 64,
      layers: 5,
      heads: 8,
      kvHeads: 4,
      vocabSize: 512,
      eosTokenIds: [2],
    });
    expect(opened.parameters).toBe(260032);
    expect(opened.unused).toEqual([]);
    const weights = new Map(
      [...opened.weights].map(([name, entry]) => [name, { shape: entry.shape, data: readTensorF32(entry) }]),
    );
    writeCheckpoint(dir, opened.config, weights, { copyTokenizerFrom: STORIES });
    const copy = openCheckpoint(dir);
    expect(read(copy.config)).toEqual(read(opened.config));
    expect(
      readFileSync(join(dir, 'model.safetensors')).equals(readFileSync(join(STORIES, 'model.safetensors'))),
    ).toBe(true);
    expect(existsSync(join(dir, 'tokenizer_config.json'))).toBe(true);
  });
});
