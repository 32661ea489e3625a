import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WinnowError } from '../base/errors.ts';
import { configJsonSchema, explainConfig, loadConfig, requireKey } from './config.ts';
import { configKeys } from './words.ts';

let root = '';
let file = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-config-'));
  file = join(root, 'winnow.yaml');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const load = (yaml: string, overrides = {}) => {
  writeFileSync(file, yaml);
  return loadConfig(file, overrides);
};
const fault = (yaml: string, overrides = {}): WinnowError => {
  try {
    load(yaml, overrides);
  } catch (error) {
    return error as WinnowError;
  }
  return expect.unreachable('it should have failed');
};

describe('loadConfig', () => {
  it("has the paper's values by default", () => {
    const config = loadConfig(null);
    expect(config).toMatchObject({ model: null, data: null, seed: 42, out: resolve('winnow-run') });
    expect(config.text).toEqual({ maxLength: 1024, maxPromptLength: 512, onLong: 'cut-prompt-start' });
    expect(config.training).toMatchObject({ beta: 0.01, rank: 16, alpha: 16, epochs: 1, warmupRatio: 0.1 });
    expect(config.difficulty).toMatchObject({ folds: 2, seeds: 1, checkpoints: 1, precision: 'f32' });
    expect(config.selection).toMatchObject({ keepFraction: 0.5, direction: 'easiest', within: 'none' });
    expect(load('')).toEqual({ ...config, out: join(root, 'winnow-run') });
    expect(load('training:\n  # beta: 0.1\n')).toEqual(load(''));
  });

  it('takes paths from the file relative to it, from flags relative to the working folder', () => {
    const config = load('model: m\ndata: /abs/d.jsonl\nout: here', { out: 'there', data: undefined });
    expect([config.model, config.data, config.out]).toEqual([
      join(root, 'm'),
      '/abs/d.jsonl',
      resolve('there'),
    ]);
    expect(requireKey(config, 'model')).toBe(join(root, 'm'));
    expect(() => requireKey(load(''), 'data')).toThrow(/data is not given.*--data PATH/);
  });

  it('takes a reward model as it takes a model: a folder, or a hub’s name where there is no such folder', () => {
    const judgeOf = (name: string, overrides = {}) =>
      load(`evaluation:\n  rewardModel: ${name}`, overrides).evaluation.rewardModel;
    expect(judgeOf('./judge')).toBe(join(root, 'judge'));
    expect(judgeOf('org/judge')).toBe('org/judge');
    mkdirSync(join(root, 'org', 'judge'), { recursive: true });
    expect(judgeOf('org/judge')).toBe(join(root, 'org', 'judge'));
    expect(judgeOf('x', { 'evaluation.rewardModel': './there' })).toBe(resolve('there'));
    expect(load('').evaluation).toMatchObject({ rewardModel: null, rewardRevision: 'main' });
  });

  it('refuses two judges, where the second one stands', () => {
    const error = fault('evaluation:\n  judge: lab\n  rewardModel: org/judge');
    expect(error).toMatchObject({ kind: 'input', fields: { key: 'evaluation.rewardModel', line: 3 } });
    expect(error.message).toMatch(
      /two judges.*got "evaluation\.judge: lab, evaluation\.rewardModel: org\/judge"/,
    );
    const llm = fault('llmJudge:\n  model: j\nevaluation:\n  rewardModel: org/judge');
    expect(llm).toMatchObject({ fields: { key: 'llmJudge.model', line: 2 } });
    expect(fault('llmJudge:\n  model: j\n  budgetUsd: 3').message).toMatch(/a budget needs both/);
    const flag = { 'evaluation.rewardModel': 'org/judge' };
    expect(fault('evaluation:\n  judge: lab', flag).fields.file).toBe('command line');
  });

  it('reads a map from a flag as YAML or as names with equals signs', () => {
    const columns = { prompt: 'question', chosen: 'a=b' };
    expect(loadConfig(null, { columns: 'prompt=question, chosen=a=b' }).columns).toEqual(columns);
    expect(loadConfig(null, { columns: '{prompt: question, chosen: a=b}' }).columns).toEqual(columns);
    expect(() => loadConfig(null, { columns: 'prompt' })).toThrow('a map of names');
    expect(() => loadConfig(null, { columns: 'prompt=' })).toThrow('columns');
  });

  it('reads the text of flags as the key takes it', () => {
    const config = load('training:\n  beta: 0.1\n  rank: 4', {
      'training.beta': '0.02',
      'training.learningRate': '1e-5,5e-5',
      'training.targets': 'q_proj',
      'selection.keepFraction': 0.7,
      arms: 'selected, full',
      limit: 'null',
      workers: '3',
      threads: 'auto',
      model: '007',
    });
    expect(config.training).toMatchObject({
      beta: 0.02,
      rank: 4,
      learningRate: [1e-5, 5e-5],
      targets: ['q_proj'],
    });
    expect(config).toMatchObject({ arms: ['selected', 'full'], limit: null, workers: 3, threads: 'auto' });
    expect(config.model).toBe(resolve('007'));
    expect(load('training: {learningRate: 3e-5}').training.learningRate).toBe(3e-5);
  });

  it('gives a prompt at most half of a shorter text, unless told otherwise', () => {
    expect(load('text: {maxLength: 64}').text.maxPromptLength).toBe(32);
    expect(load('text: {maxLength: 64, maxPromptLength: 60}').text.maxPromptLength).toBe(60);
    const error = fault('text:\n  maxLength: 64\n  maxPromptLength: 64\n');
    expect(error.fields).toMatchObject({ line: 3, column: 20, got: 64 });
    expect(error.message).toMatch(/no room for a completion.*less than text\.maxLength, which is 64/);
  });
});

