import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import {
  initCheckpoint,
  type LlamaShape,
  llamaConfig,
  openCheckpoint,
  openRewardCheckpoint,
  rewardConfig,
  writeCheckpoint,
} from './checkpoint.ts';
import { parseConfig, rewardClassOf } from './config.ts';
import { type WritableTensor, writeSafetensors } from './safetensors.ts';

const TINY: LlamaShape = {
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  vocabSize: 23,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  tieWordEmbeddings: false,
  bosTokenId: 1,
  eosTokenIds: [2],
};
const LANGUAGE = llamaConfig(TINY);
const REWARD = rewardConfig(LANGUAGE, 0);
const D = TINY.hiddenSize;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'winnow-reward-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

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

/** The reward model's weights with some replaced, added, or (null) taken away. */
function writeWeights(change: Record<string, WritableTensor | null>): void {
  const tensors: Record<string, WritableTensor> = {};
  for (const [name, weight] of initCheckpoint(REWARD, 7)) tensors[name] = { dtype: 'F32', ...weight };
  for (const [name, tensor] of Object.entries(change)) {
    if (tensor === null) delete tensors[name];
    else tensors[name] = tensor;
  }
  writeSafetensors(join(dir, 'model.safetensors'), tensors);
}

const floats = (...shape: number[]): WritableTensor => ({
  dtype: 'F32',
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

describe('openRewardCheckpoint', () => {
  beforeEach(() => writeCheckpoint(dir, REWARD, initCheckpoint(REWARD, 7)));

  it('opens a decoder with a score of one number in place of its output embedding', () => {
    const { config, weights, unused } = openRewardCheckpoint(dir);
    expect(config.reward).toEqual({ padTokenId: 0 });
    expect(weights.get('score.weight')?.shape).toEqual([1, D]);
    expect(weights.has('lm_head.weight')).toBe(false);
    expect(unused).toEqual([]);
  });

  it('an output embedding that was left in the files is not used', () => {
    writeWeights({ 'lm_head.weight': floats(TINY.vocabSize, D) });
    expect(openRewardCheckpoint(dir).unused).toEqual(['lm_head.weight']);
  });

  it('a language model is refused by its class', () => {
    writeCheckpoint(dir, LANGUAGE, initCheckpoint(LANGUAGE, 7));
    const error = caught(() => openRewardCheckpoint(dir));
    expect(error).toMatchObject({
      kind: 'input',
      code: 'not-reward-model',
      fields: { file: join(dir, 'config.json') },
    });
    expect(error.message).toMatch(
      /this is a language model.*need "LlamaForSequenceClassification with one label", got \["LlamaForCausalLM"\]/,
    );
  });

  it('as a language model it is refused, with what it is for', () => {
    const error = caught(() => openCheckpoint(dir));
    expect(error).toMatchObject({ kind: 'input', code: 'is-reward-model' });
    expect(error.message).toMatch(/this is a reward model.*evaluation\.rewardModel/);
  });

  it.each([
    [{ id2label: { 0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e' } }, 5, 'id2label'],
    [{ id2label: {} }, 0, 'id2label'],
    [{ id2label: null, num_labels: 5 }, 5, 'num_labels'],
    // What transformers takes where nothing is said.
    [{ id2label: undefined }, 2, 'num_labels'],
    [{ id2label: null, num_labels: 'one' }, 'one', 'num_labels'],
  ])('%j is no reward model', (change, got, key) => {
    editConfig(change);
    const error = caught(() => openRewardCheckpoint(dir));
    expect(error).toMatchObject({ kind: 'input', code: 'reward-labels', fields: { got, key } });
    expect(error.message).toMatch(/need "one label".*id2label of one entry/);
  });

  it('one label by number alone', () => {
    editConfig({ id2label: null, num_labels: 1 });
    expect(openRewardCheckpoint(dir).config.reward).not.toBeNull();
  });

  it('a head that is missing, of another shape, or more than one weight', () => {
    writeWeights({ 'score.weight': null });
    expect(caught(() => openRewardCheckpoint(dir))).toMatchObject({
      code: 'tensor-missing',
      fields: { tensor: 'score.weight', remedy: expect.stringContaining('head of the reward model') },
    });
    writeWeights({ 'score.weight': floats(2, D) });
    expect(caught(() => openRewardCheckpoint(dir))).toMatchObject({
      code: 'tensor-shape',
      fields: { tensor: 'score.weight', need: [1, D], got: [2, D] },
    });
    writeWeights({ 'score.bias': floats(1) });
    const error = caught(() => openRewardCheckpoint(dir));
    expect(error).toMatchObject({ code: 'reward-head', fields: { tensor: 'score.bias' } });
    expect(error.message).toMatch(/need "score\.weight alone/);
  });

  it.each([
    ['LlamaForRewardModelWithGating'],
    ['LlamaForTokenClassification'],
    ['Qwen2ForSequenceClassification'],
  ])('another class is refused by name: %s', (name) => {
    editConfig({ architectures: [name] });
    expect(caught(() => openRewardCheckpoint(dir)).message).toMatch(
      new RegExp(`need "LlamaForCausalLM or LlamaForSequenceClassification", got \\["${name}"\\]`),
    );
  });

  it('a padding token that is none', () => {
    editConfig({ pad_token_id: -1 });
    expect(caught(() => openRewardCheckpoint(dir))).toMatchObject({
      code: 'bad-config',
      fields: { key: 'pad_token_id' },
    });
  });
});

describe('the padding token that is left out of config.json', () => {
  const padOf = (modelType: string, change: Record<string, unknown> = {}) => {
    const source = {
      model_type: modelType,
      architectures: [rewardClassOf(modelType)],
      id2label: { 0: 'LABEL_0' },
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 4,
      vocab_size: 32,
      original_max_position_embeddings: 4096,
      ...change,
    };
    return parseConfig(source, 'config.json').reward?.padTokenId;
  };

  // transformers 5.23: what XConfig() has for pad_token_id.
  it.each([
    ['llama', null],
    ['mistral', null],
    ['qwen2', null],
    ['qwen3', null],
    ['gemma2', 0],
    ['gemma3_text', 0],
    ['phi3', 32000],
    ['smollm3', 128004],
  ])('%s: %s', (modelType, id) => {
    expect(padOf(modelType)).toBe(id);
    expect(padOf(modelType, { pad_token_id: null })).toBeNull();
    expect(padOf(modelType, { pad_token_id: 5 })).toBe(5);
  });
});
