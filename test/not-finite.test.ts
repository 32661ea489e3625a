import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeAdapter } from '../src/model/adapter.ts';
import { llamaConfig, writeCheckpoint } from '../src/model/checkpoint.ts';
import { argumentsOf, TINY_DECODER, tinyWeights, tinyWorld, winnow, writeModel } from './tiny-world.ts';

describe('weights that are no numbers', () => {
  const world = tinyWorld('not-finite');

  it.concurrent.each([
    ['F32', Number.NaN],
    ['BF16', Infinity],
    ['F16', -Infinity],
  ] as const)(
    'a model that holds, in %s, %s: told with tensor and file, and nothing is scored',
    async (dtype, value) => {
      const tensor = 'model.layers.1.mlp.up_proj.weight';
      const weights = tinyWeights();
      weights.get(tensor)?.data.fill(value, 0, 8);
      const model = writeModel(join(world.dir, `model-${dtype}`));
      rmSync(join(model, 'model.safetensors'));
      writeCheckpoint(model, llamaConfig(TINY_DECODER), weights, { dtype });
      const out = join(world.dir, `out-${dtype}`);
      const { code, stderr } = await winnow(argumentsOf('score', { ...world, model }, { out, seeds: 1 }));
      const file = join(model, 'model.safetensors');
      expect(stderr).toMatch(/row \d+: .*pair \w+ is not a number under the start model/);
      expect(stderr).toContain(`Its tensor ${tensor} in ${file} holds ${value}: fetch the model again`);
      expect(code).toBe(2);
      expect(existsSync(join(out, 'scores.jsonl'))).toBe(false);
      const units = join(out, 'units');
      expect(
        (existsSync(units) ? readdirSync(units) : []).filter((unit) => unit.startsWith('scoring')),
      ).toEqual([]);
    },
  );

  it.concurrent('an adapter to go on from that holds NaN: told with tensor and file', async () => {
    const adapter = join(world.dir, 'adapter');
    const b = { shape: [32, 2], data: new Float32Array(64) };
    b.data[5] = Number.NaN;
    writeAdapter(adapter, {
      baseModel: world.model,
      rank: 2,
      alpha: 4,
      targetModules: ['q_proj'],
      tensors: new Map([
        ['model.layers.0.self_attn.q_proj', { a: { shape: [2, 32], data: new Float32Array(64) }, b }],
      ]),
    });
    const out = join(world.dir, 'out-adapter');
    const more = ['--adapter', adapter];
    const { code, stdout, stderr } = await winnow(argumentsOf('train', world, { out, seeds: 1, more }));
    expect(stderr).toContain(
      `${join(adapter, 'adapter_model.safetensors')}: tensor "base_model.model.model.layers.0.`,
    );
    expect(stderr).toMatch(/holds NaN or an infinity \(got "NaN"\)\. .*train or fetch it again/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