describe('the strength of a corrected loss', () => {
  it('is taken where the loss has one', () => {
    expect(load('training: {loss: ld-dpo, lossAlpha: 0.3}').training).toMatchObject({ lossAlpha: 0.3 });
    expect(load('training: {loss: r-dpo, lossAlpha: 2}').training).toMatchObject({ lossAlpha: 2 });
    expect(load('', { 'training.loss': 'sampo', 'training.lossAlpha': 'null' }).training).toMatchObject({
      loss: 'sampo',
      lossAlpha: null,
      anchorWeight: 0,
    });
  });
  it('is refused where the loss has none, and beyond what it can be', () => {
    const none = fault('training:\n  loss: sampo\n  lossAlpha: 0.5\n');
    expect(none).toMatchObject({ code: 'config-value', fields: { line: 3, key: 'training.lossAlpha' } });
    expect(none.message).toBe(
      `${file}, line 3: training.lossAlpha means nothing to the loss sampo (need null, got 0.5). Leave it out, or set training.loss to ld-dpo, r-dpo, cdpo, robust or simpo`,
    );
    expect(fault('', { 'training.lossAlpha': '0.5' }).message).toMatch(
      /^command line: training\.lossAlpha means nothing to the loss sigmoid/,
    );
    expect(fault('training: {loss: ld-dpo, lossAlpha: 1.5}').fields.need).toBe('a number from 0 to 1');
    expect(fault('training: {loss: ld-dpo, lossAlpha: -0.1}').fields.key).toBe('training.lossAlpha');
    expect(fault('training: {loss: cdpo, lossAlpha: 0.5}').fields.need).toBe(
      'a number from 0 to less than 0.5',
    );
    expect(fault('training: {loss: ipo, lossAlpha: 0.1}').message).toMatch(/means nothing to the loss ipo/);
    expect(fault('training: {lossBeta: 2}').fields.key).toBe('training.lossBeta');
    expect(load('training: {loss: simpo, lossBeta: 2.5, lossAlpha: 1.2}').training).toMatchObject({
      lossBeta: 2.5,
    });
    expect(fault('training: {anchorWeight: -1}').fields.key).toBe('training.anchorWeight');
    expect(fault('training: {loss: dpo}').fields.need).toMatch(
      /sigmoid, ld-dpo, r-dpo, sampo, cdpo, robust, ipo or simpo/,
    );
  });
});

