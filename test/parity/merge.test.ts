import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoraPair, readAdapter, writeAdapter } from '../../src/model/adapter.ts';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { mergeAdapter } from '../../src/model/merge.ts';
import { openSafetensors, readTensorF32, type TensorEntry } from '../../src/model/safetensors.ts';
import { writeSafetensors } from '../../src/model/safetensors-write.ts';
import { openPolicy } from '../../src/policy/policy.ts';
import { scorePairs } from '../../src/train/preference.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-merge-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Golden {
  readonly pairs: readonly { prompt: number[]; chosen: number[]; rejected: number[] }[];
  readonly lora: { readonly pairs: readonly { chosenLogProb: number; rejectedLogProb: number }[] };
}

/** Largest difference to what PEFT computed with the adapter, nats. */
async function distance(model: string, golden: Golden): Promise<number> {
  const policy = openPolicy(openCheckpoint(model), { trained: { method: 'none' }, threads: 1 });
  const pairs = golden.pairs.map(({ prompt, chosen, rejected }, row) => ({
    id: String(row),
    row,
    prompt: Int32Array.from(prompt),
    chosen: Int32Array.from(chosen),
    rejected: Int32Array.from(rejected),
    promptTokensCut: 0,
  }));
  const scores = await scorePairs(policy, pairs);
  await policy.dispose();
  return Math.max(
    ...scores.flatMap((score, i) => {
      const need = golden.lora.pairs[i] as Golden['lora']['pairs'][number];
      return [Math.abs(score.chosen - need.chosenLogProb), Math.abs(score.rejected - need.rejectedLogProb)];
    }),
  );
}

describe.each(['llama', 'qwen2', 'qwen3', 'gemma2', 'phi3'])('merging PEFT’s adapter into %s', (name) => {
  const model = join(GOLDEN, name);
  const golden = JSON.parse(readFileSync(join(model, 'expected.json'), 'utf8')) as Golden;

  it('gives the log-probabilities that PEFT gives with the adapter', async () => {
    const out = join(root, name);
    const merged = await mergeAdapter({ model, adapter: join(model, 'adapter'), out });
    expect(merged.modules).toBeGreaterThan(0);
    expect(await distance(out, golden)).toBeLessThan(1e-3);
    // What the adapter does not touch stays byte for byte.
    for (const file of ['config.json', 'generation_config.json'])
      expect(readFileSync(join(out, file)).equals(readFileSync(join(model, file)))).toBe(true);
    const before = openSafetensors(join(model, 'model.safetensors')).tensors;
    const after = openSafetensors(join(out, 'model.safetensors')).tensors;
    expect([...after.keys()]).toEqual([...before.keys()]);
    const same = 'model.embed_tokens.weight';
    expect(readTensorF32(after.get(same) as TensorEntry)).toEqual(
      readTensorF32(before.get(same) as TensorEntry),
    );
  });

  it('our rewriting of the adapter means the same', async () => {
    const copy = join(root, `${name}-adapter`);
    writeAdapter(copy, readAdapter(join(model, 'adapter')));
    const out = join(root, `${name}-rewritten`);
    await mergeAdapter({ model, adapter: copy, out });
    expect(await distance(out, golden)).toBeLessThan(1e-3);
  });
});

describe('mergeAdapter', () => {
  const llama = join(GOLDEN, 'llama');
  const adapter = join(GOLDEN, 'llama', 'adapter');
  const golden = JSON.parse(readFileSync(join(llama, 'expected.json'), 'utf8')) as Golden;

  it('keeps shards, half precision and tokenizer, and writes another dtype if asked', async () => {
    const out = join(root, 'sharded');
    await mergeAdapter({ model: join(GOLDEN, 'llama-sharded'), adapter, out });
    expect(await distance(out, golden)).toBeLessThan(1e-3);
    expect(existsSync(join(out, 'model.safetensors'))).toBe(false);
    const half = join(root, 'half');
    await mergeAdapter({ model: llama, adapter, out: half, dtype: 'BF16' });
    expect(openCheckpoint(half).weights.get('model.norm.weight')?.dtype).toBe('BF16');
    expect(JSON.parse(readFileSync(join(half, 'config.json'), 'utf8'))).toMatchObject({ dtype: 'bfloat16' });
    expect(await distance(half, golden)).toBeLessThan(0.5);
  });

  it('follows rsLoRA and alphas of single modules, as PEFT does', async () => {
    const changed = join(root, 'changed-adapter');
    cpSync(adapter, changed, { recursive: true });
    const file = join(changed, 'adapter_config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const { r, lora_alpha: alpha } = config as { r: number; lora_alpha: number };
    // The same numbers in other words: alpha / √r with alpha / √r, and alpha as every module's own.
    writeFileSync(file, JSON.stringify({ ...config, use_rslora: true, lora_alpha: alpha / Math.sqrt(r) }));
    const out = join(root, 'rslora');
    await mergeAdapter({ model: llama, adapter: changed, out });
    expect(await distance(out, golden)).toBeLessThan(1e-3);
    expect(readAdapter(changed).alpha).toBeCloseTo(alpha, 10);
    writeFileSync(file, JSON.stringify({ ...config, lora_alpha: 99, alpha_pattern: { '.*_proj': alpha } }));
    const patterned = join(root, 'patterned');
    await mergeAdapter({ model: llama, adapter: changed, out: patterned });
    expect(await distance(patterned, golden)).toBeLessThan(1e-3);
    expect(() => readAdapter(changed)).toThrow(/alpha_pattern is not supported.*winnow merge/);
  });

  it('refuses another model’s adapter, a full folder, and what becomes infinite; leaves nothing behind', async () => {
    const out = join(root, 'refused');
    const qwen = join(GOLDEN, 'phi3', 'adapter');
    await expect(mergeAdapter({ model: llama, adapter: qwen, out })).rejects.toThrow(
      /does not fit the model: model.layers.0.*--model/,
    );
    await expect(mergeAdapter({ model: llama, adapter, out: llama })).rejects.toThrow(/not empty/);
    const bad = join(root, 'bad-adapter');
    const { tensors, ...rest } = readAdapter(adapter);
    const [module, pair] = [...tensors][0] as [string, LoraPair];
    writeAdapter(bad, { ...rest, tensors });
    // Finite itself, and not what it is multiplied to.
    pair.a.data.fill(3e38);
    pair.b.data.fill(3e38);
    writeSafetensors(
      join(bad, 'adapter_model.safetensors'),
      Object.fromEntries(
        [...tensors].flatMap(([name, { a, b }]) => [
          [`base_model.model.${name}.lora_A.weight`, { dtype: 'F32' as const, ...a }],
          [`base_model.model.${name}.lora_B.weight`, { dtype: 'F32' as const, ...b }],
        ]),
      ),
    );
    await expect(mergeAdapter({ model: llama, adapter: bad, out })).rejects.toThrow(
      new RegExp(`${module}.*no number`.replace(/\./g, '\\.').replace('\\.*', '.*'), 's'),
    );
    expect([existsSync(out), existsSync(`${out}.partial`)]).toEqual([false, false]);
  });
});
