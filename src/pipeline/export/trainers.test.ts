import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { pairId } from '../../pairs/id.ts';
import type { Text } from '../../pairs/pair.ts';
import { loadConfig } from '../../run/config.ts';
import type { Hyper } from '../units.ts';
import { axolotlFiles } from './axolotl.ts';
import { needWholeCharacters, ofOneKind } from './dataset.ts';
import { llamaFactoryFiles } from './llama-factory.ts';
import { openRlhfFiles } from './openrlhf.ts';
import type { ArmPair } from './run-pairs.ts';
import { type TrainerFiles, type TrainerInput, trainerYaml } from './trainer.ts';
import { trlFiles } from './trl.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

function pair(prompt: Text, chosen: Text, rejected: Text): ArmPair {
  const id = pairId(prompt, chosen, rejected);
  return { id, row: 0, prompt, chosen, rejected, meta: {}, difficulty: 0.5, rank: 1 };
}

/** 100 pairs in batches of 8 for 2 epochs: 26 steps. */
function input(training: Readonly<Record<string, unknown>> = {}, hyper: Partial<Hyper> = {}): TrainerInput {
  const overrides = Object.entries({ epochs: 2, ...training }).map(([key, value]) => [
    `training.${key}`,
    value,
  ]);
  const config = loadConfig(null, { model: 'org/name', ...Object.fromEntries(overrides) });
  const { adapter: _, anchorWeight: __, lossAlpha: ___, ...own } = config.training;
  const pairs = Array.from({ length: 100 }, (_, i) =>
    pair([user(`q${i}`)], [assistant('a')], [assistant('b')]),
  );
  return {
    config,
    hyper: { ...own, learningRate: 5e-7, batchSize: 8, targets: ['q_proj', 'v_proj'], ...hyper } as Hyper,
    pairs,
    dataFile: 'data/train.jsonl',
    as: 'jsonl',
    messages: true,
  };
}

function yamlOf({ files }: TrainerFiles, file: string): Record<string, unknown> {
  return parse(files[file] as string, { version: '1.1' }) as Record<string, unknown>;
}

describe('the hyper-parameters', () => {
  it('go over as they are: warm-up in steps, small numbers as Python reads them', () => {
    const given = input({ schedule: 'constant' });
    const trl = trlFiles(given);
    expect(trl.files['train/trl.yaml']).toContain('learning_rate: 5.0e-7\n');
    const same = {
      learning_rate: 5e-7,
      weight_decay: 0,
      adam_beta1: 0.9,
      seed: 42,
      gradient_accumulation_steps: 8,
    };
    expect(yamlOf(trl, 'train/trl.yaml')).toMatchObject({
      ...same,
      model_name_or_path: 'org/name',
      warmup_steps: 3,
      lr_scheduler_type: 'constant_with_warmup',
      num_train_epochs: 2,
      loss_type: ['sigmoid'],
    });
    expect(yamlOf(llamaFactoryFiles(given), 'train/llama-factory.yaml')).toMatchObject({
      ...same,
      warmup_steps: 3,
    });
    expect(yamlOf(axolotlFiles(given), 'train/axolotl.yaml')).toMatchObject({
      ...same,
      warmup_steps: 3,
      num_epochs: 2,
    });
  });

  it('of every weight: no LoRA anywhere', () => {
    const given = input({ method: 'full' });
    expect(yamlOf(trlFiles(given), 'train/trl.yaml')).not.toHaveProperty('use_peft');
    expect(yamlOf(llamaFactoryFiles(given), 'train/llama-factory.yaml')).toMatchObject({
      finetuning_type: 'full',
    });
    expect(yamlOf(axolotlFiles(given), 'train/axolotl.yaml')).not.toHaveProperty('adapter');
    expect(openRlhfFiles(given).files['train/openrlhf.sh']).not.toContain('lora');
  });

  it('of a corrected loss go where the trainer has it, and are a note where it has not', () => {
    const ld = input({}, { loss: 'ld-dpo', lossAlpha: 0.3, anchorWeight: 0.2 });
    expect(yamlOf(trlFiles(ld), 'train/trl.yaml')).toMatchObject({
      ld_alpha: 0.3,
      loss_type: ['sigmoid', 'sft'],
      loss_weights: [1, 0.2],
    });
    expect(yamlOf(llamaFactoryFiles(ld), 'train/llama-factory.yaml')).toMatchObject({
      ld_alpha: 0.3,
      pref_ftx: 0.2,
    });
    expect(trlFiles(ld).notes).toEqual([]);
    expect(axolotlFiles(ld).notes.join()).toContain('axolotl has no loss ld-dpo');
    const sampo = input({}, { loss: 'sampo' });
    for (const files of [
      trlFiles(sampo),
      llamaFactoryFiles(sampo),
      axolotlFiles(sampo),
      openRlhfFiles(sampo),
    ]) {
      expect(files.notes.join()).toContain('has no loss sampo');
    }
  });

  it('that a trainer cannot take are notes', () => {
    const given = input({ adapter: '/x', alpha: 1.5 });
    for (const files of [
      trlFiles(given),
      llamaFactoryFiles(given),
      axolotlFiles(given),
      openRlhfFiles(given),
    ]) {
      expect(files.notes.join()).toContain('winnow merge');
      expect(files.notes.join()).toContain('whole lora_alpha');
    }
    const commit = { ...given, config: { ...given.config, revision: 'abc' } };
    expect(yamlOf(trlFiles(commit), 'train/trl.yaml').model_revision).toBe('abc');
    expect(openRlhfFiles(commit).notes.join()).toContain('no revision');
    const spaced = { ...given, config: { ...given.config, model: "/it's here" } };
    expect(openRlhfFiles(spaced).files['train/openrlhf.sh']).toContain("'/it'\\''s here'");
  });
});

