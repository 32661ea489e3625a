import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText, oddValue, readOrRefused, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { parseJson } from '../base/json.ts';
import type { DecoderConfig } from './architecture.ts';
import { ARCHITECTURES } from './architectures/index.ts';
import { openCheckpoint } from './checkpoint.ts';
import { parseConfig, rewardClassOf } from './config.ts';
import { ropeFrequencies, rotaryTables } from './rope.ts';
import { expectedTensors } from './tensors.ts';

const LAYERS = 4;
const ropes = {
  linear: { rope_type: 'linear', factor: 2 },
  llama3: {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 16,
  },
  longrope: {
    rope_type: 'longrope',
    short_factor: [1, 1, 1.5, 2],
    long_factor: [2, 2, 2, 2],
    original_max_position_embeddings: 16,
  },
};

/** A config.json with every key that some architecture reads. */
const whole = (modelType: string, className: string, activation: { key: string; name: string }) => ({
  architectures: [className],
  model_type: modelType,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: LAYERS,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  vocab_size: 32,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  rope_local_base_freq: 10000,
  rope_scaling: ropes.llama3,
  partial_rotary_factor: 1,
  tie_word_embeddings: false,
  [activation.key]: activation.name,
  attention_bias: false,
  mlp_bias: false,
  sliding_window: 8,
  use_sliding_window: true,
  sliding_window_pattern: 2,
  max_window_layers: 2,
  layer_types: Array.from({ length: LAYERS }, (_, i) => (i % 2 ? 'sliding_attention' : 'full_attention')),
  no_rope_layers: [1, 0, 1, 0],
  no_rope_layer_interval: 2,
  query_pre_attn_scalar: 8,
  attn_logit_softcapping: 50,
  final_logit_softcapping: 30,
  use_bidirectional_attention: false,
  bos_token_id: 1,
  eos_token_id: [2, 3],
});
const LANGUAGE = ARCHITECTURES.map(({ modelType, className, activation }) =>
  whole(modelType, className, activation ?? { key: 'hidden_act', name: 'silu' }),
);
const WHOLE = [
  ...LANGUAGE,
  ...LANGUAGE.map((config) => ({
    ...config,
    architectures: [rewardClassOf(config.model_type)],
    id2label: { 0: 'LABEL_0' },
    num_labels: 1,
    pad_token_id: 3,
  })),
];

/** What every configuration that is taken promises. */
function promises(config: DecoderConfig): void {
  const pad = config.reward?.padTokenId ?? null;
  expect(pad === null || (Number.isSafeInteger(pad) && pad >= 0)).toBe(true);
  const { heads, kvHeads, headDim, rotaryDim, layers, layerKinds, hiddenSize, vocabSize } = config;
  for (const size of [heads, kvHeads, headDim, rotaryDim, layers, hiddenSize, vocabSize, config.maxPositions])
    expect(Number.isSafeInteger(size) && size >= 1).toBe(true);
  expect([heads % kvHeads, headDim % 2, rotaryDim % 2, layerKinds.length]).toEqual([0, 0, 0, layers]);
  expect(rotaryDim).toBeLessThanOrEqual(headDim);
  for (const factor of [config.attentionScale, config.embeddingScale, config.rmsNormEps])
    expect(factor > 0 && factor < Infinity).toBe(true);
  for (const cap of [config.attentionSoftcap, config.logitSoftcap])
    expect(cap === null || cap > 0).toBe(true);
  for (const { window, rope } of new Set(layerKinds)) {
    expect(window === null || (Number.isSafeInteger(window) && window >= 1)).toBe(true);
    if (rope === null) continue;
    expect(ropeFrequencies(rope, rotaryDim).every((frequency) => frequency >= 0)).toBe(true);
    const { cosine, sine } = rotaryTables(rope, rotaryDim, 3);
    expect([...cosine, ...sine].every(Number.isFinite)).toBe(true);
  }
  if (layers > 64) return;
  for (const shape of expectedTensors(config).values())
    expect(shape.every((size) => Number.isSafeInteger(size) && size >= 1)).toBe(true);
}

