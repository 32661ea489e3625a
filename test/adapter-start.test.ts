import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAdapter } from '../src/model/adapter.ts';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { type LogProbRow, readTokens } from '../src/pipeline/inputs.ts';
import { loraOf, setAdapter } from '../src/policy/adapter.ts';
import { openPolicy } from '../src/policy/policy.ts';
import type { StepRecord } from '../src/train/optimise.ts';
import { scorePairs } from '../src/train/preference.ts';
import { argumentsOf, readRows, stateOf, tinyWorld, unitsOf, winnow, winnowOk } from './tiny-world.ts';

describe('training that goes on from an adapter', () => {
  const world = tinyWorld('adapter-start');
  const first = join(world.dir, 'first');
  const second = join(world.dir, 'second');
  const adapter = join(first, 'arms', 'full');
  const more = ['--quiet'];
  /** The folder of a finished unit's files. */
  const unitFolder = (run: string, kind: string) => {
    const attempts = join(unitsOf(run, kind)[0] as string, 'attempts');
    return join(attempts, readdirSync(attempts)[0] as string);
  };

  it('starts as model and adapter, which are the reference too, and changes the adapter', async () => {
    await winnowOk(argumentsOf('train', world, { out: first, arms: 'full', seeds: 1, more }));
    await winnowOk(
      argumentsOf('train', world, {
        out: second,
        arms: 'full',
        seeds: 1,
        more: [...more, '--adapter', adapter],
      }),
    );
    const start = readAdapter(adapter);
    const policy = openPolicy(openCheckpoint(world.model), { trained: loraOf(start), threads: 1 });
    setAdapter(policy, start);
    const tokens = [...readTokens(join(second, 'inputs', tokenFile(second))).values()];
    const expected = await scorePairs(policy, tokens);
    await policy.dispose();
    const rows = readRows<LogProbRow>(unitFolder(second, 'reference'), 'log-probs.jsonl');
    expect(rows.map(({ id }) => id)).toEqual(tokens.map(({ id }) => id));
    rows.forEach(({ chosen }, i) => {
      expect(Math.abs(chosen - (expected[i]?.chosen as number))).toBeLessThan(1e-4);
    });
    const before = readRows<LogProbRow>(unitFolder(first, 'reference'), 'log-probs.jsonl');
    expect(rows.some(({ chosen }, i) => Math.abs(chosen - (before[i]?.chosen as number)) > 0.01)).toBe(true);
    // Policy and reference are one at the first step.
    const steps = readRows<StepRecord>(join(second, 'arms', 'full'), 'steps.jsonl');
    expect(steps[0]?.loss).toBeCloseTo(Math.LN2, 5);
    const after = readAdapter(join(second, 'arms', 'full'));
    expect([after.rank, after.alpha]).toEqual([start.rank, start.alpha]);
    const [module, { b }] = [...start.tensors][0] as [string, { b: { data: Float32Array } }];
    expect(after.tensors.get(module)?.b.data).not.toEqual(b.data);
  });

  it('takes rank and layers from the adapter, not from the configuration', async () => {
    const other = join(world.dir, 'other-rank');
    const flags = [
      ...more,
      '--adapter',
      adapter,
      '--set',
      'training.rank=16',
      '--set',
      'training.targets=q_proj',
    ];
    await winnowOk(argumentsOf('train', world, { out: other, arms: 'full', seeds: 1, more: flags }));
    expect(readAdapter(join(other, 'arms', 'full')).rank).toBe(readAdapter(adapter).rank);
  });

  it('another adapter is another unit; what does not fit is refused', async () => {
    const changed = join(world.dir, 'changed');
    cpSync(adapter, changed, { recursive: true });
    const file = join(changed, 'adapter_config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as { lora_alpha: number };
    writeFileSync(file, JSON.stringify({ ...config, lora_alpha: 2 * config.lora_alpha }));
    const known = Object.keys(stateOf(second));
    await winnowOk(
      argumentsOf('score', world, {
        out: second,
        arms: 'full',
        seeds: 1,
        more: [...more, '--adapter', changed],
      }),
    );
    expect(
      Object.keys(stateOf(second))
        .filter((id) => !known.includes(id))
        .map((id) => id.split('-')[0]),
    ).toContain('reference');
    const full = await winnow(
      argumentsOf('score', world, { out: second, more: [...more, '--adapter', adapter, '--method', 'full'] }),
    );
    expect([full.code, full.stderr]).toEqual([2, expect.stringMatching(/winnow merge/)]);
    const none = await winnow(
      argumentsOf('score', world, { out: second, more: [...more, '--adapter', world.model] }),
    );
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/adapter_config.json/)]);
  });
});

function tokenFile(run: string): string {
  const { inputs } = JSON.parse(
    readFileSync(
      join(
        run,
        'units',
        Object.keys(stateOf(run)).find((id) => id.startsWith('reference')) as string,
        'unit.json',
      ),
      'utf8',
    ),
  ) as { inputs: { tokens: string } };
  return `tokens-${inputs.tokens.slice(0, 16)}.jsonl`;
}