describe('YAML for Python', () => {
  it('quotes what YAML 1.1 takes for a boolean, and gives every number a point', () => {
    expect(trainerYaml({ a: 'no', b: 1e-8, c: [2e-7], d: 1.5e-9, e: 0.00005, f: 'x: 1e-8' })).toBe(
      'a: "no"\nb: 1.0e-8\nc:\n  - 2.0e-7\nd: 1.5e-9\ne: 0.00005\nf: "x: 1e-8"\n',
    );
  });
});

describe('pairs of one kind', () => {
  const messages = pair([user('q')], [assistant('a')], [assistant('b')]);

  const turns = pair('\n\nHuman: q\n\nAssistant:', ' a', ' b\n\nHuman: r\n\nAssistant: c');
  const shown = [[user('q')], [assistant('a')], [assistant('b'), user('r'), assistant('c')]];
  const textsOf = (pairs: readonly ArmPair[]) =>
    pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected]);

  it('are left as they are', () => {
    const texts = [pair('q', 'a', 'b'), turns];
    expect(ofOneKind(texts, false)).toEqual({ pairs: texts, messages: false, notes: [] });
    expect(ofOneKind(texts, null)).toEqual({ pairs: texts, messages: false, notes: [] });
    expect(ofOneKind([messages], true)).toEqual({ pairs: [messages], messages: true, notes: [] });
    expect(ofOneKind([messages], false).notes.join()).toContain('no chat template');
  });

  it('of hh-rlhf are the messages that a model with a template is shown', () => {
    const { pairs, messages, notes } = ofOneKind([turns], true);
    expect([textsOf(pairs), messages]).toEqual([[shown], true]);
    expect(notes.join()).toMatch(/hh-rlhf text.*: 1$/);
    expect(pairs[0]?.id).toBe(turns.id);
  });

  it('become messages where some are', () => {
    const { pairs, notes } = ofOneKind([messages, turns, pair('p', ' x', 'y')], null);
    expect(notes.join()).toMatch(/plain text.*: 2$/);
    expect(textsOf(pairs)).toEqual([
      [[user('q')], [assistant('a')], [assistant('b')]],
      shown,
      [[user('p')], [assistant(' x')], [assistant('y')]],
    ]);
  });

  it('hold whole characters alone', () => {
    expect(() => needWholeCharacters([messages, pair('😀', 'a', 'b')])).not.toThrow();
    expect(() => needWholeCharacters([pair([user('q\ud83d')], [assistant('a')], [assistant('b')])])).toThrow(
      'half a character',
    );
  });
});
