import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { type Adapter, readAdapter, writeAdapter } from './adapter.ts';
import { openSafetensors, type WritableTensor, writeSafetensors } from './safetensors.ts';

const values = (n: number, from: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(from + i));
const ADAPTER: Adapter = {
  baseModel: 'org/base',
  rank: 2,
  alpha: 4.5,
  targetModules: ['q_proj', 'down_proj'],
  tensors: new Map([
    [
      'model.layers.0.mlp.down_proj',
      { a: { shape: [2, 5], data: values(10, 1) }, b: { shape: [3, 2], data: values(6, 2) } },
    ],
    [
      'model.layers.0.self_attn.q_proj',
      { a: { shape: [2, 3], data: values(6, 3) }, b: { shape: [4, 2], data: values(8, 4) } },
    ],
  ]),
};

let dir: string;
const config = () => join(dir, 'adapter_config.json');
const weights = () => join(dir, 'adapter_model.safetensors');
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'winnow-adapter-'));
  writeAdapter(dir, ADAPTER);
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

function edit(change: Record<string, unknown>): void {
  writeFileSync(config(), JSON.stringify({ ...JSON.parse(readFileSync(config(), 'utf8')), ...change }));
}

const one = (shape: number[]): WritableTensor => ({
  dtype: 'F32',
  shape,
  data: values(shape[0]! * shape[1]!, 1),
});

describe('writeAdapter and readAdapter', () => {
  it('round-trip', () => {
    expect(readAdapter(dir)).toEqual(ADAPTER);
  });

  it("has PEFT's layout", () => {
    expect(JSON.parse(readFileSync(config(), 'utf8'))).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      r: 2,
      lora_alpha: 4.5,
      lora_dropout: 0,
      target_modules: ['q_proj', 'down_proj'],
      bias: 'none',
      base_model_name_or_path: 'org/base',
      inference_mode: true,
      fan_in_fan_out: false,
      modules_to_save: null,
      use_rslora: false,
      use_dora: false,
    });
    const { tensors, metadata } = openSafetensors(weights());
    expect(metadata).toEqual({ format: 'pt' });
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['base_model.model.model.layers.0.mlp.down_proj.lora_A.weight', [2, 5]],
      ['base_model.model.model.layers.0.mlp.down_proj.lora_B.weight', [3, 2]],
      ['base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight', [2, 3]],
      ['base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight', [4, 2]],
    ]);
  });

  it('leaves no configuration when the weights cannot be written', () => {
    rmSync(weights());
    const broken = new Map([
      ['q_proj', { a: { shape: [2, 3], data: values(5, 0) }, b: { shape: [4, 2], data: values(8, 0) } }],
    ]);
    expect(caught(() => writeAdapter(dir, { ...ADAPTER, tensors: broken })).code).toBe('tensor-mismatch');
    expect(existsSync(config())).toBe(false);
  });

  it('refuse what does not fit the rank or the targets', () => {
    expect(caught(() => writeAdapter(dir, { ...ADAPTER, rank: 3 })).message).toMatch(
      /lora_A of .* does not fit the rank/,
    );
    expect(caught(() => writeAdapter(dir, { ...ADAPTER, targetModules: ['proj'] })).message).toMatch(
      /not among the target/,
    );
    expect(caught(() => writeAdapter(dir, { ...ADAPTER, tensors: new Map() })).code).toBe('bad-adapter');
    expect(caught(() => writeAdapter(dir, { ...ADAPTER, alpha: Number.NaN })).code).toBe('bad-adapter');
    expect(readAdapter(dir)).toEqual(ADAPTER); // a refused write changes nothing
    edit({ r: 4 });
    expect(caught(() => readAdapter(dir)).message).toMatch(/need "\[4, in\]", got \[2,5\]/);
  });
});

describe('readAdapter', () => {
  it('says what is missing', () => {
    rmSync(config());
    expect(caught(() => readAdapter(dir)).message).toMatch(/no adapter_config.json.*not written to its end/);
    writeAdapter(dir, ADAPTER);
    rmSync(weights());
    expect(caught(() => readAdapter(dir))).toMatchObject({
      code: 'adapter-missing',
      fields: { need: 'adapter_model.safetensors' },
    });
  });

  it.each([
    ['use_dora', true],
    ['bias', 'all'],
    ['lora_bias', true],
    ['fan_in_fan_out', true],
    ['modules_to_save', ['lm_head']],
    ['rank_pattern', { q_proj: 8 }],
    ['alpha_pattern', { q_proj: 8 }],
    ['init_lora_weights', 'pissa_niter_4'],
    ['peft_type', 'IA3'],
  ])('does not support %s = %j and says so', (key, value) => {
    edit({ [key]: value });
    const error = caught(() => readAdapter(dir));
    expect(error).toMatchObject({ kind: 'input', code: 'unsupported-adapter', fields: { key, got: value } });
    expect(error.message).toContain(key);
  });

  it('accepts a pattern of targets and half precision', () => {
    edit({ target_modules: '.*(q|down)_proj' });
    expect(readAdapter(dir).targetModules).toEqual(['down_proj', 'q_proj']);
    const data = new Float32Array([1, 2, 3, 4]);
    writeSafetensors(weights(), {
      'base_model.model.q_proj.lora_A.weight': { dtype: 'BF16', shape: [2, 2], data },
      'base_model.model.q_proj.lora_B.weight': { dtype: 'F16', shape: [2, 2], data },
    });
    expect(readAdapter(dir).tensors.get('q_proj')).toEqual({
      a: { shape: [2, 2], data },
      b: { shape: [2, 2], data },
    });
  });

  it('refuses half a pair and tensors that are not of LoRA on linear modules', () => {
    writeSafetensors(weights(), { 'base_model.model.q_proj.lora_A.weight': one([2, 2]) });
    expect(caught(() => readAdapter(dir))).toMatchObject({
      code: 'bad-adapter',
      fields: { need: 'q_proj.lora_B.weight' },
    });
    writeSafetensors(weights(), { 'base_model.model.q_proj.lora_magnitude_vector': one([2, 2]) });
    expect(caught(() => readAdapter(dir)).code).toBe('unsupported-adapter');
  });
});