describe('a fault in winnow.yaml', () => {
  it('is shown with file, line, key, what was found, what is needed, and a remedy', () => {
    const error = fault('model: m\n\ntraining:\n  rank: 8\n  beta: -1   # no\n');
    expect(error).toMatchObject({ kind: 'input', code: 'config-value', exitCode: 2 });
    expect(error.fields).toMatchObject({ file, line: 5, column: 9, key: 'training.beta', got: -1 });
    expect(error.message).toBe(
      `${file}, line 5: training.beta cannot have this value (need "a number above 0", got -1). Change it, or leave it out for the default, 0.01. training.beta: Beta of DPO: how dearly leaving the reference model is paid. The value of the paper's released recipes.`,
    );
  });

  it('is found inside lists and sections', () => {
    const error = fault('arms:\n  - full\n  - ful\n');
    expect(error.fields).toMatchObject({ line: 3, column: 5, key: 'arms', got: 'ful' });
    expect(error.fields.need).toMatch(
      /^a list of selected, full, .* easiest-shuffled, length-matched or shortest$/,
    );
    expect(fault('training: 5').message).toMatch(
      /training cannot have this value \(need "a section of keys", got 5\)/,
    );
    expect(fault('training:\n  learningRate: fast').fields.need).toBe(
      'a number above 0, a list of numbers above 0 or auto',
    );
    const within = fault('selection: {within: category}');
    expect(within.fields).toMatchObject({ key: 'selection.within', got: 'category' });
    expect(within.fields.need).toBe('none, length or meta.FIELD');
    expect(fault('selection: {within: meta.}').fields.key).toBe('selection.within');
    expect(fault('seed: .nan').fields.line).toBe(1);
    expect(fault('arms: [full, full]').message).toContain('arms names an arm twice');
  });

  it('names the key that a misspelt one means', () => {
    const error = fault('seed: 1\ntraining:\n  learning_rate: 1e-5\n');
    expect(error).toMatchObject({ code: 'config-unknown-key', fields: { line: 3, column: 3 } });
    expect(error.message).toMatch(
      /no such key \(got "training.learning_rate"\)\. Did you mean training\.learningRate\?/,
    );
    expect(fault('beta: 0.1').message).toContain('Did you mean training.beta?');
    expect(fault('selection: {keepfrac: 1}').message).toContain('Did you mean selection.keepFraction?');
    expect(fault('selection: {banana: 1}').message).toContain('The keys here are keepFraction, direction');
    expect(fault('', { 'training.bta': 1 }).message).toMatch(
      /^command line: .*Did you mean training\.beta\?/,
    );
    expect(fault('', { training: 1 }).code).toBe('config-unknown-key');
  });

  it('is told of with all others, in the order of the lines', () => {
    const error = fault('trainingSeeds: 0\nselection:\n  keepFraction: 2\n  zebra: 1\n', {
      'training.rank': 'x',
    });
    const places = error.message
      .split('\n')
      .map((line) => line.slice(0, line.indexOf(':')).replace(file, ''));
    expect(places).toEqual(['command line', ', line 1', ', line 3', ', line 4']);
  });

  it('is told of where the YAML itself is broken', () => {
    expect(fault('seed: 1\nseed: 2').message).toMatch(/line 2: this is not valid YAML: .*unique/);
    expect(fault('a: b: c').fields.line).toBe(1);
    expect(fault('- a').message).toMatch(/must hold keys and values/);
    expect(() => loadConfig(join(root, 'no.yaml'))).toThrow(/no such file/);
  });
});

describe('what a reader gets', () => {
  it('describes every key', () => {
    for (const [key, node] of configKeys()) {
      expect(node.description, key).toMatch(/\.$/);
      if (node.properties === undefined) expect(node, key).toHaveProperty('default');
    }
    const text = explainConfig();
    expect(text).toContain('  beta: 0.01   # a number above 0\n      Beta of DPO');
    expect(text).toContain('limit: null   # a whole number of at least 1 or null');
  });

  it('publishes a JSON Schema that requires nothing and allows nothing unknown', () => {
    const schema = configJsonSchema();
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(schema).not.toHaveProperty('required');
  });
});
