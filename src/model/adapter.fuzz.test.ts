import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText, oddValue, readOrRefused, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { readAdapter, readLoraDeltas, writeAdapter } from './adapter.ts';
import { type WritableTensor, writeSafetensors } from './safetensors.ts';

const MODULES = ['model.layers.0.mlp.down_proj', 'model.layers.0.self_attn.q_proj'];
const part = (shape: readonly number[]) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 1 + i),
});

let dir: string;
let weights: Buffer;
let config: Record<string, unknown>;
beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-adapter-fuzz-')));
  writeAdapter(dir, {
    baseModel: 'org/base',
    rank: 2,
    alpha: 4,
    targetModules: ['down_proj', 'q_proj'],
    tensors: new Map(MODULES.map((module) => [module, { a: part([2, 5]), b: part([3, 2]) }])),
  });
  weights = readFileSync(weightsFile());
  config = JSON.parse(readFileSync(join(dir, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const weightsFile = () => join(dir, 'adapter_model.safetensors');
const name = (module: string, half: 'A' | 'B') => `base_model.model.${module}.lora_${half}.weight`;

/** Both ways to read the adapter keep what they promise, or refuse it. */
function holds(): void {
  const whole = readOrRefused(dir, () => readAdapter(dir));
  if (whole !== null) {
    expect(Number.isSafeInteger(whole.rank) && whole.rank >= 1 && Number.isFinite(whole.alpha)).toBe(true);
    for (const [module, { a, b }] of whole.tensors) {
      expect(whole.targetModules.some((target) => `.${module}`.endsWith(`.${target}`))).toBe(true);
      expect([a.shape[0], b.shape[1]]).toEqual([whole.rank, whole.rank]);
    }
  }
  const deltas = readOrRefused(dir, () => readLoraDeltas(dir));
  for (const { a, b, scale } of [...(deltas?.modules.values() ?? []), ...(whole?.tensors.values() ?? [])].map(
    (pair) => ({ scale: 1, ...pair }),
  )) {
    expect(Number.isFinite(scale)).toBe(true);
    for (const { shape, data } of [a, b]) {
      expect(data.length).toBe((shape[0] as number) * (shape[1] as number));
      expect(data.every(Number.isFinite)).toBe(true);
    }
  }
}

describe('an adapter, whatever its files hold', () => {
  const withConfig = (text: string) => {
    writeFileSync(weightsFile(), weights);
    writeFileSync(join(dir, 'adapter_config.json'), text);
    holds();
  };

  it('any part of adapter_config.json', () => {
    const more = { ...config, rank_pattern: { q_proj: 2 }, alpha_pattern: { q_proj: 8, '.*down_proj': 2 } };
    for (const start of [config, more])
      fc.assert(
        fc.property(replacedWithin(start, oddValue), (value) => withConfig(jsonText(value))),
        seeded(120),
      );
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => withConfig(text)),
      seeded(60),
    );
  });

  it('any pattern of modules: one that is none, one that never ends', () => {
    const pattern = fc.string({ unit: fc.constantFrom(...'()[]{}*+?|\\.^$aq_proj'), maxLength: 12 });
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(pattern, fc.string()), oddValue), (patterns) =>
        withConfig(jsonText({ ...config, alpha_pattern: patterns })),
      ),
      seeded(150),
    );
    writeFileSync(
      join(dir, 'adapter_config.json'),
      jsonText({ ...config, alpha_pattern: { '([a-z_.0-9]+)+!': 1 } }),
    );
    expect(() => readLoraDeltas(dir)).toThrow(
      /adapter_config\.json: alpha_pattern cannot be matched.*timed out/,
    );
    writeFileSync(
      join(dir, 'adapter_config.json'),
      jsonText({ ...config, alpha_pattern: { 'layers.0.*': 8, '0.mlp.down_proj': 6 } }),
    );
    expect([...readLoraDeltas(dir).modules.values()].map(({ scale }) => scale)).toEqual([4, 4]);
    writeFileSync(
      join(dir, 'adapter_config.json'),
      jsonText({ ...config, alpha_pattern: { proj: 8, 'mlp\\.down_proj': 6 } }),
    );
    expect([...readLoraDeltas(dir).modules.values()].map(({ scale }) => scale)).toEqual([3, 2]);
  });

  it('any names, shapes, dtypes and numbers of tensors', () => {
    writeFileSync(join(dir, 'adapter_config.json'), jsonText(config));
    const names = fc.oneof(
      fc.constantFrom(...MODULES.flatMap((module) => [name(module, 'A'), name(module, 'B')])),
      fc.constantFrom('base_model.model..lora_A.weight', 'lora_A.weight', '__proto__', name('x', 'A')),
    );
    const value = fc.oneof(fc.double({ min: -2, max: 2 }), fc.constantFrom(Number.NaN, Infinity, -Infinity));
    const tensor = fc
      .tuple(
        fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const, 'I32' as const),
        fc.oneof(fc.constantFrom([2, 5], [3, 2]), fc.array(fc.nat(3), { maxLength: 3 })),
        fc.array(value, { minLength: 30, maxLength: 30 }),
      )
      .map(([dtype, shape, values]): WritableTensor => {
        const count = shape.reduce((a, b) => a * b, 1);
        const data = values.slice(0, count);
        return dtype === 'I32'
          ? { dtype, shape, data: Int32Array.from(data) }
          : { dtype, shape, data: Float32Array.from(data) };
      });
    fc.assert(
      fc.property(fc.dictionary(names, tensor, { maxKeys: 4 }), (tensors) => {
        const whole = Object.fromEntries(
          MODULES.flatMap((module) => [
            [name(module, 'A'), { dtype: 'F32' as const, ...part([2, 5]) }],
            [name(module, 'B'), { dtype: 'F32' as const, ...part([3, 2]) }],
          ]),
        );
        for (const some of [{ ...whole, ...tensors }, tensors]) {
          writeSafetensors(weightsFile(), some);
          holds();
        }
      }),
      seeded(60),
    );
  });

  it.each([
    ['F32', Number.NaN, 'NaN'],
    ['F32', -Infinity, '-Infinity'],
    ['F16', Infinity, 'Infinity'],
    ['BF16', Number.NaN, 'NaN'],
  ] as const)('names the tensor and the file of a number in %s that is %s', (dtype, value, got) => {
    writeFileSync(join(dir, 'adapter_config.json'), jsonText(config));
    const tensors = Object.fromEntries(
      MODULES.flatMap((module) => [
        [name(module, 'A'), { dtype, ...part([2, 5]) }],
        [name(module, 'B'), { dtype, ...part([3, 2]) }],
      ]),
    );
    (tensors[name(MODULES[1] as string, 'B')] as { data: Float32Array }).data[4] = value;
    writeSafetensors(weightsFile(), tensors);
    for (const read of [readAdapter, readLoraDeltas])
      expect(() => read(dir)).toThrow(
        `${weightsFile()}: tensor "base_model.model.${MODULES[1]}.lora_B.weight" holds NaN or an infinity (got "${got}")`,
      );
  });
});