describe('parseConfig, whatever config.json holds', () => {
  const read = (value: unknown, generation?: unknown) => {
    // As from a file: what JSON cannot hold is not there, and 1e999 is an infinity.
    const config = readOrRefused('/m/', () =>
      parseConfig(
        parseJson(jsonText(value), '/m/config.json'),
        '/m/config.json',
        generation === undefined ? undefined : { value: generation, file: '/m/generation_config.json' },
      ),
    );
    if (config !== null) promises(config);
    return config;
  };

  it('takes every architecture as it should be', () => {
    for (const config of WHOLE)
      for (const rope of [...Object.values(ropes), null])
        expect([config.model_type, read({ ...config, rope_scaling: rope })?.layers]).toEqual([
          config.model_type,
          LAYERS,
        ]);
  });

  it('any one key, at any depth', () => {
    for (const config of WHOLE)
      fc.assert(
        fc.property(replacedWithin(config, oddValue), (value) => void read(value)),
        seeded(150),
      );
  });

  it('several keys of the right kind that do not fit each other', () => {
    const number = fc.oneof(
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(
        64,
        1000,
        2 ** 16,
        2 ** 20,
        2 ** 31 - 1,
        2 ** 31,
        2 ** 53 - 1,
        1e-300,
        1e-40,
        1e39,
        0.5,
      ),
    );
    const factors = fc.array(number, { minLength: 1, maxLength: 6 });
    const rope = fc.record(
      {
        rope_type: fc.constantFrom('default', 'linear', 'llama3', 'longrope'),
        type: fc.constantFrom('default', 'linear', 'llama3', 'su'),
        ...{ factor: number, low_freq_factor: number, high_freq_factor: number, attention_factor: number },
        ...{ short_factor: factors, rope_theta: number, partial_rotary_factor: number },
        original_max_position_embeddings: number,
      },
      { requiredKeys: [] },
    );
    const sizes = ['hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads'];
    const more = ['num_key_value_heads', 'head_dim', 'vocab_size', 'max_position_embeddings', 'rope_theta'];
    const last = ['sliding_window', 'query_pre_attn_scalar', 'rms_norm_eps', 'partial_rotary_factor'];
    const changes = fc.record(
      {
        ...Object.fromEntries([...sizes, ...more, ...last].map((key) => [key, number])),
        rope_scaling: fc.oneof(rope, fc.constant(null)),
        rope_parameters: fc.oneof(
          rope,
          fc.record({ sliding_attention: rope, full_attention: rope }, { requiredKeys: [] }),
        ),
        layer_types: fc.array(fc.constantFrom('sliding_attention', 'full_attention', 'linear_attention')),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...WHOLE),
        changes,
        (config, change) => void read({ ...config, ...change }),
      ),
      seeded(1500),
    );
  });

  it('generation_config.json too', () => {
    const value = fc.oneof(oddValue, fc.record({ eos_token_id: oddValue }));
    fc.assert(
      fc.property(value, (generation) => void read(WHOLE[0], generation)),
      seeded(300),
    );
    const wrong = () =>
      parseConfig(WHOLE[0], '/m/config.json', { value: { eos_token_id: 'x' }, file: '/m/generation.json' });
    expect(wrong).toThrow(/^\/m\/generation\.json: eos_token_id is not usable.*Correct generation\.json/);
  });
});

describe('a model folder, whatever its config.json holds', () => {
  let dir: string;
  beforeAll(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-config-fuzz-')));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('any bytes, and JSON that nests to any depth', () => {
    const open = (content: string | Uint8Array) => {
      writeFileSync(join(dir, 'config.json'), content);
      expect(readOrRefused(dir, () => openCheckpoint(dir))).toBeNull();
    };
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.json());
    fc.assert(fc.property(bytes, open), seeded(200));
    open('['.repeat(200_000));
    open(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    open(`{"model_type":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`);
    open(`{"model_type":"${'x'.repeat(20_000_000)}"`);
  });
});
